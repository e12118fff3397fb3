using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Invoices;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>From stored intervals to issued invoices, each on a database of its own.</summary>
public class BillRunTests
{
    [Fact]
    public async Task A_month_is_billed_issued_posted_and_rendered_and_verifies()
    {
        await using var scene = await Scene.CreateAsync(3);
        var site = scene.Site;
        var done = await site.BillAsync(issue: true);
        await site.Cycle.RenderAsync(null, default);

        Assert.Equal((3, 3, 0, 0, 3), (done.Contracts, done.Billed, done.Held, done.Failed, done.Issued));
        Assert.Equal(["SW-2026-000001", "SW-2026-000002", "SW-2026-000003"], await site.NumbersAsync());
        // 745 hours (the clock went back on the 25th) of 4 × 101 Wh: 300.98 kWh × 0.30 + 31 days × 0.25 = 98.04 net; VAT 18.63.
        Assert.Equal(116.67m, await site.ScalarAsync<decimal>("SELECT total FROM invoice WHERE account_id = 'A0001'"));
        Assert.Equal(6L, await site.ScalarAsync<long>("SELECT count(*) FROM invoice_document"));
        Assert.Equal(0L, await site.ScalarAsync<long>("SELECT count(*) FROM document_pending"));
        Assert.Equal(3L, await site.ScalarAsync<long>("SELECT count(*) FROM ledger_posting"));
        var report = await site.VerifyAsync();
        Assert.Empty(report.Differences);
        Assert.Empty(report.Pending);
    }

