using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Cloud.Billing;

/// <summary>Which bills to list; null: any.</summary>
internal sealed record BillQuery(BillState? State, string[]? Accounts, LocalDate? Month);

/// <summary>A bill with how many issues stand on it and the worst of them.</summary>
internal sealed record WorklistBill(BillSummary Bill, int Issues, string? Severity, string? Message);

/// <summary>Proposals to rebill one bill, together: how many days and intervals changed since it was rated.</summary>
internal sealed record RebillCase(Guid Bill, string Account, BillSummary? Summary, int Days, int Slots, LocalDate First, LocalDate Last, Instant DetectedAt);

/// <summary>Lists of bills for people who work through them.</summary>
internal static class BillWorklist
{
    private const string OfBill = "FROM bill_issue i WHERE i.account_id = bill.account_id AND i.bill_id = bill.bill_id";

    private const string WorstFirst = "ORDER BY array_position(ARRAY['error', 'hold', 'note'], i.severity), i.position LIMIT 1";

    /// <summary>Up to <paramref name="limit"/> bills, latest period first.</summary>
    public static async Task<List<WorklistBill>> FindAsync(NpgsqlDataSource database, BillQuery query, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {BillDetails.Columns}, (SELECT count(*)::integer {OfBill}), (SELECT i.severity {OfBill} {WorstFirst}), (SELECT i.message {OfBill} {WorstFirst})
            FROM bill
            WHERE ($1::text IS NULL OR state = $1) AND ($2::text[] IS NULL OR account_id = ANY($2))
              AND ($3::date IS NULL OR (period_start >= $3 AND period_start < $3 + interval '1 month'))
            ORDER BY period_start DESC, account_id, contract_id, revision DESC LIMIT $4
            """);
        command.Parameters.Add(new() { Value = (object?)query.State?.ToString().ToLowerInvariant() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)query.Accounts ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)query.Month ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Date });
        command.Parameters.Add(new() { Value = limit });
        return await BillDetails.ListAsync(
            command,
            row => new WorklistBill(BillDetails.Summary(row), row.GetInt32(13), row.IsDBNull(14) ? null : row.GetString(14), row.IsDBNull(15) ? null : row.GetString(15)),
            cancellationToken);
    }

    /// <summary>Open proposals by bill, oldest period first: that is the order in which they are rebilled.</summary>
    public static async Task<List<RebillCase>> CasesAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var open = (await BillDetails.ProposalsAsync(database, cancellationToken)).Where(p => p.State == "open").ToList();
        await using var command = database.CreateCommand($"SELECT {BillDetails.Columns} FROM bill WHERE bill_id = ANY($1)");
        command.Parameters.Add(new() { Value = open.Select(p => p.Bill).Distinct().ToArray() });
        var bills = (await BillDetails.ListAsync(command, BillDetails.Summary, cancellationToken)).ToDictionary(b => b.Id);
        return
        [
            .. open.GroupBy(p => p.Bill).Select(g => new RebillCase(
                g.Key, g.First().Account, bills.GetValueOrDefault(g.Key), g.Select(p => (p.Channel, p.UtcDay)).Distinct().Count(), g.Sum(p => p.ChangedSlots),
                g.Min(p => p.UtcDay), g.Max(p => p.UtcDay), g.Max(p => p.DetectedAt)))
                .OrderBy(c => c.Summary?.PeriodStart).ThenBy(c => c.Account, StringComparer.Ordinal),
        ];
    }
}
