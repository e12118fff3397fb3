using System.Collections.Immutable;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Estimation;

/// <summary>A run of intervals to fill.</summary>
/// <param name="First">Index in the window.</param>
/// <param name="Count">At least 1.</param>
/// <param name="Advance">What the register advanced over the run; null: not known.</param>
/// <param name="Known">What is known of each interval and must not get lost, where the advance is not known; zero elsewhere.</param>
public sealed record Gap(int First, int Count, long? Advance, ImmutableArray<long> Known)
{
    /// <summary>First index after the run.</summary>
    public int End => First + Count;

    /// <summary>
    /// Runs to fill in a window of what was measured. Interpolated intervals are parts of an advance that is known, so their sum is; missing ones are not. A single
    /// interpolated interval says all there is to say and is left alone.
    /// </summary>
    /// <param name="measured">The measured layer: without estimates.</param>
    /// <param name="isRead">True for boundary i (the start of interval i) at which the register was read; a run is cut there, so that each advance stays where it was. Null: not known.</param>
    public static ImmutableArray<Gap> Find(LoadProfile measured, Func<int, bool>? isRead)
    {
        if (measured.Qualities.Length == 0)
        {
            return [];
        }

        var gaps = ImmutableArray.CreateBuilder<Gap>();
        var qualities = measured.Qualities.Span;
        for (var first = 0; first < measured.Length;)
        {
            var quality = (IntervalQuality)qualities[first];
            var end = first + 1;
            if (quality is IntervalQuality.Missing or IntervalQuality.Interpolated)
            {
                while (end < measured.Length && (IntervalQuality)qualities[end] == quality && !(quality == IntervalQuality.Interpolated && isRead?.Invoke(end) == true))
                {
                    end++;
                }

                if (quality == IntervalQuality.Missing || end - first > 1)
                {
                    gaps.Add(Of(measured, first, end - first, quality == IntervalQuality.Interpolated));
                }
            }

            first = end;
        }

        return gaps.ToImmutable();
    }

    /// <summary>A run whose sum is what was measured in it, whatever its quality: for estimating what is doubtful without changing the register's advance.</summary>
    public static Gap Of(LoadProfile measured, int first, int count, bool advanceKnown)
    {
        var quantities = measured.Quantities.Span.Slice(first, count);
        if (!advanceKnown)
        {
            return new Gap(first, count, null, [.. quantities]);
        }

        var sum = 0L;
        foreach (var quantity in quantities)
        {
            sum = checked(sum + quantity);
        }

        return new Gap(first, count, sum, [.. new long[count]]);
    }
}