    [Fact]
    public async Task A_second_run_changes_nothing()
    {
        await using var scene = await Scene.CreateAsync(3);
        await scene.Site.BillAsync(issue: false);
        var before = await scene.BillsAsync();
        var again = await scene.Site.BillAsync(issue: false);
        Assert.Equal((0, 3), (again.Billed, again.Unchanged));
        Assert.Equal(before, await scene.BillsAsync());
        await scene.Site.BillAsync(issue: true);
        var issued = await scene.Site.BillAsync(issue: true);
        Assert.Equal((0, 3, 0), (issued.Billed, issued.Unchanged, issued.Issued));
        Assert.Equal(3L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM invoice"));
    }

    [Theory]
    [InlineData(IssuingStep.Frozen)]
    [InlineData(IssuingStep.Numbered)]
    [InlineData(IssuingStep.Issued)]
    public async Task Issuing_that_is_killed_after_any_step_is_completed_without_gaps_or_doubles(IssuingStep step)
    {
        await using var scene = await Scene.CreateAsync(3);
        await scene.Site.BillAsync(issue: false);
        var killed = scene.Site.Issuing(at =>
        {
            if (at == step)
            {
                throw new InvalidOperationException("killed");
            }
        });
        await Assert.ThrowsAsync<InvalidOperationException>(() => killed.IssueAsync(BillingSite.October, BillingSite.October.PlusMonths(1), null, null, null, default));
        var waiting = await scene.Site.VerifyAsync();
        Assert.Empty(waiting.Differences);

        await scene.Site.BillAsync(issue: true);
        Assert.Equal(["SW-2026-000001", "SW-2026-000002", "SW-2026-000003"], await scene.Site.NumbersAsync());
        Assert.Equal(3L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM ledger_posting"));
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task Two_hosts_that_issue_at_once_number_without_gaps()
    {
        await using var scene = await Scene.CreateAsync(8);
        await scene.Site.BillAsync(issue: false);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => scene.Site.Issuing().IssueAsync(BillingSite.October, BillingSite.October.PlusMonths(1), null, null, null, default)));
        Assert.Equal(Enumerable.Range(1, 8).Select(n => $"SW-2026-{n:D6}"), await scene.Site.NumbersAsync());
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_bill_with_missing_intervals_is_held_and_the_others_go_on()
    {
        await using var scene = await Scene.CreateAsync(3, site => site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 11, 1), i => i != 2));
        await scene.Site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 10, 20), i => i == 2);
        var done = await scene.Site.BillAsync(issue: true);
        Assert.Equal((1, 2), (done.Held, done.Issued));
        Assert.Equal("held", await scene.Site.ScalarAsync<string>("SELECT state FROM bill WHERE account_id = 'A0002'"));
        Assert.Contains("have no quantity", await scene.Site.ScalarAsync<string>("SELECT hold_reason FROM bill WHERE account_id = 'A0002'"), StringComparison.Ordinal);

        await scene.Site.ReadAsync(new LocalDate(2026, 10, 20), new LocalDate(2026, 11, 1), i => i == 2);
        var completed = await scene.Site.BillAsync(issue: true);
        Assert.Equal((1, 0, 1), (completed.Billed, completed.Held, completed.Issued));
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_bill_ends_where_the_next_one_begins()
    {
        await using var scene = await Scene.CreateAsync(1, site => site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 12, 1)));
        await scene.Site.BillAsync(issue: true);
        var next = await scene.Site.BillAsync(issue: true, BillingSite.October.PlusMonths(1));
        Assert.Equal((0, 1), (next.Held, next.Issued));
        var october = await scene.BillAsync("A0001", BillingSite.October);
        var november = await scene.BillAsync("A0001", BillingSite.October.PlusMonths(1));
        Assert.Equal(october.Supply.Meters[0].End.Value, november.Supply.Meters[0].Start.Value);
        Assert.Equal(november.Supply.Meters[0].End.Value - october.Supply.Meters[0].Start.Value, october.Usage[0].Quantity + november.Usage[0].Quantity);
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_meter_exchanged_at_seven_past_ten_is_billed_in_both_parts()
    {
        await using var scene = await Scene.CreateAsync(1, async site =>
        {
            var exchange = BillingSite.StartOf(new LocalDate(2026, 10, 14)) + Duration.FromMinutes((10 * 60) + 7);
            var start = BillingSite.StartOf(BillingSite.October);
            var end = BillingSite.StartOf(BillingSite.October.PlusMonths(1));
            var before = (int)((exchange - start).TotalMinutes / 15) + 1;
            var firstAfter = start + Duration.FromMinutes(before * 15L);
            await site.JournalAsync(Tests.Metering.MeteringSite.Grid(site.Register(1), start, before, i => 500_000 + (i * 200L)));
            var last = 500_000 + ((before - 1) * 200L) + 90;
            await site.Metering.RegisterAsync(site.Register(1, "N"));
            var channel = new Protocols.ChannelKey("P0001", new Protocols.Measurand(Protocols.Quantity.ActiveEnergy, Protocols.Direction.Import));
            await site.Metering.Administration.ExchangeAsync(
                new Cloud.Metering.RegisterRemoval(site.Register(1), exchange, last),
                new Cloud.Metering.RegisterInstallation(channel, site.Register(1, "N"), exchange, 17, 9, UsageBilling.Metering.Registers.Fraction.One),
                default);
            await site.JournalAsync(Tests.Metering.MeteringSite.Grid(site.Register(1, "N"), firstAfter, (int)((end - firstAfter).TotalMinutes / 15) + 1, i => 127 + (i * 200L)));
            await site.ProjectAsync();
        });
        var done = await scene.Site.BillAsync(issue: true);
        var bill = await scene.BillAsync("A0001", BillingSite.October);
        Assert.Equal((0, 1), (done.Held, done.Issued));
        Assert.Equal(2, bill.Supply.Meters.Count);
        Assert.Equal(745 * 4 * 0.2m, bill.Usage[0].Quantity); // every quarter hour 200 Wh; the one of the exchange 90 + 110
        Assert.Equal(bill.Usage[0].Quantity, bill.Supply.Meters.Sum(m => m.Consumption));
        Assert.Equal((0.017m, ReadKind.Exchange), (bill.Supply.Meters[1].Start.Value, bill.Supply.Meters[1].Start.Kind));
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_new_price_within_the_month_splits_the_line_and_names_both_versions()
    {
        await using var scene = await Scene.CreateAsync(1);
        var document = scene.Site.Document();
        ((System.Text.Json.Nodes.JsonArray)document["tariffs"]!).Add(new System.Text.Json.Nodes.JsonObject { ["document"] = BillingSite.Tariff("flat", "2", "2026-10-11", 0.40m) });
        await scene.Site.ProvisionAsync(document);
        await scene.Site.BillAsync(issue: true);
        var bill = await scene.BillAsync("A0001", BillingSite.October);
        Assert.Equal(["flat@1", "flat@2"], bill.Tariffs.Select(t => t.Version));
        Assert.Equal(bill.Usage[0].Quantity, bill.Charges.Lines.Where(l => l.Component == "energy").Sum(l => l.Quantity));
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_contract_says_to_billing_what_it_says_to_rate()
    {
        await using var scene = await Scene.CreateAsync(1, ReadAsync, Contracted);
        var done = await scene.Site.BillAsync(issue: true);
        var november = await scene.Site.BillAsync(issue: true, BillingSite.October.PlusMonths(1));
        Assert.Equal((0, 1, 0, 1), (done.Held, done.Issued, november.Held, november.Issued));

        // 101 Wh and 76 varh a quarter of an hour: 0.404 kW, cos φ 0.80.
        var lines = (await scene.BillAsync("A0001", BillingSite.October)).Charges.Lines.ToDictionary(line => line.Component, line => line.Amount);
        Assert.Equal(800m, lines["capacity"]); // 80 kW contracted × 10
        Assert.Equal(4.04m, lines["peak"]); // the declared hour × 10
        Assert.Equal(60m, lines["power-factor"]); // 15 hundredths below the contract's 0.95 × 0.5 % of 800
        Assert.Equal(-50m, lines["prepaid"]); // the contract's opening balance
        var next = (await scene.BillAsync("A0001", BillingSite.October.PlusMonths(1))).Charges.Lines.Select(line => line.Component);
        Assert.DoesNotContain("prepaid", next); // used up by the bill before
        Assert.DoesNotContain("peak", next);
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);

        static void Contracted(JsonObject document)
        {
            var tariff = BillingSite.Tariff("works", "1", "2024-01-01", 0.30m);
            foreach (var component in new[]
            {
                """{"kind":"capacity","id":"capacity","description":"Capacity","price":10,"excessPrice":20}""",
                """{"kind":"coincident","id":"peak","description":"System peak","group":"winter","price":10}""",
                """{"kind":"power-factor","id":"power-factor","description":"Power factor","of":["capacity"]}""",
                """{"kind":"credit","id":"prepaid","description":"Prepaid"}""",
            })
            {
                ((JsonArray)tariff["components"]!).Add(JsonNode.Parse(component));
            }

            ((JsonArray)document["tariffs"]!).Add(new JsonObject { ["document"] = tariff });
            ((JsonArray)document["meters"]![0]!["registers"]!).Add(new JsonObject { ["obis"] = "1-0:3.8.0", ["scale"] = 0, ["digits"] = 9 });
            document["contracts"]![0]!["tariff"] = "works";
            document["contracts"]![0]!["parameters"] = JsonNode.Parse("""
                {"contractedKw":80,"powerFactor":{"target":"0.95","percentPerHundredth":0.5},"coincidentHours":{"winter":["2026-10-14T18:00:00+02:00"]},
                 "openingBalances":{"credit:prepaid":50},"comment":"{as agreed}"}
                """);
        }

        static async Task ReadAsync(BillingSite site)
        {
            await site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 12, 1));
            var reactive = new Protocols.RegisterKey("acme", "M1", Protocols.ObisCode.ReactiveImport);
            var quarters = (int)((BillingSite.StartOf(new LocalDate(2026, 12, 1)) - BillingSite.StartOf(BillingSite.October)).TotalMinutes / 15);
            await site.JournalAsync(Tests.Metering.MeteringSite.Grid(reactive, BillingSite.StartOf(BillingSite.October), quarters + 1, i => i * 76L));
            await site.ProjectAsync();
        }
    }

    [Fact]
    public async Task Late_data_proposes_a_rebill_and_the_rebill_names_the_old_invoice()
    {
        await using var scene = await Scene.CreateAsync(1, async site =>
        {
            // A day without readings in the middle: interpolated when billed.
            await site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 10, 10));
            await site.ReadAsync(new LocalDate(2026, 10, 11), new LocalDate(2026, 11, 1));
        });
        await scene.Site.BillAsync(issue: true);
        Assert.Equal(["SW-2026-000001"], await scene.Site.NumbersAsync());

        var noon = BillingSite.StartOf(new LocalDate(2026, 10, 10)) + Duration.FromHours(12);
        await scene.Site.JournalAsync([new Protocols.Reading(scene.Site.Register(1), noon, await scene.DisplayAsync(noon) + 400, 0, Protocols.ReadingQuality.Good)]);
        await scene.Site.ProjectAsync();
        await new RebillProposals(scene.Site.Database, scene.Site.Metering.Time).TakeAsync(default);
        Assert.Equal(1L, await scene.Site.ScalarAsync<long>("SELECT count(DISTINCT bill_id) FROM rebill_proposal WHERE state = 'open'"));
        var report = await scene.Site.VerifyAsync();
        Assert.Empty(report.Differences);
        Assert.Contains(report.Pending, p => p.Kind == "rebill");

        var bill = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1));
        Assert.Equal(DecisionOutcome.Done, await new BillDecisions(scene.Site.Database, scene.Site.Metering.Time).CancelAsync(bill, "test", "a reading came late", null, default));
        Assert.Equal(1, await scene.Site.Cycle.IssueWaitingAsync(default));
        var rebilled = await scene.Site.Cycle.RebillAsync(BillingSite.October, "A0001", "C0001", default);
        Assert.Equal(1, rebilled.Issued);
        Assert.Equal(["SW-2026-000001", "SW-2026-000002", "SWC-2026-000001"], await scene.Site.NumbersAsync());
        Assert.Equal("SW-2026-000001", await scene.Site.ScalarAsync<string>("SELECT preceding FROM invoice WHERE invoice_number = 'SWC-2026-000001'"));
        Assert.Equal("SW-2026-000001", await scene.Site.ScalarAsync<string>("SELECT preceding FROM invoice WHERE invoice_number = 'SW-2026-000002'"));
        Assert.Equal(0L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM rebill_proposal WHERE state = 'open'"));
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_held_bill_is_released_by_a_person_with_a_reason_unless_an_error_stands_on_it()
    {
        await using var scene = await Scene.CreateAsync(1);
        await scene.Site.BillAsync(issue: false);
        var bill = BillId.Of(new BillKey("A0001", "C0001", BillingSite.October, 1));
        var decisions = new BillDecisions(scene.Site.Database, scene.Site.Metering.Time);
        Assert.Equal(DecisionOutcome.Done, await decisions.HoldAsync(bill, "eve", "look at it", new(BillState.Approved), default));
        Assert.Equal(0, (await scene.Site.BillAsync(issue: true)).Issued);
        Assert.Equal(DecisionOutcome.Changed, await decisions.ReleaseAsync(bill, "eve", "fine", new(BillState.Approved), default));
        Assert.Equal(DecisionOutcome.Done, await decisions.ReleaseAsync(bill, "eve", "fine", new(BillState.Held), default));
        Assert.Equal(1, (await scene.Site.BillAsync(issue: true)).Issued);
        Assert.Equal(DecisionOutcome.NotPossible, await decisions.HoldAsync(bill, "eve", "too late", null, default));
        Assert.Equal(2L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM audit WHERE actor = 'eve'"));
    }
}
