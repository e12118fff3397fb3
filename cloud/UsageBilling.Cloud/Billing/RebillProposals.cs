using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>Changes of interval days that bills have used become proposals to rebill; staff decide.</summary>
internal sealed class RebillProposals(NpgsqlDataSource database, TimeProvider time)
{
    private const int Most = 500;

    private sealed record Touched(string Account, Guid Bill, IntervalDayChange Change, int BilledVersion, int Slots);

    /// <summary>Takes what changed and proposes; in one transaction, so that no change is lost. Returns how many changes were taken.</summary>
    public async Task<int> TakeAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var changes = await IntervalChanges.TakeAsync(connection, Most, cancellationToken);
        if (changes.IsEmpty)
        {
            return 0;
        }

        var touched = new List<Touched>();
        foreach (var change in changes)
        {
            touched.AddRange(await TouchedAsync(connection, change, cancellationToken));
        }

        await SaveAsync(connection, touched, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return changes.Length;
    }

    /// <summary>The bills are rated anew: what was proposed for them is done.</summary>
    public static async Task CloseAsync(NpgsqlConnection connection, IReadOnlyCollection<BillKey> keys, Instant now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE rebill_proposal p SET state = 'rebilled', decided_by = 'bill run', decided_at = $4
            FROM unnest($1, $2, $3) AS k(account_id, bill_id, previous_id)
            WHERE p.account_id = k.account_id AND p.bill_id IN (k.bill_id, k.previous_id) AND p.state = 'open'
            """,
            connection);
        command.Parameters.Add(new() { Value = keys.Select(k => k.Account).ToArray() });
        command.Parameters.Add(new() { Value = keys.Select(BillId.Of).ToArray() });
        command.Parameters.Add(new() { Value = keys.Select(k => BillId.Of(k with { Revision = k.Revision - 1 })).ToArray() });
        command.Parameters.Add(new() { Value = now });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<List<Touched>> TouchedAsync(NpgsqlConnection connection, IntervalDayChange change, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT b.account_id, b.bill_id, b.content FROM bill_channel c JOIN bill b ON b.account_id = c.account_id AND b.bill_id = c.bill_id
            WHERE c.channel_id = $1 AND c.first_day <= $2 AND c.last_day >= $2 AND b.state <> 'cancelled'
            """,
            connection);
        command.Parameters.Add(new() { Value = change.Channel.Value });
        command.Parameters.Add(new() { Value = change.Day });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var touched = new List<Touched>();
        while (await row.ReadAsync(cancellationToken))
        {
            var bill = BillSnapshot.Parse(System.Text.Encoding.UTF8.GetBytes(row.GetString(2)));
            foreach (var entry in bill.Manifest.Where(m => m.Channel == change.Channel && m.Day == change.Day && m.Version < change.ToVersion))
            {
                var slots = change.ChangedSlots.Count(s => s >= entry.FromSlot && s < entry.ToSlot);
                if (slots > 0)
                {
                    touched.Add(new Touched(row.GetString(0), row.GetGuid(1), change, entry.Version, slots));
                }
            }
        }

        return touched;
    }

    private async Task SaveAsync(NpgsqlConnection connection, List<Touched> touched, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO rebill_proposal (account_id, bill_id, channel_id, utc_day, billed_version, current_version, changed_slots, detected_at, state)
            SELECT t.*, $1, 'open' FROM unnest($2, $3, $4, $5, $6, $7, $8) AS t
            ON CONFLICT DO NOTHING
            """,
            connection);
        command.Parameters.Add(new() { Value = time.GetCurrentInstant() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Account).ToArray() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Bill).ToArray() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Change.Channel.Value).ToArray() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Change.Day).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date });
        command.Parameters.Add(new() { Value = touched.Select(t => t.BilledVersion).ToArray() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Change.ToVersion).ToArray() });
        command.Parameters.Add(new() { Value = touched.Select(t => t.Slots).ToArray() });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
