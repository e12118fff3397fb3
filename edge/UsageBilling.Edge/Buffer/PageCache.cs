using System.Reflection;
using LiteDB.Engine;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// LiteDB 5.0.20 takes its page cache in segments of 12, 50, 100, 500 and then 1,000 pages of 8 KiB, and reuses pages only when more of them rest than
/// the next segment has. So any database that is written for long ends at 1,662 pages, 13.6 MB that a gateway does not need, and there is no setting.
/// Here a segment never has more than 100 pages: the cache stays below 3 MB.
/// </summary>
internal static class PageCache
{
    private const int MostPagesInSegment = 100;

    /// <summary>Sizes of segments, for every engine that is opened afterwards.</summary>
    /// <exception cref="MissingFieldException">Another LiteDB than the one that this was written for.</exception>
    public static int[] KeepSmall()
    {
        var sizes = typeof(LiteEngine).Assembly.GetType("LiteDB.Constants")?
            .GetField("MEMORY_SEGMENT_SIZES", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)?.GetValue(null) as int[]
            ?? throw new MissingFieldException("LiteDB.Constants", "MEMORY_SEGMENT_SIZES");
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] = Math.Min(sizes[i], MostPagesInSegment);
        }

        return sizes;
    }
}
