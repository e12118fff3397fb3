using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>The changes of state that issuing makes; each may be repeated.</summary>
public static class BillStates
{
    private const string FrozenColumns = "account_id, bill_id, contract_id, period_start, revision, content, content_hash, cancel_reason";

    /// <summary>Step 1 of issuing: approved bills of a month (or of one contract) become frozen. Returns how many.</summary>
    public static async Task<int> FreezeAsync(NpgsqlDataSource database, LocalDate periodFrom, LocalDate periodTo, string? account, string? contract, Instant now, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            UPDATE bill SET state = 'frozen', frozen_at = $3
            WHERE (account_id, bill_id) IN (
              SELECT account_id, bill_id FROM bill
              WHERE state = 'approved' AND period_start >= $1 AND period_start < $2
                AND ($5::text IS NULL OR account_id = $5) AND ($6::text IS NULL OR contract_id = $6)
              ORDER BY account_id, bill_id LIMIT $4 FOR UPDATE)
            """);
        command.Parameters.Add(new() { Value = periodFrom });
        command.Parameters.Add(new() { Value = periodTo });
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = limit });
        command.Parameters.Add(new() { Value = (object?)account ?? DBNull.Value });
        command.Parameters.Add(new() { Value = (object?)contract ?? DBNull.Value });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Frozen bills without an invoice, and issued ones that are to be taken back, oldest key first.</summary>
    public static async Task<List<FrozenBill>> ToIssueAsync(NpgsqlDataSource database, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {FrozenColumns} FROM bill
            WHERE state = 'frozen' OR (state = 'issued' AND cancel_reason IS NOT NULL)
            ORDER BY account_id, contract_id, period_start, revision LIMIT $1
            """);
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var bills = new List<FrozenBill>();
        while (await row.ReadAsync(cancellationToken))
        {
            bills.Add(new FrozenBill(
                row.GetString(0),
                row.GetGuid(1),
                new BillKey(row.GetString(0), row.GetString(2), row.GetFieldValue<LocalDate>(3), row.GetInt32(4)),
                Encoding.UTF8.GetBytes(row.GetString(5)),
                Convert.ToHexStringLower(row.GetFieldValue<byte[]>(6)),
                row.IsDBNull(7) ? null : row.GetString(7)));
        }

        return bills;
    }

    /// <summary>Part of step 3: the bills have invoices now, or credit notes where they were to be taken back.</summary>
    public static async Task CompleteAsync(NpgsqlConnection connection, IReadOnlyCollection<FrozenBill> bills, Instant now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE bill SET state = CASE WHEN cancel_reason IS NULL THEN 'issued' ELSE 'cancelled' END,
                            cancelled_at = CASE WHEN cancel_reason IS NULL THEN NULL ELSE $3 END
            FROM unnest($1, $2) AS done(account_id, bill_id)
            WHERE bill.account_id = done.account_id AND bill.bill_id = done.bill_id AND (state = 'frozen' OR (state = 'issued' AND cancel_reason IS NOT NULL))
            """,
            connection)
        {
            Parameters = { new() { Value = bills.Select(b => b.Account).ToArray() }, new() { Value = bills.Select(b => b.BillId).ToArray() }, new() { Value = now } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Locks the bills' rows for the rest of the transaction and returns those that still wait for step 3.</summary>
    public static async Task<HashSet<Guid>> LockAsync(NpgsqlConnection connection, IReadOnlyCollection<FrozenBill> bills, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT bill.bill_id FROM bill JOIN unnest($1, $2) AS wanted(account_id, bill_id) ON bill.account_id = wanted.account_id AND bill.bill_id = wanted.bill_id
            WHERE state = 'frozen' OR (state = 'issued' AND cancel_reason IS NOT NULL)
            ORDER BY bill.account_id, bill.bill_id FOR UPDATE OF bill
            """,
            connection)
        {
            Parameters = { new() { Value = bills.Select(b => b.Account).ToArray() }, new() { Value = bills.Select(b => b.BillId).ToArray() } },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var waiting = new HashSet<Guid>();
        while (await row.ReadAsync(cancellationToken))
        {
            waiting.Add(row.GetGuid(0));
        }

        return waiting;
    }
}
