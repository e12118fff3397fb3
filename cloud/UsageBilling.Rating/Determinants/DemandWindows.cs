namespace UsageBilling.Rating.Determinants;

/// <summary>Sums of consecutive intervals: blocks from the first interval on, or windows that end at every interval.</summary>
internal static class DemandWindows
{
    /// <summary>
    /// Blocks of <paramref name="count"/> intervals (the last one may be short), or, rolling, one value an interval: the
    /// window that begins there. Windows that would reach beyond the data are zero: demand that is not there is no peak.
    /// </summary>
    public static long[] Make(ReadOnlySpan<long> intervals, int count, bool rolling)
    {
        if (!rolling)
        {
            var blocks = new long[(intervals.Length + count - 1) / count];
            for (var block = 0; block < blocks.Length; block++)
            {
                var sum = 0L;
                foreach (var value in intervals[(block * count)..Math.Min((block + 1) * count, intervals.Length)])
                {
                    sum += value;
                }

                blocks[block] = sum;
            }

            return blocks;
        }

        var windows = new long[intervals.Length];
        var running = 0L;
        for (var i = 0; i < intervals.Length; i++)
        {
            running += intervals[i];
            if (i >= count)
            {
                running -= intervals[i - count];
            }

            if (i >= count - 1)
            {
                windows[i - count + 1] = running;
            }
        }

        return windows;
    }
}
