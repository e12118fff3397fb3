using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Analytics;

/// <summary>A part of a load profile.</summary>
public static class ProfileCut
{
    /// <summary>The intervals of a profile that begin within a span; the arrays are shared.</summary>
    public static LoadProfile Of(LoadProfile profile, Interval span)
    {
        var (from, to) = (profile.IndexOf(span.Start), profile.IndexOf(span.End));
        return new LoadProfile(
            profile.Measurand, profile.Exponent, profile.StartOf(from), profile.IntervalMinutes, profile.Quantities[from..to], profile.Qualities.IsEmpty ? profile.Qualities : profile.Qualities[from..to]);
    }
}
