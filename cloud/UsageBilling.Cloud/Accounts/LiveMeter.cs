using NodaTime;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Accounts;

/// <summary>What a channel's register shows this moment: power where the meter tells it, and what the interval that is running has counted so far. Never billed.</summary>
/// <param name="At">When.</param>
/// <param name="Power">In the rate's unit; null where the meter does not tell.</param>
/// <param name="From">Start of the running interval.</param>
/// <param name="SoFar">Counted since then, in the readable unit; null while the register's value at its start is not here yet.</param>
internal sealed record LiveInterval(Instant At, decimal? Power, Instant From, decimal? SoFar);

/// <summary>Follows the live values of one channel's register.</summary>
internal sealed class LiveMeter(ChannelMeter meter, ReadableUnit unit, int intervalMinutes)
{
    private static readonly Duration Stale = Duration.FromMinutes(2);

    private (Instant From, RegisterStatement Statement)? begun;

    /// <summary>What the register shows; null where no gateway has said anything lately.</summary>
    public async Task<LiveInterval?> ReadAsync(LiveFeed feed, IntervalStore intervals, Instant now, CancellationToken cancellationToken)
    {
        if (meter.Register is not { } key || Latest(feed, key) is not var (at, value) || now - at > Stale)
        {
            return null;
        }

        var length = Duration.FromMinutes(intervalMinutes).ToInt64Nanoseconds() / 1_000_000_000;
        var from = Instant.FromUnixTimeSeconds(at.ToUnixTimeSeconds() / length * length);
        if (begun?.From != from)
        {
            var statement = await intervals.ReadRegisterAsync(meter.Channel.Id, from, cancellationToken);
            begun = statement is { Quality: IntervalQuality.Measured } && statement.Register == key ? (from, statement) : null;
        }

        // An export register has the same power with the other sign; only what flows its way is its own.
        var power = meter.Channel.Measurand.Direction == Direction.Export ? -value.Power : value.Power;
        return new LiveInterval(at, power is { } watts ? Math.Max(0, watts) * 0.001m : null, from, SoFar(value));
    }

    private decimal? SoFar(LiveValue value)
    {
        if (begun is not { } start || value.Scale != start.Statement.Scale || value.Value < start.Statement.Display)
        {
            return null;
        }

        var counts = value.Value - start.Statement.Display;
        return counts * meter.Multiplier.Numerator / (decimal)meter.Multiplier.Denominator * ConsumptionSeries.PowerOfTen(value.Scale) * unit.Factor;
    }

    private static (Instant At, LiveValue Value)? Latest(LiveFeed feed, RegisterKey key)
    {
        (Instant At, LiveValue Value)? latest = null;
        foreach (var values in feed.All())
        {
            if (values.Registers.FirstOrDefault(r => r.Register == key) is { } found && (latest is null || values.At > latest.Value.At))
            {
                latest = (values.At, found);
            }
        }

        return latest;
    }
}
