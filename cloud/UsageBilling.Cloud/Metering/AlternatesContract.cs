using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A channel whose measured intervals stand for another's gaps.</summary>
/// <param name="Channel">The channel with the gaps.</param>
/// <param name="By">The one that carries the same.</param>
/// <param name="IsCheckMeter">A second meter at the same place, asked first; else any channel that carries the same.</param>
/// <param name="From">First local day of the channel's point; null: always.</param>
/// <param name="To">The day after the last; null: still.</param>
public sealed record ChannelAlternate(ChannelId Channel, ChannelId By, bool IsCheckMeter, LocalDate? From, LocalDate? To);

/// <summary>An alternate as it is kept.</summary>
public sealed record KeptAlternate(Guid Channel, string Point, Guid By, string ByPoint, string Kind, LocalDate From, LocalDate? To, string Actor, Instant RegisteredAt);

/// <summary>Check meters and alternate channels: configured by the operator, audited, ended and never deleted. A channel has one of a kind at a time.</summary>
public static class ChannelAlternates
{
    /// <summary>Days back that are due again when an alternate is added, so that gaps which nothing could fill are filled by it.</summary>
    public const int DaysBack = 40;

    private const int MostExponents = 9;

    /// <summary>Since when, where nobody says.</summary>
    public static LocalDate Always { get; } = new(1900, 1, 1);

    /// <summary>Adds an alternate, or ends the one that began on the same day, in the caller's transaction. Saying the same twice changes nothing: false.</summary>
    /// <exception cref="MeteringConfigurationException">A channel is unknown or virtual, carries something else, stands for itself, or another one is there already.</exception>
    public static async Task<bool> SaveAsync(NpgsqlConnection connection, ChannelAlternate alternate, string actor, Instant now, CancellationToken cancellationToken)
    {
        var (channel, by, _, from, to) = alternate with { From = alternate.From ?? Always };
        var kind = alternate.IsCheckMeter ? "check" : "alternate";
        var terms = await MeasuredLayer.LockAsync(connection, [channel, by], cancellationToken);
        Check(terms, channel, by);
        Registering.Check(to is null || to > from, $"an alternate of {terms[channel].Key} from {from:uuuu-MM-dd} to {to:uuuu-MM-dd} stands for no day: to is the day after the last");
        await CheckCircleAsync(connection, terms, channel, by, cancellationToken);

        var near = await connection.RowsAsync("""
            SELECT alternate_id, from_day, to_day FROM channel_alternate
            WHERE channel_id = $1 AND kind = $2 AND (from_day = $3 OR daterange(from_day, to_day) && daterange($3, $4::date)) ORDER BY from_day
            """, r => (By: new ChannelId(r.GetGuid(0)), From: r.GetFieldValue<LocalDate>(1), To: r.IsDBNull(2) ? (LocalDate?)null : r.GetFieldValue<LocalDate>(2)),
            cancellationToken, channel.Value, kind, from, to);
        var before = near.Where(n => n.By == by && n.From == from).ToArray();
        foreach (var other in near.Except(before))
        {
            throw new MeteringConfigurationException(
                $"channel {terms[channel].Key} has {Words(kind)} {other.By} from {other.From:uuuu-MM-dd} to {(other.To is { } end ? $"{end:uuuu-MM-dd}" : "now")}: end it first, or begin later");
        }

        if (before is [{ } same] && same.To == to)
        {
            return false;
        }

        await connection.RunAsync("""
            INSERT INTO channel_alternate (channel_id, alternate_id, kind, from_day, to_day, actor, registered_at) VALUES ($1, $2, $3, $4, $5::date, $6, $7)
            ON CONFLICT (channel_id, kind, from_day) DO UPDATE SET to_day = EXCLUDED.to_day
            """, cancellationToken, channel.Value, by.Value, kind, from, to, actor, now);
        await AuditLog.WriteAsync(connection, now, [new AuditEntry(
            actor, before.Length == 0 ? "add-alternate" : "change-alternate", $"channel/{channel}",
            before.Length == 0 ? null : new { before[0].To }, new { by = by.Value, kind, from, to })], cancellationToken);
        await DueDays.ValidateAgainAsync(connection, [channel, by], LocalDate.Max(from!.Value.PlusDays(-1), UtcDay.Of(now).PlusDays(-DaysBack)), UtcDay.Of(now).PlusDays(-1), now, cancellationToken);
        return true;
    }

