using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>One of several values of an interval in a file.</summary>
internal sealed record SourceValue(int Line, decimal Value, SourceFlag Flag, Instant? StatedAt, string? Meter)
{
    private bool IsNull => Flag.Quality == IntervalQuality.Missing;

    /// <summary>
    /// Which one stands, by the rule of <see cref="DeliveredSlots"/>: the one stated last; of those stated at the same time (or at no time) the better quality; then the
    /// larger value; then the first. A null stands against its own meter's values only. Apart from the last step, which only chooses between equals, the order in
    /// the file decides nothing.
    /// </summary>
    public static int Standing(IReadOnlyList<SourceValue> values)
    {
        var best = -1;
        foreach (var meter in Enumerable.Range(0, values.Count).GroupBy(i => values[i].StatedAt is null ? null : values[i].Meter ?? string.Empty))
        {
            var own = meter.Aggregate((a, b) => values[b].IsBetterThan(values[a]) ? b : a);
            best = best < 0 || (values[best].IsNull && !values[own].IsNull) || (values[best].IsNull == values[own].IsNull && values[own].IsBetterThan(values[best])) ? own : best;
        }

        return best;
    }

    /// <summary>Whether this value, which does not stand, is worth a word: true where it was better than the one that took its place, false where nothing says which is newer, null where it is not.</summary>
    public bool? DiffersFrom(SourceValue standing) =>
        IsNull || (!standing.IsNull && standing.Value == Value) ? null
        : StatedAt == standing.StatedAt ? (standing.IsNull ? null : false)
        : Flag.Quality > standing.Flag.Quality ? true
        : null;

    /// <summary>The difference in words.</summary>
    public string Against(SourceValue standing, bool gaveWay) => gaveWay
        ? $"has {Text()} for an interval and {standing.Text()}, updated later and of lesser quality; the later one stands"
        : $"has two values for one interval, {Text()} and {standing.Text()}, and nothing says which is newer; {DecimalText.Format(standing.Value)} stands";

    private string Text() => $"{(IsNull ? "no value" : DecimalText.Format(Value))} (line {Line})";

    private bool IsBetterThan(SourceValue other)
    {
        var order = Nullable.Compare(StatedAt, other.StatedAt);
        order = order != 0 ? order : Flag.Quality.CompareTo(other.Flag.Quality);
        return (order != 0 ? order : Value.CompareTo(other.Value)) > 0;
    }
}
