using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Where a channel's quantities come from. Stored: values never change meaning.</summary>
public enum ChannelFeed : byte
{
    /// <summary>Registers that gateways read.</summary>
    Registers = 1,

    /// <summary>Intervals and totals delivered by files and other systems.</summary>
    Deliveries = 2,

    /// <summary>Usage events.</summary>
    Events = 3,

    /// <summary>A formula over other channels.</summary>
    Virtual = 4,
}

/// <summary>What is fixed about a channel.</summary>
/// <param name="Key">Point and measurand.</param>
/// <param name="Exponent">Power of ten of one stored unit, in the base unit.</param>
/// <param name="Zone">IANA zone of its point.</param>
/// <param name="Feed">Where its quantities come from.</param>
/// <param name="HasDependants">A virtual channel reads it.</param>
public sealed record ChannelTerms(ChannelKey Key, int Exponent, string Zone, ChannelFeed Feed, bool HasDependants);

/// <summary>The intervals of a UTC day as its evidence says now; null: there is no evidence for the day.</summary>
public readonly record struct ComputedDay(ChannelId Channel, LocalDate Day, IntervalDay? Intervals);

/// <summary>
/// The measured layer: whatever feeds a channel, a day's intervals are computed from stored evidence by a pure function and saved in one way, so that
/// versions, history, overrides, changes of billed days and the worklists behind them are the same for all.
/// </summary>
public static class MeasuredLayer
{
    /// <summary>The terms of channels; unknown ones are not in the result.</summary>
    public static Task<Dictionary<ChannelId, ChannelTerms>> ReadTermsAsync(NpgsqlConnection connection, IEnumerable<ChannelId> channels, CancellationToken cancellationToken) =>
        ReadTermsAsync(connection, "", channels, cancellationToken);

    /// <summary>
    /// The same under row locks, taken in one order everywhere. Whoever writes evidence or days of a channel holds its lock; take the locks of all channels of a
    /// transaction in one call.
    /// </summary>
    public static Task<Dictionary<ChannelId, ChannelTerms>> LockAsync(NpgsqlConnection connection, IEnumerable<ChannelId> channels, CancellationToken cancellationToken) =>
        ReadTermsAsync(connection, "ORDER BY channel_id FOR NO KEY UPDATE", channels, cancellationToken);

    /// <summary>Locks channels that are all to be fed in one way; one that is not, or is not known, is refused with the reason.</summary>
    /// <exception cref="MeteringConfigurationException">A channel is unknown or of another feed.</exception>
    public static async Task<Dictionary<ChannelId, ChannelTerms>> LockAsync(NpgsqlConnection connection, IReadOnlyCollection<ChannelId> channels, ChannelFeed feed, CancellationToken cancellationToken)
    {
        var terms = await LockAsync(connection, channels, cancellationToken);
        foreach (var channel in channels)
        {
            Registering.Check(terms.ContainsKey(channel), $"channel {channel} is not registered: register it with feed {feed} first");
            Registering.Check(terms[channel].Feed == feed, terms[channel].Feed.Refusal(terms[channel].Key, feed));
        }

        return terms;
    }

    /// <summary>Saves computed days in the caller's transaction, which holds the channels' locks: one entry a channel and day.</summary>
    public static Task SaveAsync(NpgsqlConnection connection, IReadOnlyList<ComputedDay> computed, Instant now, CancellationToken cancellationToken) =>
        new IntervalDays(connection, now).SaveAsync(computed, cancellationToken);

    /// <summary>Locks the channels of these days, computes the days from their evidence whatever it is, and saves them: after an override was added, or to be certain.</summary>
    public static async Task RecomputeAsync(NpgsqlConnection connection, IReadOnlyCollection<(ChannelId Channel, LocalDate Day)> days, Instant now, CancellationToken cancellationToken)
    {
        var terms = await LockAsync(connection, days.Select(d => d.Channel).Distinct(), cancellationToken);
        foreach (var group in days.Where(d => terms.ContainsKey(d.Channel)).Distinct().GroupBy(d => terms[d.Channel].Feed))
        {
            await SaveAsync(connection, await ComputeAsync(connection, group.Key, [.. group], now, cancellationToken), now, cancellationToken);
        }
    }

    /// <summary>The days of channels of one feed, as their evidence says now.</summary>
    internal static Task<IReadOnlyList<ComputedDay>> ComputeAsync(
        NpgsqlConnection connection, ChannelFeed feed, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, Instant now, CancellationToken cancellationToken) => feed switch
        {
            ChannelFeed.Registers => RegisterIntervals.ComputeAsync(connection, days, now, cancellationToken),
            ChannelFeed.Deliveries => DeliveredDays.ComputeAsync(connection, days, cancellationToken),
            ChannelFeed.Virtual => VirtualDays.ComputeAsync(connection, days, cancellationToken),
            ChannelFeed.Events => EventDays.ComputeAsync(connection, days, cancellationToken),
            _ => throw new InvalidOperationException($"nothing computes days of feed {feed} yet"),
        };

    internal static string Refusal(this ChannelFeed stored, ChannelKey channel, ChannelFeed wanted) =>
        $"channel {channel} is fed by {Words(stored)}, not by {Words(wanted)}: one channel has one feed, so give the other a point of its own";

    private static string Words(ChannelFeed feed) => feed switch
    {
        ChannelFeed.Registers => "registers",
        ChannelFeed.Deliveries => "deliveries",
        ChannelFeed.Events => "usage events",
        _ => "a formula over other channels",
    };

    private static async Task<Dictionary<ChannelId, ChannelTerms>> ReadTermsAsync(NpgsqlConnection connection, string locking, IEnumerable<ChannelId> channels, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync(
            $"SELECT channel_id, point, quantity, direction, exponent, zone, feed, has_dependants FROM channel WHERE channel_id = ANY($1) {locking}",
            r => (Id: new ChannelId(r.GetGuid(0)), Terms: new ChannelTerms(
                new ChannelKey(r.GetString(1), new Measurand((Quantity)r.GetInt16(2), (Direction)r.GetInt16(3))), r.GetInt16(4), r.GetString(5), (ChannelFeed)r.GetInt16(6), r.GetBoolean(7))),
            cancellationToken, channels.Select(c => c.Value).Distinct().ToArray());
        return rows.ToDictionary(r => r.Id, r => r.Terms);
    }
}
