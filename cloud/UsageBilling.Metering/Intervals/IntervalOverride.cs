using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Metering.Intervals;

/// <summary>
/// Quantities set apart from what was measured. An estimate that names what it stands on (<see cref="Basis"/>) is laid over as long as exactly that is what was
/// measured, so real data replaces it however late it comes, and its sum stays the register's advance; one that names nothing fills slots that are missing.
/// An edit always stands.
/// </summary>
/// <param name="IntervalMinutes">The grid it was made for; it applies to days of the same grid only.</param>
/// <param name="FirstSlot">Slot of the first quantity.</param>
/// <param name="Quantities">One a slot.</param>
/// <param name="Quality"><see cref="IntervalQuality.Estimated"/> or <see cref="IntervalQuality.Edited"/>.</param>
public sealed record IntervalOverride(int IntervalMinutes, int FirstSlot, ImmutableArray<long> Quantities, IntervalQuality Quality)
{
    /// <summary>What was added together: the parts of one estimate, on several days or on one, have the same.</summary>
    public Guid Id { get; init; }

    /// <summary>
    /// For an estimate: <see cref="IntervalDay.HashSlice(int, int)"/> of the measured slots that it was made for. An estimate of a gap over several UTC days has a part
    /// on each, and the parts hold together: see <see cref="Holds"/>.
    /// </summary>
    public ImmutableArray<byte>? Basis { get; init; }

    /// <summary>
    /// Whether what was measured is still what the override was made for. Of an estimate over several days every part must hold, or none is laid over: energy
    /// moved from one day to another would be counted twice or not at all.
    /// </summary>
    public bool Holds(IntervalDay measured) =>
        Basis is not { } basis
        || (measured.IntervalMinutes == IntervalMinutes
            && FirstSlot + Quantities.Length <= measured.Slots
            && measured.HashSlice(FirstSlot, Quantities.Length).AsSpan().SequenceEqual(basis.AsSpan()));

    /// <summary>Which estimates do not hold: of each, one part at least.</summary>
    /// <param name="parts">All parts of the estimates in question, with their days.</param>
    /// <param name="measured">The measured layer of a day; null: nothing is known of it.</param>
    public static IReadOnlySet<Guid> Broken(IEnumerable<(LocalDate Day, IntervalOverride Part)> parts, Func<LocalDate, IntervalDay?> measured) =>
        parts.Where(p => p.Part.Basis is not null && !p.Part.Holds(measured(p.Day) ?? IntervalDay.Missing(p.Part.IntervalMinutes))).Select(p => p.Part.Id).ToHashSet();

    /// <summary>The measured day with overrides laid over it in the order of the list; those that do not hold are left out.</summary>
    public static IntervalDay Apply(IntervalDay measured, IReadOnlyList<IntervalOverride> overrides)
    {
        if (overrides.Count == 0)
        {
            return measured;
        }

        var quantities = measured.Quantities.ToArray();
        var qualities = measured.Qualities.ToArray();
        foreach (var change in overrides.Where(o => o.IntervalMinutes == measured.IntervalMinutes && o.Holds(measured)))
        {
            for (var i = 0; i < change.Quantities.Length && change.FirstSlot + i < quantities.Length; i++)
            {
                var slot = change.FirstSlot + i;
                var fills = (change.Basis is not null || measured.Qualities[slot] == (byte)IntervalQuality.Missing) && qualities[slot] != (byte)IntervalQuality.Edited;
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
