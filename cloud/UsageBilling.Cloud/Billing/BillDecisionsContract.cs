using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Billing;

/// <summary>What came of a decision about a bill.</summary>
public enum DecisionOutcome
{
    /// <summary>Done.</summary>
    Done,

    /// <summary>There is no such bill.</summary>
    NotFound,

    /// <summary>The bill is in a state in which this cannot be decided, or an error stands on it.</summary>
    NotPossible,

    /// <summary>The bill is not any more as whoever decided has seen it.</summary>
    Changed,
}

/// <summary>A bill as whoever decides has seen it; without <paramref name="RatedAt"/> its state alone counts.</summary>
public readonly record struct SeenBill(BillState State, Instant? RatedAt = null)
{
    /// <summary>Its entity tag.</summary>
    public string Tag => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"\"{State.ToString().ToLowerInvariant()}-{RatedAt?.ToUnixTimeMilliseconds()}\"");

    /// <summary>Whether a bill is still so.</summary>
    public bool Is(BillState state, Instant ratedAt) =>
        state == State && (RatedAt is null || RatedAt.Value.ToUnixTimeMilliseconds() == ratedAt.ToUnixTimeMilliseconds());
}

/// <summary>Decisions of people about bills; each with a reason, audited.</summary>
public sealed class BillDecisions(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Lets a held bill go on. A bill with an error cannot: its cause must go.</summary>
    public Task<DecisionOutcome> ReleaseAsync(Guid bill, string actor, string reason, SeenBill? seen, CancellationToken cancellationToken) => DecideAsync(
        bill, "release", actor, reason, seen,
        """
        UPDATE bill SET state = 'approved', approved_by = $2, hold_reason = NULL, held_by = NULL
        WHERE bill_id = $1 AND state = 'held' AND $3 <> ''
          AND NOT EXISTS (SELECT FROM bill_issue i WHERE i.account_id = bill.account_id AND i.bill_id = bill.bill_id AND i.severity = 'error')
        """,
        cancellationToken);

    /// <summary>Holds a bill that is not frozen until somebody releases it.</summary>
    public Task<DecisionOutcome> HoldAsync(Guid bill, string actor, string reason, SeenBill? seen, CancellationToken cancellationToken) => DecideAsync(
        bill, "hold", actor, reason, seen,
        "UPDATE bill SET state = 'held', held_by = $2, hold_reason = $3, approved_by = NULL WHERE bill_id = $1 AND state IN ('draft', 'held', 'approved')",
        cancellationToken);

    /// <summary>Asks for an issued bill to be taken back; issuing writes the credit note.</summary>
    public Task<DecisionOutcome> CancelAsync(Guid bill, string actor, string reason, SeenBill? seen, CancellationToken cancellationToken) => DecideAsync(
        bill, "cancel", actor, reason, seen,
        "UPDATE bill SET cancel_reason = $3 WHERE bill_id = $1 AND state = 'issued' AND cancel_reason IS NULL AND $2 <> ''",
        cancellationToken);

    /// <summary>Leaves a bill as it is although data changed.</summary>
    public Task<DecisionOutcome> DismissAsync(Guid bill, string actor, string reason, SeenBill? seen, CancellationToken cancellationToken) => DecideAsync(
        bill, "dismiss", actor, reason, seen,
        """
        WITH dismissed AS (UPDATE rebill_proposal SET state = 'dismissed', decided_by = $2, reason = $3, decided_at = $4 WHERE bill_id = $1 AND state = 'open' RETURNING bill_id)
        UPDATE bill SET hold_reason = hold_reason WHERE bill_id IN (SELECT bill_id FROM dismissed)
        """,
        cancellationToken);

    private async Task<DecisionOutcome> DecideAsync(Guid bill, string action, string actor, string reason, SeenBill? seen, string sql, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var find = new NpgsqlCommand("SELECT state, account_id, contract_id, period_start::text, revision, rated_at FROM bill WHERE bill_id = $1 FOR UPDATE", connection);
        find.Parameters.Add(new() { Value = bill });
        BillState before;
        Instant ratedAt;
        string entity;
        await using (var row = await find.ExecuteReaderAsync(cancellationToken))
        {
            if (!await row.ReadAsync(cancellationToken))
            {
                return DecisionOutcome.NotFound;
            }

            before = Enum.Parse<BillState>(row.GetString(0), ignoreCase: true);
            ratedAt = row.GetFieldValue<Instant>(5);
            entity = $"bill:{row.GetString(1)}/{row.GetString(2)}/{row.GetString(3)}/{row.GetInt32(4)}";
        }

        if (seen?.Is(before, ratedAt) == false)
        {
            return DecisionOutcome.Changed;
        }

        await using var decide = new NpgsqlCommand(sql, connection);
        decide.Parameters.Add(new() { Value = bill });
        decide.Parameters.Add(new() { Value = actor });
        decide.Parameters.Add(new() { Value = reason });
        if (sql.Contains("$4", StringComparison.Ordinal))
        {
            decide.Parameters.Add(new() { Value = now });
        }

        if (await decide.ExecuteNonQueryAsync(cancellationToken) != 1)
        {
            return DecisionOutcome.NotPossible;
        }

        await AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, action, entity, new { state = before }, null, reason)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return DecisionOutcome.Done;
    }
}
