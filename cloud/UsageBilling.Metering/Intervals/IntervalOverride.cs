using System.Collections.Immutable;

namespace UsageBilling.Metering.Intervals;

/// <summary>
/// Quantities set apart from what was measured. An estimate fills only slots that are missing, so real data replaces it however late it comes;
/// an edit always stands.
/// </summary>
/// <param name="IntervalMinutes">The grid it was made for; it applies to days of the same grid only.</param>
/// <param name="FirstSlot">Slot of the first quantity.</param>
/// <param name="Quantities">One a slot.</param>
/// <param name="Quality"><see cref="IntervalQuality.Estimated"/> or <see cref="IntervalQuality.Edited"/>.</param>
public sealed record IntervalOverride(int IntervalMinutes, int FirstSlot, ImmutableArray<long> Quantities, IntervalQuality Quality)
{
    /// <summary>The measured day with overrides laid over it in the order of the list.</summary>
    public static IntervalDay Apply(IntervalDay measured, IReadOnlyList<IntervalOverride> overrides)
    {
        if (overrides.Count == 0)
        {
            return measured;
        }

        var quantities = measured.Quantities.ToArray();
        var qualities = measured.Qualities.ToArray();
        foreach (var change in overrides.Where(o => o.IntervalMinutes == measured.IntervalMinutes))
        {
            for (var i = 0; i < change.Quantities.Length && change.FirstSlot + i < quantities.Length; i++)
            {
                var slot = change.FirstSlot + i;
                var fills = measured.Qualities[slot] == (byte)IntervalQuality.Missing && qualities[slot] != (byte)IntervalQuality.Edited;
                if (change.Quality == IntervalQuality.Edited || fills)
                {
                    quantities[slot] = change.Quantities[i];
                    qualities[slot] = (byte)change.Quality;
                }
            }
        }

        return new IntervalDay(measured.IntervalMinutes, quantities, qualities);
    }
}
