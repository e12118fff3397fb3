using System.Xml.Linq;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Tests.Exports;

/// <summary>What a Green Button feed says of money is what a real invoice said.</summary>
public sealed class LastBillTests : IAsyncLifetime
{
    private static readonly XNamespace Espi = "http://naesb.org/espi";
    private readonly MigratedDatabase database = new();
    private BillingSite site = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new BillingSite(database.Source, 2);
        await site.ProvisionAsync();
        await site.ReadAsync(BillingSite.October, new(2026, 12, 1));
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task A_feed_names_the_last_issued_invoice_of_its_service_point_to_the_cent()
    {
        Assert.Null(await SummaryAsync("2026-12-01"));
        await site.BillAsync(issue: true);
        await site.BillAsync(issue: true, new(2026, 11, 1));
        var (october, november) = (await TotalAsync("2026-10-01"), await TotalAsync("2026-11-01"));
        Assert.NotEqual(october, november);

        var summary = (await SummaryAsync("2026-12-01"))!;
        Assert.Equal((november, 0m, 978), (Money(summary, "billLastPeriod"), Money(summary, "costAdditionalLastPeriod"), (int)summary.Element(Espi + "currency")!));
        Assert.Equal((BillingSite.StartOf(new(2026, 11, 1)).ToUnixTimeSeconds(), 30 * 86_400L), Period(summary));
        Assert.Equal(30 * 96 * 101L, (long)summary.Element(Espi + "overallConsumptionLastPeriod")!.Element(Espi + "value")!);

        // A feed of October alone ends with October's bill.
        var earlier = (await SummaryAsync("2026-11-01"))!;
        Assert.Equal((october, 745 * 3_600L), (Money(earlier, "billLastPeriod"), Period(earlier).Duration));

        // Taken back, November is no bill any more.
        var bill = Cloud.Billing.BillId.Of(new BillKey("A0001", "C0001", new(2026, 11, 1), 1));
        Assert.Equal(Cloud.Billing.DecisionOutcome.Done, await new Cloud.Billing.BillDecisions(database.Source, site.Metering.Time).CancelAsync(bill, "test", "a test", null, default));
        await site.Cycle.IssueWaitingAsync(default);
        Assert.Equal(october, Money((await SummaryAsync("2026-12-01"))!, "billLastPeriod"));
    }

    private async Task<XElement?> SummaryAsync(string to)
    {
        var (request, _) = UsageBilling.Cloud.Exports.ExportRequest.Read("greenbutton", "P0001/ActiveEnergy/Import", "2026-10-01", to);
        using var stream = new MemoryStream();
        await new UsageBilling.Cloud.Exports.Export(database.Source, site.Metering.Time).WriteAsync(request!, () => stream, default);
        return XDocument.Load(new MemoryStream(stream.ToArray())).Descendants(Espi + "UsageSummary").SingleOrDefault();
    }

    // ESPI counts hundred-thousandths of the currency.
    private static decimal Money(XElement summary, string name) => (long)summary.Element(Espi + name)! / 100_000m;

    private static (long Start, long Duration) Period(XElement summary) =>
        ((long)summary.Element(Espi + "billingPeriod")!.Element(Espi + "start")!, (long)summary.Element(Espi + "billingPeriod")!.Element(Espi + "duration")!);

    private Task<decimal> TotalAsync(string period) =>
        site.ScalarAsync<decimal>($"SELECT total FROM invoice WHERE account_id = 'A0001' AND period_start = '{period}' AND kind = 'invoice'");
}
