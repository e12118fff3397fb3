using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>
/// What a load profile comes to. Quantities are in stored units, loads in stored units per hour. Only known intervals count; how many are not is said beside.
/// </summary>
/// <param name="Total">Sum of all intervals.</param>
/// <param name="Known">Intervals with a quantity.</param>
/// <param name="Missing">Intervals without.</param>
/// <param name="BaseLoad">The load that 95 % of the known intervals reach: 5th percentile, nearest rank. Null where nothing is known.</param>
/// <param name="Peak">Highest load of an interval.</param>
/// <param name="PeakAt">When the interval with the highest load begins; of equal ones the first.</param>
/// <param name="LoadFactor">Mean load ÷ peak, 0 to 1; null where the peak is not above zero.</param>
public sealed record LoadFigures(long Total, int Known, int Missing, decimal? BaseLoad, decimal? Peak, Instant? PeakAt, decimal? LoadFactor)
{
    /// <summary>The figures of a profile.</summary>
    public static LoadFigures Of(LoadProfile profile)
    {
        var known = new List<long>(profile.Length);
        var (total, best) = (0L, -1);
        for (var i = 0; i < profile.Length; i++)
        {
            var quantity = profile.Quantities.Span[i];
            total = checked(total + quantity);
            if (!profile.IsKnown(i))
            {
                continue;
            }

            known.Add(quantity);
            best = best < 0 || quantity > profile.Quantities.Span[best] ? i : best;
        }

        if (best < 0)
        {
            return new(total, 0, profile.Length, null, null, null, null);
        }

        known.Sort();
        var peak = profile.Quantities.Span[best];
        var sum = 0m;
        foreach (var quantity in known)
        {
            sum += quantity;
        }

        return new(
            total, known.Count, profile.Length - known.Count,
            profile.PerHour(known[((5 * known.Count) + 99) / 100 - 1]),
            profile.PerHour(peak), profile.StartOf(best),
            peak > 0 ? sum / known.Count / peak : null);
    }
}
