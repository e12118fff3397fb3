using NodaTime;
using Npgsql;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Intervals that a file or another system states for one UTC day of a channel.</summary>
/// <param name="Channel">A channel registered with <see cref="ChannelFeed.Deliveries"/>.</param>
/// <param name="Day">The UTC day.</param>
/// <param name="Intervals">In the channel's exponent; a slot that was not delivered in full is missing, with what is known of it. <see cref="GridAlignment"/> makes days of any intervals.</param>
/// <param name="StatedAt">The update time that the source names; else when the file was first received, so that taking it twice says the same.</param>
/// <param name="Kind">Whether that is the source's own time, which makes it a version; a withdrawal's slots that are not missing have no value any more.</param>
/// <param name="Meter">The meter's serial, or empty.</param>
public sealed record DeliveredDay(ChannelId Channel, LocalDate Day, IntervalDay Intervals, Instant StatedAt, StatementKind Kind = StatementKind.Receipt, string Meter = "");

/// <summary>A quantity over a span longer than 60 minutes: an accumulated read, a daily or monthly figure.</summary>
/// <param name="Channel">A channel registered with <see cref="ChannelFeed.Deliveries"/>.</param>
/// <param name="From">First instant, any.</param>
/// <param name="To">First instant after.</param>
/// <param name="Quantity">In the channel's exponent.</param>
/// <param name="Quality">As stated; <see cref="IntervalQuality.Missing"/> only of a version, which takes earlier totals of the same span back.</param>
/// <param name="StatedAt">As for <see cref="DeliveredDay"/>.</param>
/// <param name="Versioned">That is the source's own time.</param>
public sealed record DeliveredTotal(ChannelId Channel, Instant From, Instant To, long Quantity, IntervalQuality Quality, Instant StatedAt, bool Versioned = false);

/// <summary>What a delivery did.</summary>
/// <param name="Statements">How many were delivered, not counting what was withdrawn.</param>
/// <param name="Added">How many of them had not been delivered before by this import.</param>
/// <param name="DaysComputed">UTC days that were computed anew; a day's version rises only where it changed.</param>
/// <param name="Parked">Statements of days older than what is kept: set aside, and taken up when more years are kept (<see cref="Retention"/>).</param>
public readonly record struct DeliveryOutcome(int Statements, int Added, int DaysComputed, int Parked = 0);

/// <summary>
/// Takes deliveries as evidence and computes the days they touch, in the caller's transaction. Evidence is only added; the intervals of a day are a merge
/// of everything delivered for it (<see cref="DeliveredSlots"/>), so neither order nor repetition matters, and Σ intervals = Σ delivered.
/// </summary>
public static class ChannelDeliveries
{
    private static readonly Instant Earliest = Instant.FromUtc(1970, 1, 1, 0, 0);

    /// <summary>Delivers days, any channels. Large imports call this in pieces of a few thousand days, in order of channel and day, within one transaction or several.</summary>
    /// <exception cref="MeteringConfigurationException">A channel is not registered, has another feed, or a day lies in the future.</exception>
    public static async Task<DeliveryOutcome> DeliverAsync(
        NpgsqlConnection connection, Guid importId, IReadOnlyList<DeliveredDay> days, Instant now, CancellationToken cancellationToken)
    {
        var floor = UtcDay.Of(await CheckAsync(connection, days.Select(d => (d.Channel, UtcDay.StartOf(d.Day), UtcDay.StartOf(d.Day.PlusDays(1)))), now, cancellationToken));
        var parked = await DeliveredDays.ParkAsync(connection, importId, [.. days.Where(d => d.Day < floor)], now, cancellationToken);
        var added = await DeliveredDays.AddAsync(connection, importId, [.. days.Where(d => d.Day >= floor)], now, cancellationToken);
        var computed = await DeliveredDays.ComputeAsync(connection, [.. added.Select(a => (a.Channel, a.Day))], cancellationToken);
        await MeasuredLayer.SaveAsync(connection, computed, now, cancellationToken);
        await DueDisputedAsync(connection, added.Select(a => (a.Channel, a.Day)), now, cancellationToken);
        var withdrawals = days.Where(d => d.Kind == StatementKind.Withdrawal).ToArray();
        return new DeliveryOutcome(
            days.Count - withdrawals.Length,
            added.Concat(parked).Count(a => a.Kind != StatementKind.Withdrawal),
            computed.Count,
            days.Count(d => d.Day < floor) - withdrawals.Count(d => d.Day < floor));
    }

