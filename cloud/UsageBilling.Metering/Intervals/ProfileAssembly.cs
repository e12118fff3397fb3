using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Intervals;

/// <summary>A load profile over UTC days, cut at any boundary.</summary>
public static class ProfileAssembly
{
    /// <summary>
    /// Puts days together. Days without intervals are missing; days of several interval lengths come out in the shortest that each divides
    /// (quantities summed, the weakest quality kept).
    /// </summary>
    /// <param name="measurand">What the channel carries.</param>
    /// <param name="exponent">Its exponent.</param>
    /// <param name="from">First instant, on the grid.</param>
    /// <param name="to">First instant after, on the grid.</param>
    /// <param name="days">What is known, any order, at most one a day.</param>
    /// <param name="intervalMinutes">The interval where no day says one.</param>
    /// <exception cref="ArgumentException">The span is empty or off the grid of the days in it.</exception>
    public static LoadProfile Assemble(
        Measurand measurand, int exponent, Instant from, Instant to, IReadOnlyCollection<KeyValuePair<LocalDate, IntervalDay>> days, int intervalMinutes)
    {
        if (to <= from)
        {
            throw new ArgumentException($"a profile ends after it begins, {to} is not after {from}", nameof(to));
        }

        var interval = days.Count == 0 ? intervalMinutes : IntervalStep.CommonInterval(days.Select(d => d.Value.IntervalMinutes));
        var step = interval * 60_000L;
        var (start, end) = (from.ToUnixTimeMilliseconds(), to.ToUnixTimeMilliseconds());
        if (start % step != 0 || end % step != 0)
        {
            throw new ArgumentException($"[{from}, {to}) is not on the {interval}-minute grid of its days", nameof(from));
        }

        var quantities = new long[(end - start) / step];
        var qualities = new byte[quantities.Length];
        foreach (var (date, day) in days)
        {
            var offset = UtcDay.StartOf(date).ToUnixTimeMilliseconds() - start;
            Place(day, offset / step, interval / day.IntervalMinutes, quantities, qualities);
        }

        return new LoadProfile(measurand, exponent, from, interval, quantities, qualities);
    }

    private static void Place(IntervalDay day, long at, int together, long[] quantities, byte[] qualities)
    {
        for (var slot = 0; slot < day.Slots / together; slot++)
        {
            var index = at + slot;
            if (index < 0 || index >= quantities.Length)
            {
                continue;
            }

            var (sum, worst) = (0L, byte.MaxValue);
            for (var i = slot * together; i < (slot + 1) * together; i++)
            {
                sum = checked(sum + day.Quantities[i]);
                worst = Math.Min(worst, day.Qualities[i]);
            }

            quantities[index] = sum;
            qualities[index] = worst;
        }
    }
}
