using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Registers;

/// <summary>What a register showed at an instant: a boundary of its day, or a read of its own instant.</summary>
/// <param name="At">The instant.</param>
/// <param name="Value">Raw integer in the meter's own digits, at the register's scale.</param>
/// <param name="Quality">What was doubtful.</param>
public readonly record struct RegisterPoint(Instant At, long Value, ReadingQuality Quality)
{
    /// <summary>
    /// Sorts by instant and leaves one point an instant: the better quality, then the larger value, wherever it came from.
    /// </summary>
    public static void SortDistinct(List<RegisterPoint> points)
    {
        if (IsRising(points))
        {
            return; // as days come out of the store
        }

        points.Sort((a, b) =>
            a.At != b.At ? a.At.CompareTo(b.At)
            : a.Quality != b.Quality ? a.Quality.CompareTo(b.Quality)
            : b.Value.CompareTo(a.Value));
        var kept = 0;
        for (var i = 0; i < points.Count; i++)
        {
            if (kept == 0 || points[kept - 1].At != points[i].At)
            {
                points[kept++] = points[i];
            }
        }

        points.RemoveRange(kept, points.Count - kept);
    }

    private static bool IsRising(List<RegisterPoint> points)
    {
        for (var i = 1; i < points.Count; i++)
        {
            if (points[i].At <= points[i - 1].At)
            {
                return false;
            }
        }

        return true;
    }
}
