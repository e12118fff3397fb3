using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Estimation;

/// <summary>What an estimate may be made from: a channel over some weeks around a gap, by local days.</summary>
public sealed class EstimationWindow
{
    private readonly Dictionary<LocalDate, bool> _usable = [];

    /// <summary>Makes a window.</summary>
    /// <param name="profile">The channel.</param>
    /// <param name="zone">Zone of the service point.</param>
    public EstimationWindow(LoadProfile profile, DateTimeZone zone)
    {
        Profile = profile;
        Zone = zone;
    }

    /// <summary>The channel.</summary>
    public LoadProfile Profile { get; }

    /// <summary>Zone of the service point.</summary>
    public DateTimeZone Zone { get; }

    /// <summary>Days on which people live as on a Sunday.</summary>
    public IReadOnlySet<LocalDate> Holidays { get; init; } = ImmutableHashSet<LocalDate>.Empty;

    /// <summary>Days that nobody should copy: outage, a failed rule.</summary>
    public IReadOnlySet<LocalDate> Doubtful { get; init; } = ImmutableHashSet<LocalDate>.Empty;

    /// <summary>When there was no supply: outage, disconnection.</summary>
    public ImmutableArray<Interval> NoSupply { get; init; } = [];

    /// <summary>Channels that carry the same, in the order in which they are asked: check meters first.</summary>
    public ImmutableArray<Alternate> Alternates { get; init; } = [];

    /// <summary>Whether an interval is measured or set by a person.</summary>
    public bool IsValid(int index) => index >= 0 && index < Profile.Length && IsValid(Profile, index);

    /// <summary>There was no supply in any of these intervals.</summary>
    public bool IsWithoutSupply(int first, int count) => NoSupply.Any(n => n.Start <= At(first) && At(first + count) <= n.End);

    /// <summary>The local day of an interval.</summary>
    public LocalDate DayOf(int index) => At(index).InZone(Zone).Date;

    /// <summary>Monday to Friday 1, weekend 2, holiday 3.</summary>
    public int ClassOf(LocalDate day) => Holidays.Contains(day) ? 3 : day.DayOfWeek >= IsoDayOfWeek.Saturday ? 2 : 1;

    /// <summary>Every interval of the local day is measured or edited, and nobody doubts the day.</summary>
    public bool IsUsable(LocalDate day)
    {
        if (!_usable.TryGetValue(day, out var usable))
        {
            usable = !Doubtful.Contains(day) && IsWhole(day);
            _usable.Add(day, usable);
        }

        return usable;
    }

    /// <summary>The interval of another day at the same local time; where that day skips or repeats the time, one beside it.</summary>
    public int SameTimeOn(int index, int daysAway)
    {
        var at = At(index);
        var there = at + Duration.FromDays(daysAway);
        // Offsets are the same but around a clock change.
        there += Duration.FromSeconds(Zone.GetUtcOffset(at).Seconds - Zone.GetUtcOffset(there).Seconds);
        return (int)((there - Profile.Start).ToInt64Nanoseconds() / (Profile.IntervalMinutes * 60 * NodaConstants.NanosecondsPerSecond));
    }

    private Instant At(int index) => Profile.Start + Duration.FromMinutes((long)index * Profile.IntervalMinutes);

    private bool IsWhole(LocalDate day)
    {
        var span = LocalDay.Of(day, Zone);
        if (span.Start < Profile.Start || span.End > Profile.End || span.Start == span.End)
        {
            return false;
        }

        var first = (int)((span.Start - Profile.Start).TotalMinutesExact() / Profile.IntervalMinutes);
        var count = (int)(span.Duration.TotalMinutesExact() / Profile.IntervalMinutes);
        for (var i = first; i < first + count; i++)
        {
            if (!IsValid(Profile, i))
            {
                return false;
            }
        }

        return true;
    }

    internal static bool IsValid(LoadProfile profile, int index) =>
        profile.Qualities.Length == 0 || profile.Qualities.Span[index] is (byte)IntervalQuality.Measured or (byte)IntervalQuality.Edited;
}

file static class Durations
{
    /// <summary>Whole minutes, without floating point.</summary>
    public static long TotalMinutesExact(this Duration duration) => duration.ToInt64Nanoseconds() / (60 * NodaConstants.NanosecondsPerSecond);
}
