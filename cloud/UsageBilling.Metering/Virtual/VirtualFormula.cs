using System.Collections.Immutable;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Virtual;

/// <summary>How the intervals of a virtual channel follow from those of others. Slots are computed one by one; a slot is as good as the weakest of its sources.</summary>
public abstract record VirtualFormula
{
    private protected VirtualFormula()
    {
    }

    /// <summary>The channels that it reads, in a fixed order.</summary>
    public abstract ImmutableArray<ChannelId> Sources { get; }

    /// <summary>
    /// A UTC day; null when no source has one. Sources on several grids come out on the shortest that each divides. What is not known counts as zero and makes the
    /// slot missing.
    /// </summary>
    /// <param name="sources">A day, or null, for each of <see cref="Sources"/>.</param>
    public IntervalDay? Compute(IReadOnlyList<IntervalDay?> sources)
    {
        if (sources.Count != Sources.Length)
        {
            throw new ArgumentException($"{sources.Count} days for {Sources.Length} sources", nameof(sources));
        }

        var known = sources.OfType<IntervalDay>().ToArray();
        if (known.Length == 0)
        {
            return null;
        }

        var minutes = IntervalStep.CommonInterval(known.Select(k => k.IntervalMinutes));
        var days = sources.Select(s => s is null ? IntervalDay.Missing(minutes) : Coarse(s, minutes)).ToArray();
        var qualities = new byte[IntervalDay.SlotsOf(minutes)];
        for (var slot = 0; slot < qualities.Length; slot++)
        {
            qualities[slot] = days.Min(d => d.Qualities[slot]);
        }

        return new IntervalDay(minutes, Quantities(days), qualities);
    }

    private protected abstract long[] Quantities(IntervalDay[] days);

    // Partial slots keep what is known of them, so that totals still meet.
    private static IntervalDay Coarse(IntervalDay day, int minutes)
    {
        if (day.IntervalMinutes == minutes)
        {
            return day;
        }

        var together = minutes / day.IntervalMinutes;
        var (quantities, qualities) = (new long[day.Slots / together], new byte[day.Slots / together]);
        for (var slot = 0; slot < quantities.Length; slot++)
        {
            qualities[slot] = byte.MaxValue;
            for (var i = slot * together; i < (slot + 1) * together; i++)
            {
                quantities[slot] = checked(quantities[slot] + day.Quantities[i]);
                qualities[slot] = Math.Min(qualities[slot], day.Qualities[i]);
            }
        }

        return new IntervalDay(minutes, quantities, qualities);
    }
}

/// <summary>Sum and difference: <c>Σ plus − Σ minus</c>. Common areas are the main meter minus its sub-meters, and then all together are the main meter to the unit.</summary>
/// <param name="Plus">Added.</param>
/// <param name="Minus">Subtracted; a slot may come out negative where meters were read at slightly different moments.</param>
public sealed record Combination(ImmutableArray<ChannelId> Plus, ImmutableArray<ChannelId> Minus) : VirtualFormula
{
    /// <inheritdoc/>
    public override ImmutableArray<ChannelId> Sources => [.. Plus, .. Minus];

    /// <summary>Equal when the channels are, in the same order.</summary>
    public bool Equals(Combination? other) => other is not null && Plus.SequenceEqual(other.Plus) && Minus.SequenceEqual(other.Minus);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Plus.Length, Minus.Length, Sources.FirstOrDefault());

    private protected override long[] Quantities(IntervalDay[] days)
    {
        var quantities = new long[days[0].Slots];
        for (var slot = 0; slot < quantities.Length; slot++)
        {
            for (var i = 0; i < days.Length; i++)
            {
                quantities[slot] = checked(i < Plus.Length ? quantities[slot] + days[i].Quantities[slot] : quantities[slot] - days[i].Quantities[slot]);
            }
        }

        return quantities;
    }
}

/// <summary>
/// Part <paramref name="Part"/> of a channel that is divided by whole-number weights: <c>Weights[Part] / Σ Weights</c> of it. Each slot is divided by largest
/// remainders, what rounding leaves over being carried to the next slot of the day: all parts sum to the whole in each slot to the unit, none is of the other sign, and
/// over a day none is further from its exact share than rounding explains.
/// </summary>
/// <param name="Source">The channel that is divided.</param>
/// <param name="Weights">Positive, one a part.</param>
/// <param name="Part">Index into <paramref name="Weights"/>.</param>
public sealed record Share(ChannelId Source, ImmutableArray<long> Weights, int Part) : VirtualFormula
{
    /// <inheritdoc/>
    public override ImmutableArray<ChannelId> Sources => [Source];

    /// <summary>Equal when source, weights and part are.</summary>
    public bool Equals(Share? other) => other is not null && Source == other.Source && Part == other.Part && Weights.SequenceEqual(other.Weights);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Source, Part, Weights.Length);

    private protected override long[] Quantities(IntervalDay[] days)
    {
        var division = new Division(Weights);
        var quantities = new long[days[0].Slots];
        for (var slot = 0; slot < quantities.Length; slot++)
        {
            quantities[slot] = division.Next(days[0].Quantities[slot])[Part];
        }

        return quantities;
    }
}
