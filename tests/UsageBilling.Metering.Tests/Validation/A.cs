using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Validation;

/// <summary>Days to validate: a quiet quarter-hourly day of active energy in Berlin, in Wh, and what a test changes in it.</summary>
internal static class A
{
    public static readonly LocalDate Date = new(2025, 5, 14);
    public static readonly ChannelKey Channel = new("SP-1", new Measurand(Quantity.ActiveEnergy, Direction.Import));
    public static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    /// <summary>96 values from 500 to 595 Wh: nothing to find.</summary>
    public static long[] Quiet(int slots = 96) => [.. Enumerable.Range(0, slots).Select(i => 500L + (i * 37 % 96))];

    public static ChannelDay Day(
        long[]? quantities = null, IntervalQuality[]? qualities = null, DayEvidence? evidence = null, Dictionary<LocalDate, DaySummary>? history = null, LocalDate? date = null, int minutes = 15)
    {
        var day = date ?? Date;
        var values = quantities ?? Quiet(LocalDay.Intervals(day, Berlin, minutes));
        return new ChannelDay(
            Channel.Id, day,
            new LoadProfile(Channel.Measurand, 0, LocalDay.Of(day, Berlin).Start, minutes, values, qualities?.Select(q => (byte)q).ToArray() ?? []),
            evidence ?? DayEvidence.None, history ?? []);
    }

    /// <summary>The quiet day with one slot changed.</summary>
    public static long[] QuietBut(int slot, long value)
    {
        var values = Quiet();
        values[slot] = value;
        return values;
    }

    /// <summary>Days before, all alike.</summary>
    public static Dictionary<LocalDate, DaySummary> Days(int count, DaySummary day, int from = 1) =>
        Enumerable.Range(from, count).ToDictionary(i => Date.PlusDays(-i), _ => day);

    public static IntervalQuality[] Qualities(int slots, IntervalQuality quality, params int[] at)
    {
        var qualities = Enumerable.Repeat(IntervalQuality.Measured, slots).ToArray();
        foreach (var slot in at)
        {
            qualities[slot] = quality;
        }

        return qualities;
    }
}
