namespace UsageBilling.Metering.Events;

/// <summary>What the events of a slot make together. Values are stored: they never change meaning.</summary>
public enum UsageAggregation : byte
{
    /// <summary>Their values added up: call seconds, bytes.</summary>
    Sum = 1,

    /// <summary>How many there are, whatever they carry: calls.</summary>
    Count = 2,

    /// <summary>The largest value: seats in use at once.</summary>
    Max = 3,

    /// <summary>The value of the event with the latest time (of equal times: the greater source, then the greater id): bytes kept.</summary>
    Latest = 4,
}
