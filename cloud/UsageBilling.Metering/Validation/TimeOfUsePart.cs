using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>A time-of-use register of a meter, unwrapped, in the units of the channel that its total feeds.</summary>
/// <param name="Total">The total that it is a part of.</param>
/// <param name="History">Its points around the day.</param>
public sealed record TimeOfUsePart(RegisterId Total, RegisterHistory History)
{
    /// <summary>
    /// The advance with those of the time-of-use registers: one a register, also where meters were exchanged within the day. None where any is not known: a total without such
    /// registers, one that was not in service for as long as its total, was not read at both ends of the day or fell.
    /// </summary>
    internal static RegisterAdvance AddTo(RegisterAdvance advance, Interval day, IReadOnlyList<RegisterHistory> totals, IReadOnlyList<TimeOfUsePart> parts)
    {
        var advances = ImmutableArray.CreateBuilder<long>();
        var units = advance.UnitsPerCount;
        foreach (var total in totals.Where(t => IsIn(t.Terms, day)))
        {
            var own = parts.Where(p => p.Total == total.Terms.Register && IsIn(p.History.Terms, day)).Select(p => p.History).ToArray();
            if (own.Length == 0 || own.Any(p => !Covers(p.Terms, total.Terms, day)))
            {
                return advance;
            }

            foreach (var part in own)
            {
                if (AdvanceOf(part, day) is not { } of)
                {
                    return advance;
                }

                advances.Add(of);
                units = RegisterEvidence.IsMore(part.Terms.Factor, units) ? part.Terms.Factor : units;
            }
        }

        return advance with { Parts = advances.ToImmutable(), UnitsPerPartCount = units };
    }

    private static long? AdvanceOf(RegisterHistory part, Interval day)
    {
        var (from, to) = (part.LastAtOrBefore(day.Start), part.LastAtOrBefore(day.End));
        var begun = part.Terms.From > day.Start || (from >= 0 && part[from].At == day.Start);
        var ended = part.Terms.To < day.End || (to >= 0 && part[to].At == day.End);
        return !begun || !ended || Enumerable.Range(Math.Max(0, from) + 1, Math.Max(0, to - Math.Max(0, from))).Any(part.IsBreak)
            ? null
            : part.ScaledAt(day.End) - part.ScaledAt(day.Start);
    }

    private static bool IsIn(InstalledRegister terms, Interval day) => terms.From < day.End && !(terms.To <= day.Start);

    private static bool Covers(InstalledRegister part, InstalledRegister total, Interval day) =>
        part.From <= Instant.Max(day.Start, total.From) && !(part.To < Instant.Min(day.End, total.To ?? day.End));
}
