using NodaTime;

namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>
/// All that has flowed since the epoch, as a function of time: monotone, in integers, the same in whatever order it is asked. Whole days are summed once;
/// within a slot the flow is even, to the microsecond. What is kept is only a memory of a pure function, so callers need no order and no lock.
/// </summary>
public sealed class CumulativeLoad
{
    private const long DayMicroseconds = Slot.PerDay * Slot.Microseconds;

    private readonly Load load;
    private readonly Noise noise;
    private readonly Offset clock;
    private readonly Instant epoch;
    private readonly Lock growing = new();
    private volatile Flow[] throughDay = [default];
    private volatile DaySums? latest;

    /// <summary>Makes the function.</summary>
    /// <param name="load">What flows in each slot.</param>
    /// <param name="noise">The meter's own chance.</param>
    /// <param name="clock">What the clocks of the site are ahead of UTC; people live by them.</param>
    /// <param name="epoch">When nothing has flowed yet: a UTC midnight.</param>
    public CumulativeLoad(Load load, Noise noise, Offset clock, Instant epoch) =>
        (this.load, this.noise, this.clock, this.epoch) = (load, noise, clock, epoch);

    /// <summary>What has flowed in (epoch, at]; nothing before the epoch.</summary>
    public Flow At(Instant at)
    {
        var (day, slot, offset) = Locate(at);
        if (day < 0)
        {
            return default;
        }

        var sums = Of(day);
        var (from, to) = (sums.Through[slot], sums.Through[slot + 1]);
        return Before(day) + new Flow(Part(from.Import, to.Import, offset), Part(from.Export, to.Export, offset));
    }

    /// <summary>The flow of the slot that the instant lies in.</summary>
    public Flow InSlot(Instant at)
    {
        var (day, slot, _) = Locate(at);
        if (day < 0)
        {
            return default;
        }

        var sums = Of(day);
        return new Flow(sums.Through[slot + 1].Import - sums.Through[slot].Import, sums.Through[slot + 1].Export - sums.Through[slot].Export);
    }

    /// <summary>The first microsecond at which the import has reached <paramref name="target"/>, which is not beyond that of <paramref name="latest"/>.</summary>
    public Instant WhenImported(long target, Instant latest)
    {
        var (last, _, _) = Locate(latest);
        Before(last + 1);
        var (low, high) = (0, last);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Before(middle + 1).Import >= target ? (low, middle) : (middle + 1, high);
        }

        var need = target - Before(low).Import;
        var sums = Of(low).Through;
        var slot = 0;
        while (sums[slot + 1].Import < need)
        {
            slot++;
        }

        var flow = sums[slot + 1].Import - sums[slot].Import;
        var offset = flow == 0 ? 0 : (long)((((Int128)(need - sums[slot].Import) * Slot.Microseconds) + flow - 1) / flow);
        return epoch + Duration.FromNanoseconds(((low * DayMicroseconds) + (slot * Slot.Microseconds) + offset) * 1_000);
    }

    private static long Part(long from, long to, long offset) => from + (long)((Int128)(to - from) * offset / Slot.Microseconds);

    private (int Day, int Slot, long Offset) Locate(Instant at)
    {
        if (at < epoch)
        {
            return (-1, 0, 0);
        }

        var (day, inDay) = Math.DivRem((long)((at - epoch).ToInt64Nanoseconds() / 1_000), DayMicroseconds);
        var (slot, offset) = Math.DivRem(inDay, Slot.Microseconds);
        return ((int)day, (int)slot, offset);
    }

    private Flow Before(int day)
    {
        if (day >= throughDay.Length)
        {
            lock (growing)
            {
                var known = throughDay;
                if (day >= known.Length)
                {
                    var more = new Flow[Math.Max(day + 1, known.Length + 31)];
                    known.CopyTo(more, 0);
                    for (var i = known.Length; i < more.Length; i++)
                    {
                        more[i] = more[i - 1] + Sum(i - 1).Through[Slot.PerDay];
                    }

                    throughDay = more;
                }
            }
        }

        return throughDay[day];
    }

    private DaySums Of(int day) => latest is { } known && known.Day == day ? known : latest = Sum(day);

    private DaySums Sum(int day)
    {
        var midnight = epoch + Duration.FromDays(day);
        var through = new Flow[Slot.PerDay + 1];
        for (var i = 0; i < Slot.PerDay; i++)
        {
            var start = midnight + Duration.FromMinutes(15 * i);
            var local = start.WithOffset(clock);
            var slot = new Slot(day, i, (local.Hour * 4) + (local.Minute / 15), local.Date);
            through[i + 1] = through[i] + load.In(slot, noise);
        }

        return new DaySums(day, through);
    }

    private sealed record DaySums(int Day, Flow[] Through);
}
