using NodaTime;

namespace UsageBilling.Metering.Intervals;

/// <summary>What one statement says of one slot. The default says nothing.</summary>
internal readonly record struct SlotStatement(long Quantity, byte Quality, StatementKind Kind, Instant StatedAt)
{
    /// <summary>A version says that the slot has no value.</summary>
    public bool IsWithdrawn => Kind == StatementKind.Withdrawal;

    /// <summary>Known as a whole.</summary>
    public bool IsValue => Quality != (byte)IntervalQuality.Missing;

    private bool SaysAll => IsWithdrawn || IsValue;

    private bool IsVersion => Kind != StatementKind.Receipt;

    public static SlotStatement Of(IntervalDay day, int slot, StatementKind kind, Instant statedAt) =>
        kind != StatementKind.Withdrawal ? new SlotStatement(day.Quantities[slot], day.Qualities[slot], kind, statedAt)
        : day.Qualities[slot] == (byte)IntervalQuality.Missing ? default
        : new SlotStatement(0, (byte)IntervalQuality.Missing, kind, statedAt);

    /// <summary>A total order, so that the best of a set does not depend on the order in which it is looked through.</summary>
    public bool IsBetterThan(SlotStatement other)
    {
        if (SaysAll != other.SaysAll)
        {
            return SaysAll;
        }

        if (!SaysAll)
        {
            // Of a slot that is known in part, more is better, whoever says it.
            return (Int128.Abs(Quantity), Quantity).CompareTo((Int128.Abs(other.Quantity), other.Quantity)) > 0;
        }

        return IsVersion != other.IsVersion ? IsVersion
            : IsVersion && StatedAt != other.StatedAt ? StatedAt > other.StatedAt
            : Quality != other.Quality ? Quality > other.Quality
            : StatedAt != other.StatedAt ? StatedAt > other.StatedAt
            : Quantity > other.Quantity;
    }
}
