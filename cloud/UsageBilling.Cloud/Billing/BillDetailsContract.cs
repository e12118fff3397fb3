using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>A bill in a list.</summary>
public sealed record BillSummary(
    Guid Id,
    string Account,
    string Contract,
    LocalDate PeriodStart,
    LocalDate PeriodEnd,
    int Revision,
    BillState State,
    string? HoldReason,
    string Currency,
    decimal Net,
    decimal Tax,
    decimal Total,
    Instant RatedAt);

/// <summary>How many live bills are in a state.</summary>
public sealed record BillCount(BillState State, int Bills);

/// <summary>What could not be billed at all.</summary>
public sealed record BillException(string Account, string Contract, LocalDate PeriodStart, LocalDate PeriodEnd, Instant At, string Message);

/// <summary>Late data that changed what a bill was rated from.</summary>
public sealed record RebillProposal(
    Guid Bill, string Account, Guid Channel, LocalDate UtcDay, int BilledVersion, int CurrentVersion, int ChangedSlots, Instant DetectedAt, string State, string? Reason);

/// <summary>An interval of a channel that a bill used and that is different now.</summary>
public sealed record BilledIntervalChange(
    string Channel, Instant From, int Minutes, string Unit, decimal Billed, string BilledQuality, decimal Current, string CurrentQuality, decimal Difference);

/// <summary>Reads bills.</summary>
public static class BillDetails
{
    internal const string Columns = "bill_id, account_id, contract_id, period_start, period_end, revision, state, hold_reason, currency, net, tax, total, rated_at";

    /// <summary>One bill with its content and the state it began with, or null.</summary>
    public static async Task<(BillSummary Summary, Bill Content, string Opening)?> FindAsync(NpgsqlDataSource database, Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"SELECT {Columns}, content, opening FROM bill WHERE bill_id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (Summary(row), BillSnapshot.Parse(Encoding.UTF8.GetBytes(row.GetString(13))), row.GetString(14)) : null;
    }

    /// <summary>Live bills by state.</summary>
    public static async Task<List<BillCount>> CountsAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT state, count(*)::integer FROM bill GROUP BY state ORDER BY state");
        return await ListAsync(command, row => new BillCount(Enum.Parse<BillState>(row.GetString(0), ignoreCase: true), row.GetInt32(1)), cancellationToken);
    }

    /// <summary>What could not be billed, latest first.</summary>
    public static async Task<List<BillException>> ExceptionsAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT account_id, contract_id, period_start, period_end, at, message FROM bill_exception ORDER BY at DESC, account_id LIMIT 500");
        return await ListAsync(
            command,
            row => new BillException(row.GetString(0), row.GetString(1), row.GetFieldValue<LocalDate>(2), row.GetFieldValue<LocalDate>(3), row.GetFieldValue<Instant>(4), row.GetString(5)),
            cancellationToken);
    }

    /// <summary>Proposals to rebill, open ones first.</summary>
    public static async Task<List<RebillProposal>> ProposalsAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT bill_id, account_id, channel_id, utc_day, billed_version, current_version, changed_slots, detected_at, state, reason
            FROM rebill_proposal ORDER BY state <> 'open', detected_at DESC, account_id, utc_day LIMIT 500
            """);
        return await ListAsync(
            command,
            row => new RebillProposal(
                row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<LocalDate>(3), row.GetInt32(4), row.GetInt32(5), row.GetInt32(6),
                row.GetFieldValue<Instant>(7), row.GetString(8), row.IsDBNull(9) ? null : row.GetString(9)),
            cancellationToken);
    }

    /// <summary>What is different now from what a bill used, interval by interval; null where there is no such bill.</summary>
    public static async Task<List<BilledIntervalChange>?> ChangesAsync(NpgsqlDataSource database, IntervalStore intervals, Guid bill, CancellationToken cancellationToken)
    {
        if (await FindAsync(database, bill, cancellationToken) is not { } found)
        {
            return null;
        }

        var changes = new List<BilledIntervalChange>();
        foreach (var usage in found.Content.Usage)
        {
            var manifest = found.Content.Manifest.Where(m => m.Channel == usage.Channel.Id)
                .Select(m => new Metering.ManifestEntry(m.Channel, m.Day, m.FromSlot, m.ToSlot - m.FromSlot, m.Version, [.. Convert.FromHexString(m.Hash)])).ToList();
            changes.AddRange((await intervals.ReadDifferencesAsync(manifest, cancellationToken)).Select(d => new BilledIntervalChange(
                usage.Channel.ToString(), d.From, d.Minutes, d.Unit, d.Billed, d.BilledQuality.ToString().ToLowerInvariant(), d.Current, d.CurrentQuality.ToString().ToLowerInvariant(), d.Difference)));
        }

        return changes;
    }

    internal static BillSummary Summary(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetFieldValue<LocalDate>(3), row.GetFieldValue<LocalDate>(4), row.GetInt32(5),
        Enum.Parse<BillState>(row.GetString(6), ignoreCase: true), row.IsDBNull(7) ? null : row.GetString(7), row.GetString(8), row.GetDecimal(9), row.GetDecimal(10),
        row.GetDecimal(11), row.GetFieldValue<Instant>(12));

    internal static async Task<List<T>> ListAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<T>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(read(row));
        }

        return list;
    }
}
