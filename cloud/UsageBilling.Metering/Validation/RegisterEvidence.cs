using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>What the registers behind a channel say of a local day.</summary>
public static class RegisterEvidence
{
    /// <summary>Advance, displays that went down, doubtful readings and conflicts.</summary>
    /// <param name="day">First and last instant of the local day.</param>
    /// <param name="intervalMinutes">The channel's interval.</param>
    /// <param name="histories">Installations that touch the day, each with the point before the day and the one after it.</param>
    /// <param name="blocks">The registers' UTC days that touch the local day, for conflicts.</param>
    /// <param name="timeOfUse">The time-of-use registers of the same meters; null: there are none.</param>
    public static DayEvidence Of(
        Interval day, int intervalMinutes, IReadOnlyList<RegisterHistory> histories, IEnumerable<RegisterDay> blocks, IReadOnlyList<TimeOfUsePart>? timeOfUse = null)
    {
        var drops = ImmutableArray.CreateBuilder<RegisterDrop>();
        var (pulses, faults, uncertain) = (new SortedSet<int>(), new SortedSet<int>(), new SortedSet<int>());
        int Slot(Instant at) => (int)((at - day.Start).ToInt64Nanoseconds() / (intervalMinutes * 60 * NodaConstants.NanosecondsPerSecond));
        foreach (var history in histories)
        {
            for (var i = Math.Max(1, history.LastAtOrBefore(day.Start) + 1); i < history.Count && history[i].At <= day.End; i++)
            {
                // The interval before a boundary ends with the reading.
                var (point, slot) = (history[i], Slot(history[i].At - Duration.Epsilon));
                if (point.Value < history[i - 1].Value)
                {
                    var hours = ((point.At - history[i - 1].At).ToInt64Nanoseconds() + NodaConstants.NanosecondsPerHour - 1) / NodaConstants.NanosecondsPerHour;
                    drops.Add(new RegisterDrop(slot, history[i - 1].Value, point.Value, history.Terms.Digits, hours, history.Terms.MaxAdvancePerHour));
                }

                Note(point.Quality, ReadingQuality.PulsesLost, pulses, slot);
                Note(point.Quality, ReadingQuality.MeterFault, faults, slot);
                Note(point.Quality, ReadingQuality.ClockUncertain, uncertain, slot);
            }
        }

        var read = blocks.ToArray();
        return new DayEvidence
        {
            Facts = [.. IntervalLengths(day, read)],
            Advance = AdvanceOf(day, histories) is { } advance ? TimeOfUsePart.AddTo(advance, day, histories, timeOfUse ?? []) : null,
            Drops = drops.ToImmutable(),
            PulseOverflows = [.. pulses],
            TestMode = [.. faults],
            ClockUncertain = [.. uncertain],
            Conflicts = [.. Conflicts(day, read).Select(Slot)],
        };
    }

    private static void Note(ReadingQuality quality, ReadingQuality flag, SortedSet<int> into, int slot)
    {
        if ((quality & flag) != 0)
        {
            into.Add(slot);
        }
    }

    /// <summary>Known where the register was read at both ends of the day and went up in between; the coarsest register's last digit counts.</summary>
    private static RegisterAdvance? AdvanceOf(Interval day, IReadOnlyList<RegisterHistory> histories)
    {
        var (sum, units, start, end) = (0L, default(Fraction), false, false);
        foreach (var history in histories)
        {
            var (from, to) = (history.LastAtOrBefore(day.Start), history.LastAtOrBefore(day.End));
            start |= from >= 0 && history[from].At == day.Start;
            end |= to >= 0 && history[to].At == day.End;
            for (var i = Math.Max(0, from) + 1; i <= to; i++)
            {
                if (history.IsBreak(i))
                {
                    return null;
                }
            }

            sum = checked(sum + history.ScaledAt(day.End) - history.ScaledAt(day.Start));
            units = units == default || IsMore(history.Terms.Factor, units) ? history.Terms.Factor : units;
        }

        return start && end ? new RegisterAdvance(sum, units, []) : null;
    }

    internal static bool IsMore(Fraction a, Fraction b) => (Int128)a.Numerator * b.Denominator > (Int128)b.Numerator * a.Denominator;

    /// <summary>A register of which only every second, third … boundary is ever read is sampled more slowly than registered.</summary>
    private static IEnumerable<DeviceFact> IntervalLengths(Interval day, RegisterDay[] blocks)
    {
        foreach (var block in blocks.Where(b => b.Start >= day.Start || b.Start + Duration.FromDays(1) <= day.End || blocks.Length == 1))
        {
            var read = Enumerable.Range(0, block.Slots).Where(slot => block[slot] is not null).ToArray();
            var step = read.Length < 4 ? 1 : read.Skip(1).Zip(read, (b, a) => b - a).Aggregate(GreatestCommonDivisor);
            if (step > 1 && read.Length * step >= block.Slots * 3 / 4)
            {
                yield return new DeviceFact(RuleNames.IntervalLength, $"{block.IntervalMinutes} min", $"{block.IntervalMinutes * step} min");
            }
        }
    }

    private static int GreatestCommonDivisor(int a, int b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }

    private static IEnumerable<Instant> Conflicts(Interval day, IEnumerable<RegisterDay> blocks)
    {
        foreach (var block in blocks)
        {
            for (var slot = 0; slot < block.Slots; slot++)
            {
                var at = block.Start + Duration.FromMinutes((long)slot * block.IntervalMinutes);
                if (at >= day.Start && at < day.End && block[slot] is { Conflict: true })
                {
                    yield return at;
                }
            }
        }
    }
}
