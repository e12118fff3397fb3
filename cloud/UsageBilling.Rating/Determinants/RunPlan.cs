namespace UsageBilling.Rating.Determinants;

/// <summary>
/// The calendar of a tariff over a span, cut into runs: consecutive intervals that belong to the same cell. A cell is one
/// combination of a billing-month part and a period of every schedule laid over the stream, so that one pass over the
/// quantities answers all of them. Shared by every account with the same tariff, zone, span and interval length.
/// </summary>
public sealed class RunPlan
{
    private readonly int[][][] _cellsOf;
    private readonly int[][] _cellsOfPeriod;
    private readonly int[] _offset;

    internal RunPlan(int intervalMinutes, int parts, int[] ends, ushort[] cells, int cellCount, int[][] buckets, int[] bucketCounts, int[] partOfCell)
    {
        IntervalMinutes = intervalMinutes;
        Parts = parts;
        Ends = ends;
        Cells = cells;
        CellCount = cellCount;
        Buckets = buckets;
        BucketCounts = bucketCounts;
        _offset = new int[buckets.Length];
        var total = 0;
        for (var slot = 0; slot < buckets.Length; slot++)
        {
            _offset[slot] = total;
            total += bucketCounts[slot];
        }

        _cellsOf = new int[parts][][];
        for (var part = 0; part < parts; part++)
        {
            _cellsOf[part] = new int[total][];
            for (var slot = 0; slot < buckets.Length; slot++)
            {
                for (var bucket = 0; bucket < bucketCounts[slot]; bucket++)
                {
                    _cellsOf[part][_offset[slot] + bucket] = [.. Enumerable.Range(0, cellCount).Where(cell => partOfCell[cell] == part && buckets[slot][cell] == bucket)];
                }
            }
        }

        _cellsOfPeriod = [.. Enumerable.Range(0, total).Select(bucket => _cellsOf.SelectMany(part => part[bucket]).ToArray())];
    }

    /// <summary>Length of an interval that the plan counts in.</summary>
    public int IntervalMinutes { get; }

    /// <summary>Billing months that the span touches, when the stream is asked for monthly peaks; else 1.</summary>
    public int Parts { get; }

    /// <summary>Number of intervals covered.</summary>
    public int Length => Ends.Length == 0 ? 0 : Ends[^1];

    /// <summary>Number of runs.</summary>
    public int RunCount => Ends.Length;

    internal int[] Ends { get; }

    internal ushort[] Cells { get; }

    internal int CellCount { get; }

    /// <summary>For each schedule, the period of each cell.</summary>
    internal int[][] Buckets { get; }

    internal int[] BucketCounts { get; }

    /// <summary>Cells of a schedule's period over the whole span.</summary>
    internal ReadOnlySpan<int> CellsOf(int slot, int bucket) => _cellsOfPeriod[_offset[slot] + bucket];

    /// <summary>Cells of a schedule's period in one billing month.</summary>
    internal ReadOnlySpan<int> CellsOf(int slot, int bucket, int part) => _cellsOf[part][_offset[slot] + bucket];
}
