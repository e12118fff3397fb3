using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Verification;

/// <summary>Series have no gaps, and every number stands on a document.</summary>
internal sealed class NumberChecks(Verification report, NpgsqlConnection connection)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var row in connection.StreamAsync("""
            SELECT coalesce(s.series, n.series), coalesce(s.last_number, 0), count(n.number), coalesce(min(n.number), 1), coalesce(max(n.number), 0)
            FROM invoice_series s FULL JOIN invoice_number n ON n.series = s.series GROUP BY 1, 2
            """,
            cancellationToken))
        {
            report.Count("series");
            var (last, count, first, highest) = (row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4));
            if (first != 1 || count != highest || last != highest)
            {
                report.Differs("numbering", row.GetString(0), $"{count} numbers from {first} to {highest}, the series stands at {last}: there is a gap");
            }
        }

        await foreach (var row in connection.StreamAsync("""
            SELECT coalesce(n.series, i.series), coalesce(n.number, i.number), n.number IS NULL, b.state
            FROM invoice_number n FULL JOIN invoice i ON i.account_id = n.account_id AND i.bill_id = n.bill_id AND i.kind = n.kind AND i.series = n.series AND i.number = n.number
            LEFT JOIN bill b ON b.account_id = n.account_id AND b.bill_id = n.bill_id
            WHERE n.number IS NULL OR i.number IS NULL
            """,
            cancellationToken))
        {
            var subject = $"{row.GetString(0)}-{row.GetInt64(1):D6}";
            if (row.GetBoolean(2))
            {
                report.Differs("numbering", subject, "the invoice has a number that was not given out");
            }
            else if (row.IsDBNull(3) || row.GetString(3) is not ("frozen" or "issued"))
            {
                report.Differs("numbering", subject, "the number stands on nothing");
            }
            else
            {
                report.Waits("numbering", subject, "numbered; the document is still to be written");
            }
        }

        await foreach (var row in connection.StreamAsync("""
            SELECT b.account_id, b.contract_id, b.period_start::text FROM bill b
            WHERE b.state = 'issued' AND NOT EXISTS (SELECT FROM invoice i WHERE i.account_id = b.account_id AND i.bill_id = b.bill_id AND i.kind = 'invoice')
            """,
            cancellationToken))
        {
            report.Differs("invoice", $"{row.GetString(0)}/{row.GetString(1)}/{row.GetString(2)}", "the bill is issued and has no invoice");
        }
    }
}
