using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>Why nothing need flow at a service point in [From, To); To null: until somebody ends it. Point, reason and From name it.</summary>
public sealed record ZeroReason(string Point, string Reason, Instant From, Instant? To, string Note, string AddedBy, Instant AddedAt, string? ChangedBy, Instant? ChangedAt)
{
    /// <summary>No supply at all, so that intervals of which nothing is known are zero; in a season nothing need flow, but may.</summary>
    public bool NothingFlows => Reason is "outage" or "disconnection";
}

/// <summary>What became of a reason: how many days of the point's channels are validated again, or what is wrong with it.</summary>
public sealed record ZeroReasonResult(bool Changed, int DaysAgain, string? Problem);

/// <summary>
/// Reasons for zero use: seasonal supply, outage, disconnection (Elexon CP0789), for all channels of a service point. Added and ended, never deleted; audited. The days that they hold
/// for are validated again, and no estimate copies them.
/// </summary>
public sealed class ZeroReasons
{
    /// <summary>Days back that a change of a reason is validated again.</summary>
    public const int DaysBack = 400;

    private readonly NpgsqlDataSource database;
    private readonly TimeProvider time;

    internal ZeroReasons(NpgsqlDataSource database, TimeProvider time) => (this.database, this.time) = (database, time);

    /// <summary>What may be a reason.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["seasonal-supply", "outage", "disconnection"];

    /// <summary>Adds a reason, or changes when the one of this point, kind and beginning ends. Saying the same twice changes nothing.</summary>
    public async Task<ZeroReasonResult> SaveAsync(string point, string reason, Instant from, Instant? to, string note, string actor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var result = await SaveAsync(connection, point, reason, from, to, note, actor, time.GetCurrentInstant(), cancellationToken);
        if (result.Problem is null)
        {
            await transaction.CommitAsync(cancellationToken);
        }

        return result;
    }

    /// <summary>Reasons of a point or of all, the latest first; with an instant, those that hold then.</summary>
    public async Task<List<ZeroReason>> ListAsync(string? point, Instant? at, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.RowsAsync($"""
            SELECT {Columns} FROM zero_reason
            WHERE ($1::text IS NULL OR point = $1::text) AND ($2::timestamptz IS NULL OR (from_at <= $2::timestamptz AND (to_at IS NULL OR to_at > $2::timestamptz)))
            ORDER BY from_at DESC, point, reason LIMIT 1000
            """, Read, cancellationToken, point, at);
    }

    /// <summary>The reasons of a point that touch [from, to), in order.</summary>
    internal static Task<List<ZeroReason>> ReadAsync(NpgsqlConnection connection, string point, Instant from, Instant to, CancellationToken cancellationToken) =>
        connection.RowsAsync(
            $"SELECT {Columns} FROM zero_reason WHERE point = $1 AND from_at < $3 AND (to_at IS NULL OR to_at > $2) ORDER BY from_at, reason", Read, cancellationToken, point, from, to);

    /// <summary>What reasons say of a local day: the first of them by name, and the slots that any of them touches.</summary>
    internal static DayEvidence Explain(DayEvidence evidence, IReadOnlyList<ZeroReason> reasons, LoadProfile day)
    {
        var touching = reasons.Where(r => r.From < day.End && !(r.To <= day.Start)).ToArray();
        if (touching.Length == 0)
        {
            return evidence;
        }

        Instant At(int slot) => day.Start + Duration.FromMinutes((long)slot * day.IntervalMinutes);
        return evidence with
        {
            ZeroReason = touching[0].Reason,
            ZeroSlots = SlotRange.Where(day.Length, slot => touching.Any(r => r.From < At(slot + 1) && !(r.To <= At(slot)))),
        };
    }

