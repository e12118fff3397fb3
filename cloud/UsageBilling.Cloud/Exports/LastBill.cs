using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Invoices;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Cloud.Exports;

/// <summary>The last issued bill of a service point, for a Green Button feed's summary.</summary>
internal static class LastBill
{
    // ISO 4217 numbers that ESPI's list names, and a few neighbours.
    private static readonly Dictionary<string, int> Currencies = new()
    {
        ["AUD"] = 36, ["BRL"] = 986, ["CAD"] = 124, ["CHF"] = 756, ["CNY"] = 156, ["CZK"] = 203, ["DKK"] = 208, ["EUR"] = 978, ["GBP"] = 826, ["HUF"] = 348, ["INR"] = 356, ["JPY"] = 392,
        ["MXN"] = 484, ["NOK"] = 578, ["NZD"] = 554, ["PLN"] = 985, ["SEK"] = 752, ["USD"] = 840, ["ZAR"] = 710,
    };

    /// <summary>The summary of the last invoice whose period ends by <paramref name="to"/> and that no credit note took back; null where there is none.</summary>
    public static async Task<GreenButtonSummary?> FindAsync(NpgsqlDataSource database, ExportedChannel channel, Instant to, CancellationToken cancellationToken)
    {
        if (await SiteSearch.FindAsync(database, channel.Key.Point, cancellationToken) is not { Account.Length: > 0 } site)
        {
            return null;
        }

        var documents = await AllAsync(database, site.Account, cancellationToken);
        var credited = documents.Where(d => d.Kind == "credit-note").Select(d => d.Preceding).ToHashSet();
        foreach (var invoice in documents.Where(d => d.Kind == "invoice" && !credited.Contains(d.Number)).OrderByDescending(d => d.PeriodEnd))
        {
            var end = LocalPeriod.StartOfDay(invoice.PeriodEnd, channel.Zone);
            if (end > to || !Currencies.TryGetValue(invoice.Currency, out var currency)
                || await BillDetails.FindAsync(database, invoice.Bill, cancellationToken) is not { } bill || bill.Content.Supply.ServicePoint != channel.Key.Point)
            {
                continue;
            }

            var start = LocalPeriod.StartOfDay(invoice.PeriodStart, channel.Zone);
            // Every charge is a line of the bill: there are no costs beside it.
            return new GreenButtonSummary(start, end, invoice.Total, 0m, currency, await SumAsync(database, channel, start, end, cancellationToken));
        }

        return null;
    }

    private static async Task<List<InvoiceSummary>> AllAsync(NpgsqlDataSource database, string account, CancellationToken cancellationToken)
    {
        var all = new List<InvoiceSummary>();
        List<InvoiceSummary> page;
        do
        {
            page = await InvoiceReading.ListAsync(database, account, all.Count == 0 ? string.Empty : all[^1].Number, 500, cancellationToken);
            all.AddRange(page);
        }
        while (page.Count == 500);
        return all;
    }

    private static async Task<long> SumAsync(NpgsqlDataSource database, ExportedChannel channel, Instant from, Instant to, CancellationToken cancellationToken)
    {
        var sum = 0L;
        await foreach (var day in ChannelDays.ReadAsync(database, channel.Key.Id, UtcDay.Of(from), UtcDay.Of(to).PlusDays(1), cancellationToken))
        {
            for (var slot = 0; slot < day.Intervals.Slots; slot++)
            {
                var at = UtcDay.StartOf(day.Day) + Duration.FromMinutes((long)slot * day.Intervals.IntervalMinutes);
                sum += at >= from && at < to ? day.Intervals.Quantities[slot] : 0;
            }
        }

        return sum;
    }
}
