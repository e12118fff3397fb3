using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Estimation;

/// <summary>The part of an estimate that lies on one UTC day.</summary>
public readonly record struct EstimatePart(LocalDate Day, IntervalOverride Override);

/// <summary>Cuts estimates into what is stored.</summary>
public static class EstimateParts
{
    /// <summary>One part a UTC day, each naming the measured slots that it stands on.</summary>
    /// <param name="estimate">The estimate; its gap counts in <paramref name="measured"/>.</param>
    /// <param name="measured">The measured layer that it was made for, on the grid of its days.</param>
    public static ImmutableArray<EstimatePart> Of(Estimate estimate, LoadProfile measured)
    {
        var slots = IntervalDay.SlotsOf(measured.IntervalMinutes);
        var offset = (measured.Start - UtcDay.StartOf(UtcDay.Of(measured.Start))).ToInt64Nanoseconds() / (measured.IntervalMinutes * 60 * NodaConstants.NanosecondsPerSecond);
        var parts = ImmutableArray.CreateBuilder<EstimatePart>();
        for (var index = estimate.Gap.First; index < estimate.Gap.End;)
        {
            var (day, slot) = Math.DivRem(index + (int)offset, slots);
            var count = Math.Min(slots - slot, estimate.Gap.End - index);
            var qualities = measured.Qualities.Length == 0
                ? Enumerable.Repeat((byte)IntervalQuality.Measured, count).ToArray()
                : measured.Qualities.Span.Slice(index, count);
            parts.Add(new EstimatePart(
                UtcDay.Of(measured.Start).PlusDays(day),
                new IntervalOverride(measured.IntervalMinutes, slot, estimate.Quantities.Slice(index - estimate.Gap.First, count), IntervalQuality.Estimated)
                {
                    Basis = IntervalDay.HashSlice(measured.IntervalMinutes, slot, measured.Quantities.Span.Slice(index, count), qualities),
                }));
            index += count;
        }

        return parts.ToImmutable();
    }
}
