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

        var bits = Fast(plan.Ends, plan.Cells, quantities, sums, peaks, peakRuns);

        // The bits seen in any quantity bound every quantity (a negative one sets the sign: look closer then). A sum of n
        // values below that bound cannot leave 64 bits; where it could, the sums are made again, wide.
        var bound = bits >= 0 ? bits : Magnitude(quantities[..plan.Length]);
        if (bound > long.MaxValue / Math.Max(plan.Length, 1))
        {
            Wide(plan.Ends, plan.Cells, quantities, sums);
        }
    }

    /// <summary>Returns all bits seen. Sums may wrap here: the caller finds out by those bits whether they could have.</summary>
    private static long Fast(ReadOnlySpan<int> ends, ReadOnlySpan<ushort> cells, ReadOnlySpan<long> quantities, Span<long> sums, Span<long> peaks, Span<int> peakRuns)
    {
        ref var data = ref MemoryMarshal.GetReference(quantities);
        var bits = Vector256<long>.Zero;
        var tailBits = 0L;
        var at = 0;
        for (var run = 0; run < ends.Length; run++)
        {
            var end = ends[run];
            var sum = Vector256<long>.Zero;
            var peak = Vector256.Create(long.MinValue);
            if (at <= end - (2 * Lanes))
            {
                // Two chains, so that one addition need not wait for the other.
                var sum2 = Vector256<long>.Zero;
                var peak2 = peak;
                do
                {
                    var value = Vector256.LoadUnsafe(ref data, (nuint)at);
                    var value2 = Vector256.LoadUnsafe(ref data, (nuint)(at + Lanes));
                    sum += value;
                    sum2 += value2;
                    peak = Vector256.Max(peak, value);
                    peak2 = Vector256.Max(peak2, value2);
                    bits |= value | value2;
                    at += 2 * Lanes;
                }
                while (at <= end - (2 * Lanes));
                sum += sum2;
                peak = Vector256.Max(peak, peak2);
            }

            if (at <= end - Lanes)
            {
                var value = Vector256.LoadUnsafe(ref data, (nuint)at);
                sum += value;
                peak = Vector256.Max(peak, value);
                bits |= value;
                at += Lanes;
            }

            var runSum = Vector256.Sum(sum);
            var runPeak = Highest(peak);
            for (; at < end; at++)
            {
                var value = Unsafe.Add(ref data, at);
                runSum = unchecked(runSum + value);
                runPeak = Math.Max(runPeak, value);
                tailBits |= value;
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
            tailBits |= bits[lane];
        }

        return tailBits;
    }

    /// <summary>The largest distance from zero.</summary>
    private static long Magnitude(ReadOnlySpan<long> quantities)
    {
        var magnitude = 0L;
        foreach (var quantity in quantities)
        {
            magnitude = Math.Max(magnitude, quantity == long.MinValue ? long.MaxValue : Math.Abs(quantity));
        }

        return magnitude;
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
