using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>How a stretch of slots was estimated or edited, as an export reports it.</summary>
/// <param name="FirstSlot">First slot of the UTC day.</param>
/// <param name="Slots">How many.</param>
/// <param name="Quality"><see cref="IntervalQuality.Estimated"/> or <see cref="IntervalQuality.Edited"/>.</param>
/// <param name="Method">The method's name in this system (<c>linear</c>, <c>like-day</c>, …) or AEMO's number.</param>
/// <param name="Reason">Why, or null.</param>
public sealed record ExportedMethod(int FirstSlot, int Slots, IntervalQuality Quality, string Method, string? Reason);

/// <summary>A UTC day of a channel to be exported.</summary>
/// <param name="Day">The UTC day.</param>
/// <param name="Intervals">Its intervals.</param>
/// <param name="Methods">What is known about slots that were not measured.</param>
/// <param name="StatedAt">When the day was computed last.</param>
public sealed record ExportedDay(LocalDate Day, IntervalDay Intervals, ImmutableArray<ExportedMethod> Methods, Instant StatedAt)
{
    /// <summary>The method of a slot, or null.</summary>
    public ExportedMethod? MethodOf(int slot)
    {
        var quality = (IntervalQuality)Intervals.Qualities[slot];
        return Methods.IsDefaultOrEmpty ? null : Methods.LastOrDefault(m => m.Quality == quality && slot >= m.FirstSlot && slot < m.FirstSlot + m.Slots);
    }
}

/// <summary>A channel as exports name it.</summary>
/// <param name="Key">Point and measurand.</param>
/// <param name="Exponent">Power of ten of a stored integer, in the base unit.</param>
/// <param name="Zone">The service point's zone.</param>
public sealed record ExportedChannel(ChannelKey Key, int Exponent, DateTimeZone Zone);
