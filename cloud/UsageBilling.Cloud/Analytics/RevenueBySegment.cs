using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Invoices;

namespace UsageBilling.Cloud.Analytics;

/// <summary>Revenue of a segment in a currency: invoices less credit notes, of the billed periods that begin in the days asked for.</summary>
internal sealed record SegmentRevenue(string Segment, string Currency, int Invoices, int CreditNotes, decimal Net, decimal Tax, decimal Total);

/// <summary>Adds up issued documents, account by account.</summary>
internal static class RevenueBySegment
{
    private const int AccountsAtOnce = 1000;

    public static async Task<List<SegmentRevenue>> ReadAsync(NpgsqlDataSource database, LocalDate from, LocalDate to, CancellationToken cancellationToken)
    {
        var sums = new SortedDictionary<(string, string), SegmentRevenue>();
        var after = "";
        while (true)
        {
            var accounts = await InvoiceReading.RevenueAsync(database, from, to, after, AccountsAtOnce, cancellationToken);
            if (accounts.Count == 0)
            {
                return [.. sums.Values];
            }

            var segments = await BillableContracts.SegmentsAsync(database, [.. accounts.Select(a => a.Account).Distinct()], cancellationToken);
            foreach (var account in accounts)
            {
                var key = (segments[account.Account], account.Currency);
                var sum = sums.TryGetValue(key, out var known) ? known : new SegmentRevenue(key.Item1, key.Currency, 0, 0, 0, 0, 0);
                sums[key] = sum with
                {
                    Invoices = sum.Invoices + account.Invoices, CreditNotes = sum.CreditNotes + account.CreditNotes,
                    Net = sum.Net + account.Net, Tax = sum.Tax + account.Tax, Total = sum.Total + account.Total,
                };
            }

            after = accounts[^1].Account;
        }
    }
}
