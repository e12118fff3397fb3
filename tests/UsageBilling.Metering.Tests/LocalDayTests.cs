using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Calendars;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests;

public class LocalDayTests
{
    [Fact]
    public void All_days_of_the_shared_cases_have_their_bounds_and_intervals()
    {
        var file = SharedCases.Path("time", "dst-cases.json");
        if (file is null)
        {
            Assert.Skip(SharedCases.Absent);
        }

        using var cases = JsonDocument.Parse(File.ReadAllText(file));
        var checkedDays = 0;
        foreach (var day in cases.RootElement.EnumerateArray())
        {
            var zone = DateTimeZoneProviders.Tzdb[day.GetProperty("tz").GetString()!];
            var date = LocalDatePattern.Iso.Parse(day.GetProperty("localDate").GetString()!).Value;
            var span = LocalDay.Of(date, zone);
            Assert.Equal(day.GetProperty("firstUtc").GetString(), InstantPattern.General.Format(span.Start));
            Assert.Equal(day.GetProperty("nextUtc").GetString(), InstantPattern.General.Format(span.End));
            Assert.Equal(day.GetProperty("minutes").GetInt32(), LocalDay.Minutes(date, zone));
            Assert.Equal(day.GetProperty("n15").GetDouble(), LocalDay.Intervals(date, zone, 15));
            checkedDays++;
        }

        Assert.Equal(50, checkedDays);
    }

    [Theory]
    [InlineData("Europe/Berlin", "2025-10-26", 100)]
    [InlineData("Europe/Berlin", "2025-03-30", 92)]
    [InlineData("Australia/Lord_Howe", "2025-04-06", 98)]
    [InlineData("Pacific/Apia", "2011-12-30", 0)]
    [InlineData("Antarctica/Troll", "2025-03-30", 88)]
    [InlineData("Asia/Kathmandu", "1986-01-01", 95)]
    public void A_day_has_as_many_quarter_hours_as_its_clock_made(string zone, string date, int quarters) =>
        Assert.Equal(quarters, LocalDay.Intervals(LocalDatePattern.Iso.Parse(date).Value, DateTimeZoneProviders.Tzdb[zone], 15));

    [Theory]
    [InlineData("Europe/Berlin", 60, 60)]
    [InlineData("Australia/Adelaide", 60, 30)]
    [InlineData("Asia/Kolkata", 30, 30)]
    [InlineData("Asia/Kathmandu", 60, 15)]
    [InlineData("Asia/Kathmandu", 30, 15)]
    [InlineData("Asia/Kathmandu", 10, 5)]
    [InlineData("Australia/Lord_Howe", 60, 30)] // also in summer, when the offset is whole hours
    public void Intervals_that_nobody_chose_for_the_zone_are_cut_to_the_longest_that_divides_its_offsets(string zone, int minutes, int longest) =>
        Assert.Equal(longest, ZoneRule.Longest(DateTimeZoneProviders.Tzdb[zone], minutes, new LocalDate(2026, 1, 15)));

    [Theory]
    [InlineData("Europe/Berlin", 60, true)]
    [InlineData("Asia/Kathmandu", 30, false)]
    [InlineData("Asia/Kathmandu", 15, true)]
    [InlineData("Australia/Lord_Howe", 60, false)]
    [InlineData("Australia/Lord_Howe", 30, true)]
    [InlineData("Asia/Kolkata", 60, false)]
    public void An_interval_must_divide_every_offset_of_the_zone(string zone, int minutes, bool allowed)
    {
        var problem = ZoneRule.Problem(DateTimeZoneProviders.Tzdb[zone], minutes, Instant.FromUtc(2020, 1, 1, 0, 0), Instant.FromUtc(2026, 1, 1, 0, 0));
        Assert.Equal(allowed, problem is null);
        if (!allowed)
        {
            Assert.Matches("choose one of 5, (10, )?15(, 30)? minutes", problem);
        }
    }
}
