using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>Adds two profiles of the same measurand interval by interval, where both are known.</summary>
internal static class ProfileSum
{
    /// <exception cref="RatingInputException">The profiles do not overlap.</exception>
    public static LoadProfile Of(LoadProfile a, LoadProfile b)
    {
        var (minutes, exponent, start, length) = Common(a, b);
        var sum = new long[length];
        Add(sum, a, start, minutes, exponent);
        Add(sum, b, start, minutes, exponent);
        return new LoadProfile(a.Measurand, exponent, start, minutes, sum, ReadOnlyMemory<byte>.Empty);
    }

    /// <summary>Two profiles of different measurands on one grid: the same start, interval, length and exponent.</summary>
    /// <exception cref="RatingInputException">The profiles do not overlap.</exception>
    public static (LoadProfile A, LoadProfile B) OnOneGrid(LoadProfile a, LoadProfile b)
    {
        var (minutes, exponent, start, length) = Common(a, b);
        LoadProfile Of(LoadProfile profile)
        {
            var quantities = new long[length];
            Add(quantities, profile, start, minutes, exponent);
            return new LoadProfile(profile.Measurand, exponent, start, minutes, quantities, ReadOnlyMemory<byte>.Empty);
        }

        return (Of(a), Of(b));
    }

    private static (int Minutes, int Exponent, Instant Start, int Length) Common(LoadProfile a, LoadProfile b)
    {
        var minutes = CommonInterval(a.IntervalMinutes, b.IntervalMinutes);
        var exponent = Math.Min(a.Exponent, b.Exponent);
        var start = CeilingTo(Instant.Max(a.Start, b.Start), minutes, OnUtcGrid(a) && OnUtcGrid(b) ? NodaConstants.UnixEpoch : a.IntervalMinutes >= b.IntervalMinutes ? a.Start : b.Start);
        var end = Instant.Min(a.End, b.End);
        var length = end <= start ? 0 : (int)((end - start).BclCompatibleTicks / (minutes * NodaConstants.TicksPerMinute));
        var what = a.Measurand == b.Measurand ? $"two meters of {Measure.NameOf(a.Measurand)}" : $"{Measure.NameOf(a.Measurand)} and {Measure.NameOf(b.Measurand)}";
        if (length == 0)
        {
            throw new RatingInputException("usage", $"{what} have no interval in common; give both over the whole period");
        }

        if (Rest(start, a.IntervalMinutes, a.Start) != 0 || Rest(start, b.IntervalMinutes, b.Start) != 0)
        {
            throw new RatingInputException("usage", $"{what} begin their intervals at different minutes; give both on one grid, or shorter intervals");
        }

        return (minutes, exponent, start, length);
    }

    private static int CommonInterval(int a, int b)
    {
        var common = Math.Max(a, b);
        return common % Math.Min(a, b) == 0 ? common : 30;
    }

    private static bool OnUtcGrid(LoadProfile profile) => Rest(profile.Start, profile.IntervalMinutes, NodaConstants.UnixEpoch) == 0;

    private static Instant CeilingTo(Instant instant, int minutes, Instant origin)
    {
        var rest = Rest(instant, minutes, origin);
        return rest == 0 ? instant : instant + Duration.FromTicks((minutes * NodaConstants.TicksPerMinute) - rest);
    }

    /// <summary>Ticks since the last start of the grid that has a start at <paramref name="origin"/>.</summary>
    private static long Rest(Instant instant, int minutes, Instant origin)
    {
        var grid = minutes * NodaConstants.TicksPerMinute;
        return (((instant.ToUnixTimeTicks() - origin.ToUnixTimeTicks()) % grid) + grid) % grid;
    }

    private static void Add(long[] sum, LoadProfile profile, Instant start, int minutes, int exponent)
    {
        var factor = 1L;
        for (var power = exponent; power < profile.Exponent; power++)
        {
            factor *= 10L;
        }

        var per = minutes / profile.IntervalMinutes;
        var first = (int)((start - profile.Start).BclCompatibleTicks / (profile.IntervalMinutes * NodaConstants.TicksPerMinute));
        var quantities = profile.Quantities.Span;
        for (var i = 0; i < sum.Length; i++)
        {
            foreach (var quantity in quantities.Slice(first + (i * per), per))
            {
                sum[i] += quantity * factor;
            }
        }
    }
}
