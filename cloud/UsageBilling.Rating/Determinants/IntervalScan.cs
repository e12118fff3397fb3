using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>The one pass over a stream's integers: for each cell its sum, its highest interval, and in which run that is.</summary>
internal static class IntervalScan
{
    private const int Lanes = 4;

    /// <summary>Sums and peaks of <paramref name="quantities"/> cell by cell. The three spans have one element a cell and are overwritten.</summary>
    /// <exception cref="RatingInputException">A sum does not fit into 64 bits.</exception>
    public static void Run(RunPlan plan, ReadOnlySpan<long> quantities, Span<long> sums, Span<long> peaks, Span<int> peakRuns)
    {
        sums.Clear();
        peaks.Fill(long.MinValue);
        peakRuns.Fill(-1);
        if (plan.Length > quantities.Length)
        {
            throw new ArgumentException($"{quantities.Length} quantities for a plan of {plan.Length}", nameof(quantities));
        }

        var lowest = unchecked(Fast(plan.Ends, plan.Cells, quantities, sums, peaks, peakRuns));
        var highest = long.MinValue;
        foreach (var peak in peaks)
        {
            highest = Math.Max(highest, peak);
        }

        // A sum of n values within ±limit cannot leave 64 bits; else the sums are made again, wide.
        var limit = long.MaxValue / Math.Max(plan.Length, 1);
        if (highest > limit || lowest < -limit)
        {
            Wide(plan.Ends, plan.Cells, quantities, sums);
        }
    }

    /// <summary>Returns the lowest value. Sums may wrap here: the caller checks by the extremes whether they could have.</summary>
    private static long Fast(ReadOnlySpan<int> ends, ReadOnlySpan<ushort> cells, ReadOnlySpan<long> quantities, Span<long> sums, Span<long> peaks, Span<int> peakRuns)
    {
        ref var data = ref MemoryMarshal.GetReference(quantities);
        var lowest = Vector256.Create(long.MaxValue);
        var lowestTail = long.MaxValue;
        var at = 0;
        for (var run = 0; run < ends.Length; run++)
        {
            var end = ends[run];
            var sum = Vector256<long>.Zero;
            var peak = Vector256.Create(long.MinValue);
            for (; at <= end - Lanes; at += Lanes)
            {
                var value = Vector256.LoadUnsafe(ref data, (nuint)at);
                sum += value;
                peak = Vector256.Max(peak, value);
                lowest = Vector256.Min(lowest, value);
            }

            var runSum = Vector256.Sum(sum);
            var runPeak = Highest(peak);
            for (; at < end; at++)
            {
                var value = Unsafe.Add(ref data, at);
                runSum = unchecked(runSum + value);
                runPeak = Math.Max(runPeak, value);
                lowestTail = Math.Min(lowestTail, value);
            }

            var cell = cells[run];
            sums[cell] = unchecked(sums[cell] + runSum);
            if (runPeak > peaks[cell])
            {
                peaks[cell] = runPeak;
                peakRuns[cell] = run;
            }
        }

        for (var lane = 0; lane < Lanes; lane++)
        {
            lowestTail = Math.Min(lowestTail, lowest[lane]);
        }

        return lowestTail;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Highest(Vector256<long> values)
    {
        var half = Vector128.Max(values.GetLower(), values.GetUpper());
        return Math.Max(half[0], half[1]);
    }

    private static void Wide(ReadOnlySpan<int> ends, ReadOnlySpan<ushort> cells, ReadOnlySpan<long> quantities, Span<long> sums)
    {
        var wide = new Int128[sums.Length];
        var at = 0;
        for (var run = 0; run < ends.Length; run++)
        {
            for (; at < ends[run]; at++)
            {
                wide[cells[run]] += quantities[at];
            }
        }

        for (var cell = 0; cell < sums.Length; cell++)
        {
            if (wide[cell] > long.MaxValue || wide[cell] < long.MinValue)
            {
                throw new RatingInputException("usage", "the quantities add up to more than 64 bits hold; use a larger exponent");
            }

            sums[cell] = (long)wide[cell];
        }
    }
}
