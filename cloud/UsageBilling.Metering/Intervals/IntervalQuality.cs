namespace UsageBilling.Metering.Intervals;

/// <summary>How an interval's quantity came to be. Stored, one byte an interval; a higher value is better evidence.</summary>
public enum IntervalQuality : byte
{
    /// <summary>Not known in full: the stored quantity is what is known of the interval, zero where nothing is.</summary>
    Missing = 0,

    /// <summary>Filled by an estimation rule.</summary>
    Estimated = 1,

    /// <summary>Set by a person, with a reason.</summary>
    Edited = 2,

    /// <summary>Part of a measured register advance, distributed over the intervals it spans.</summary>
    Interpolated = 3,

    /// <summary>Difference of two registers read at the interval's boundaries, or as delivered by a trusted source.</summary>
    Measured = 4,
}
