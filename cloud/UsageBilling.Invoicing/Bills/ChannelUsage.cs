using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Bills;

/// <summary>What a channel carried in the period, day by day, before a tariff's own rounding of quantities.</summary>
public sealed record ChannelUsage
{
    /// <summary>Which channel.</summary>
    public required ChannelKey Channel { get; init; }

    /// <summary>Unit of every quantity here.</summary>
    public required Unit Unit { get; init; }

    /// <summary>Sum over the period: what was billed, without carried adjustments.</summary>
    public required decimal Quantity { get; init; }

    /// <summary>One entry for each local day of the period, in order.</summary>
    public required IReadOnlyList<DayUsage> Days { get; init; }

    /// <summary>The highest demand, or null where the channel has none.</summary>
    public PeakDemand? Peak { get; init; }
}

/// <summary>A local day's usage.</summary>
/// <param name="Date">Local day.</param>
/// <param name="Quantity">Sum over the day.</param>
/// <param name="Intervals">Intervals in the day: 92 to 100 for quarter-hours, fewer in a broken first or last day.</param>
/// <param name="Estimated">How many of them are estimated or edited.</param>
/// <param name="Missing">How many of them are not known in full; what is known of them counts.</param>
public sealed record DayUsage(LocalDate Date, decimal Quantity, int Intervals, int Estimated, int Missing);

/// <summary>The highest demand of a period.</summary>
/// <param name="At">Start of the interval or window.</param>
/// <param name="Value">Its value.</param>
/// <param name="Unit">Its unit, kW for energy.</param>
public sealed record PeakDemand(Instant At, decimal Value, Unit Unit);
