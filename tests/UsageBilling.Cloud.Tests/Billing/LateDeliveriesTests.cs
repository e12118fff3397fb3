using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>Whatever feeds a channel, what changes after a bill proposes a rebill and says by how much.</summary>
public class LateDeliveriesTests
{
    [Theory]
    [InlineData(30)]
    [InlineData(60)]
    public async Task Late_deliveries_and_formulas_propose_rebills_too_with_the_difference_of_each_interval(int minutes)
    {
        await using var scene = await Scene.CreateAsync(2, _ => Task.CompletedTask);
        var site = scene.Site;
        var now = site.Metering.Time.GetCurrentInstant();
        var measurand = new Measurand(Quantity.ActiveEnergy, Direction.Import);
        var document = site.Document();
        ((JsonArray)document["accounts"]!).Add(document["accounts"]![0]!.DeepClone());
        ((JsonArray)document["contracts"]!).Add(document["contracts"]![0]!.DeepClone());
        foreach (var point in new[] { "IMPORT", "COMMON" })
        {
            var place = document["servicePoints"]![0]!.DeepClone();
            (place["id"], place["meteringPoint"]) = (point, point);
            ((JsonArray)document["servicePoints"]!).Add(place);
        }

        (document["accounts"]![2]!["id"], document["contracts"]![2]!["account"], document["contracts"]![2]!["servicePoint"]) = ("A0003", "A0003", "IMPORT");
        ((JsonArray)document["accounts"]!).Add(document["accounts"]![0]!.DeepClone());
        ((JsonArray)document["contracts"]!).Add(document["contracts"]![0]!.DeepClone());
        (document["accounts"]![3]!["id"], document["contracts"]![3]!["account"], document["contracts"]![3]!["servicePoint"]) = ("A0004", "A0004", "COMMON");
        var imported = new ChannelKey("IMPORT", measurand);
        await site.Metering.Administration.RegisterAsync(new ChannelRegistration(imported, 0, "Europe/Berlin", ChannelFeed.Deliveries), default);
        document["virtualChannels"] = new JsonArray(new JsonObject { ["servicePoint"] = "COMMON", ["plus"] = new JsonArray(new JsonObject { ["servicePoint"] = "IMPORT" }) });
        await site.ProvisionAsync(document);

        await DeliverAsync(30, (_, _) => 100, now);
        await site.BillAsync(issue: true);
        var noon = new LocalDate(2026, 10, 10);
        await DeliverAsync(minutes, (day, slot) => (100 * minutes / 30) + (day == noon && slot == 720 / minutes ? 40 : 0), now + Duration.FromHours(1));
        await new RebillProposals(site.Database, site.Metering.Time).TakeAsync(default);
        Assert.Equal(2L, await site.ScalarAsync<long>("SELECT count(DISTINCT bill_id) FROM rebill_proposal WHERE state = 'open' AND account_id IN ('A0003', 'A0004')"));
        foreach (var account in new[] { "A0003", "A0004" })
        {
            var bill = BillId.Of(new BillKey(account, "C0001", BillingSite.October, 1));
            var change = Assert.Single((await BillDetails.ChangesAsync(site.Database, site.Metering.Store, bill, default))!);
            Assert.Equal((Instant.FromUtc(2026, 10, 10, 12, 0), minutes, 40m), (change.From, change.Minutes, change.Difference));
        }

        Assert.Empty((await site.VerifyAsync()).Differences);

        async Task DeliverAsync(int length, Func<LocalDate, int, long> quantity, Instant statedAt)
        {
            await using var connection = await site.Database.OpenConnectionAsync();
            var days = Enumerable.Range(-1, 33).Select(d => BillingSite.October.PlusDays(d)).Select(day => new DeliveredDay(
                imported.Id, day, new IntervalDay(length, [.. Enumerable.Range(0, 1440 / length).Select(s => quantity(day, s))], [.. Enumerable.Repeat((byte)4, 1440 / length)]), statedAt));
            await ChannelDeliveries.DeliverAsync(connection, Guid.NewGuid(), [.. days], now, default);
            using var worker = new DerivedDays(site.Database, site.Metering.Time, NullLogger<DerivedDays>.Instance);
            await worker.DrainAsync(default);
        }
    }
}