    /// <summary>Alternates of points' channels, or all of them.</summary>
    public static Task<List<KeptAlternate>> ListAsync(NpgsqlConnection connection, string? point, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT a.channel_id, c.point, a.alternate_id, b.point, a.kind, a.from_day, a.to_day, a.actor, a.registered_at
            FROM channel_alternate a JOIN channel c ON c.channel_id = a.channel_id JOIN channel b ON b.channel_id = a.alternate_id
            WHERE $1::text IS NULL OR c.point = $1::text ORDER BY c.point, a.channel_id, a.kind, a.from_day
            """, r => new KeptAlternate(
                r.GetGuid(0), r.GetString(1), r.GetGuid(2), r.GetString(3), r.GetString(4), r.GetFieldValue<LocalDate>(5), r.IsDBNull(6) ? null : r.GetFieldValue<LocalDate>(6), r.GetString(7),
                r.GetFieldValue<Instant>(8)), cancellationToken, point);

    /// <summary>The alternates of a channel on local days [<paramref name="first"/>, <paramref name="last"/>], check meters first.</summary>
    internal static Task<List<ChannelAlternate>> ReadAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT alternate_id, kind, from_day, to_day FROM channel_alternate
            WHERE channel_id = $1 AND from_day <= $3 AND (to_day IS NULL OR to_day > $2) ORDER BY kind DESC, from_day
            """, r => new ChannelAlternate(channel, new ChannelId(r.GetGuid(0)), r.GetString(1) == "check", r.GetFieldValue<LocalDate>(2), r.IsDBNull(3) ? null : r.GetFieldValue<LocalDate>(3)),
            cancellationToken, channel.Value, first, last);

    /// <summary>Whether a channel stands, or stood, for another one.</summary>
    internal static async Task<bool> IsAlternateAsync(NpgsqlConnection connection, ChannelId channel, CancellationToken cancellationToken) =>
        (await connection.RowsAsync("SELECT 1 FROM channel_alternate WHERE alternate_id = $1 LIMIT 1", r => r.GetInt32(0), cancellationToken, channel.Value)).Count > 0;

    private static void Check(Dictionary<ChannelId, ChannelTerms> terms, ChannelId channel, ChannelId by)
    {
        Registering.Check(terms.TryGetValue(channel, out var of), $"channel {channel} is not registered: register it first");
        Registering.Check(terms.TryGetValue(by, out var other), $"channel {by}, to stand for {of!.Key}, is not registered: register it first");
        Registering.Check(channel != by, $"channel {of.Key} cannot stand for itself: name the channel of its check meter, or another one that carries the same");
        Registering.Check(of.Feed != ChannelFeed.Virtual, $"channel {of.Key} is computed from others and never estimated: give those an alternate");
        var (wanted, found) = (of.Key.Measurand, other!.Key.Measurand);
        Registering.Check(
            wanted.Quantity == found.Quantity,
            $"channel {other.Key} counts {found.Quantity} in {found.Unit.Symbol} and {of.Key} {wanted.Quantity} in {wanted.Unit.Symbol}: an alternate carries the same quantity in the same unit");
        Registering.Check(wanted.Direction == found.Direction, $"channel {other.Key} counts {found.Direction} and {of.Key} {wanted.Direction}: an alternate carries the same direction");
        Registering.Check(
            Math.Abs(of.Exponent - other.Exponent) <= MostExponents,
            $"channel {other.Key} is stored in 10^{other.Exponent} {found.Unit.Symbol} and {of.Key} in 10^{of.Exponent}: they may differ by 10^{MostExponents} at most");
    }

    /// <summary>What stands for a channel must not stand on it, by whatever way: alternates of alternates, and what virtual channels read.</summary>
    private static async Task CheckCircleAsync(NpgsqlConnection connection, Dictionary<ChannelId, ChannelTerms> terms, ChannelId channel, ChannelId by, CancellationToken cancellationToken)
    {
        var way = await connection.RowsAsync("""
            WITH RECURSIVE edge (a, b) AS (
              SELECT channel_id, alternate_id FROM channel_alternate UNION SELECT channel_id, source_id FROM virtual_source
            ), walk (id) AS (
              SELECT $1::uuid UNION SELECT e.b FROM walk w JOIN edge e ON e.a = w.id
            )
            SELECT id FROM walk WHERE id = $2
            """, r => r.GetGuid(0), cancellationToken, by.Value, channel.Value);
        Registering.Check(way.Count == 0, $"channel {terms[by].Key} stands on {terms[channel].Key} itself, as its alternate or by a formula: it cannot stand for it as well");
    }

    private static string Words(string kind) => kind == "check" ? "the check meter" : "the alternate";
}