    /// <summary>Delivers totals, any channels.</summary>
    /// <exception cref="MeteringConfigurationException">As for <see cref="DeliverAsync"/>, or a total does not end after it begins.</exception>
    public static async Task<DeliveryOutcome> DeliverTotalsAsync(
        NpgsqlConnection connection, Guid importId, IReadOnlyList<DeliveredTotal> totals, Instant now, CancellationToken cancellationToken)
    {
        foreach (var total in totals)
        {
            Registering.Check(total.From < total.To, $"channel {total.Channel}: a total ends after it begins, {total.To} is not after {total.From}");
            Registering.Check(total.Quality is >= IntervalQuality.Estimated and <= IntervalQuality.Measured || (total.Quality == IntervalQuality.Missing && total.Versioned), $"channel {total.Channel}, {total.From}: a total that is {total.Quality} says nothing");
        }

        var floor = await CheckAsync(connection, totals.Select(t => (t.Channel, t.From, t.To)), now, cancellationToken);
        var added = await DeliveredDays.AddAsync(connection, importId, totals, now, cancellationToken);
        var days = added.SelectMany(a => UtcDays(Instant.Max(a.From, floor), a.To).Select(d => (a.Channel, Day: d))).Distinct().ToArray();
        var computed = await DeliveredDays.ComputeAsync(connection, days, cancellationToken);
        await MeasuredLayer.SaveAsync(connection, computed, now, cancellationToken);
        return new DeliveryOutcome(totals.Count(t => t.Quality != IntervalQuality.Missing), added.Count, computed.Count, totals.Count(t => t.From < floor && t.Quality != IntervalQuality.Missing));
    }

    // A statement that was not taken changes no interval, and is to be looked at all the same.
    private static async Task DueDisputedAsync(NpgsqlConnection connection, IEnumerable<(ChannelId Channel, LocalDate Day)> days, Instant now, CancellationToken cancellationToken)
    {
        var disputes = await DeliveredDays.ReadDisputesAsync(connection, days, cancellationToken);
        await DueDays.AddAsync(connection, [.. disputes.Select(d => (d.Channel, Day: UtcDay.Of(d.Dispute.From))).Where(d => d.Day < UtcDay.Of(now)).Distinct()], now, cancellationToken);
    }

    private static IEnumerable<LocalDate> UtcDays(Instant from, Instant to)
    {
        for (var day = UtcDay.Of(from); UtcDay.StartOf(day) < to; day = day.PlusDays(1))
        {
            yield return day;
        }
    }

    private static async Task<Instant> CheckAsync(NpgsqlConnection connection, IEnumerable<(ChannelId Channel, Instant From, Instant To)> spans, Instant now, CancellationToken cancellationToken)
    {
        var all = spans.ToArray();
        await MeasuredLayer.LockAsync(connection, [.. all.Select(s => s.Channel).Distinct()], ChannelFeed.Deliveries, cancellationToken);
        var ceiling = UtcDay.StartOf(UtcDay.Of(now).PlusDays(2));
        foreach (var (channel, from, to) in all)
        {
            Registering.Check(from >= Earliest, $"channel {channel}: data of {from} is older than {Earliest}, before which no time is believed");
            Registering.Check(to <= ceiling, $"channel {channel}: data until {to} lies in the future");
        }

        return await Retention.FloorAsync(connection, cancellationToken);
    }
}