    internal static async Task<ZeroReasonResult> SaveAsync(
        NpgsqlConnection connection, string point, string reason, Instant from, Instant? to, string note, string actor, Instant now, CancellationToken cancellationToken)
    {
        var channels = await ValidationEvidence.ReadPointAsync(connection, point, cancellationToken);
        if (Wrong(reason, from, to, note) is { } wrong)
        {
            return new(false, 0, wrong);
        }

        if (channels.Count == 0 && await AccountLookup.ServicePointAsync(connection, point, cancellationToken) is null)
        {
            return new(false, 0, $"there is no service point {point}");
        }

        await MeasuredLayer.LockAsync(connection, channels.Select(c => c.Channel), cancellationToken);
        var before = (await connection.RowsAsync($"SELECT {Columns} FROM zero_reason WHERE point = $1 AND reason = $2 AND from_at = $3 FOR UPDATE", Read, cancellationToken, point, reason, from)).SingleOrDefault();
        if (before is not null && before.To == to)
        {
            return new(false, 0, null);
        }

        await connection.RunAsync("""
            INSERT INTO zero_reason (point, reason, from_at, to_at, note, added_by, added_at) VALUES ($1, $2, $3, $4::timestamptz, $5, $6, $7)
            ON CONFLICT (point, reason, from_at) DO UPDATE SET to_at = EXCLUDED.to_at, changed_by = EXCLUDED.added_by, changed_at = EXCLUDED.added_at
            """, cancellationToken, point, reason, from, to, note, actor, now);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(
            actor, before is null ? "add-zero-reason" : "change-zero-reason", $"service-point/{point}", before is null ? null : new { before.To }, new { reason, from, to }, note)], cancellationToken);

        // Where it held or holds now: from its beginning to the later of its ends.
        var end = before is { To: null } || to is null ? now : Instant.Min(now, Instant.Max(to.Value, before?.To ?? to.Value));
        await WithdrawEstimatesAsync(connection, channels.Select(c => c.Channel), new Interval(from, Instant.Max(from, end)), actor, $"{reason} from {from}: {note}", now, cancellationToken);
        var days = from >= end ? 0 : await DueDays.ValidateAgainAsync(
            connection, [.. channels.Select(c => c.Channel)], LocalDate.Max(UtcDay.Of(from), UtcDay.Of(now).PlusDays(-DaysBack)), UtcDay.Of(end), now, cancellationToken);
        return new(true, days, null);
    }

    /// <summary>What was estimated by itself over the time before anybody said so is estimated anew. What a person estimated or set stands.</summary>
    private static async Task WithdrawEstimatesAsync(
        NpgsqlConnection connection, IEnumerable<ChannelId> channels, Interval span, string actor, string reason, Instant now, CancellationToken cancellationToken)
    {
        if (span.Duration <= Duration.Zero)
        {
            return;
        }

        var first = LocalDate.Max(UtcDay.Of(span.Start), UtcDay.Of(now).PlusDays(-DaysBack));
        foreach (var channel in channels)
        {
            var made = (await IntervalOverrides.ReadAsync(connection, channel, first, UtcDay.Of(span.End), cancellationToken)).Where(o =>
                o is { Actor: DayValidation.Actor, Quality: IntervalQuality.Estimated, WithdrawnAt: null }
                && UtcDay.StartOf(o.Day) + Duration.FromMinutes((long)o.FirstSlot * o.IntervalMinutes) < span.End
                && UtcDay.StartOf(o.Day) + Duration.FromMinutes((long)(o.FirstSlot + o.Quantities.Length) * o.IntervalMinutes) > span.Start);
            foreach (var id in made.Select(o => o.Id).Distinct().ToArray())
            {
                await IntervalOverrides.WithdrawAsync(connection, channel, id, actor, reason.Length > 1000 ? reason[..1000] : reason, now, cancellationToken);
            }
        }
    }

    private const string Columns = "point, reason, from_at, to_at, note, added_by, added_at, changed_by, changed_at";

    private static string? Wrong(string reason, Instant from, Instant? to, string note) =>
        !Kinds.Contains(reason) ? $"reason is one of {string.Join(", ", Kinds)}"
        : to <= from ? $"it ends at {to}, before it begins at {from}: give a later end, or none"
        : string.IsNullOrWhiteSpace(note) || note.Length > 1000 ? "give a note of 1 to 1000 characters: who said so, or where it is written; it is kept"
        : null;

    private static ZeroReason Read(NpgsqlDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetFieldValue<Instant>(2), r.IsDBNull(3) ? null : r.GetFieldValue<Instant>(3), r.GetString(4), r.GetString(5), r.GetFieldValue<Instant>(6),
        r.IsDBNull(7) ? null : r.GetString(7), r.IsDBNull(8) ? null : r.GetFieldValue<Instant>(8));
}
