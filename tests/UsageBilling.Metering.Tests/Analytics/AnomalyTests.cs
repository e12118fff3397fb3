using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Analytics;

public class AnomalyTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly LocalDate First = new(2026, 10, 5); // a Monday
    private static readonly LocalDate End = First.PlusDays(42);

    private static readonly OpeningHours Office = new(
        new LocalTime(7, 0), new LocalTime(18, 0), [IsoDayOfWeek.Monday, IsoDayOfWeek.Tuesday, IsoDayOfWeek.Wednesday, IsoDayOfWeek.Thursday, IsoDayOfWeek.Friday]);

    // An office: 2 kW while closed, 10 kW while open, a little noise that repeats.
    private static long Usual(LocalDateTime at) => (Office.Contains(at) ? 10_000 : 2_000) + (at.Day * 37 % 11 * 20);

    private static ImmutableArray<Anomaly> Find(Func<LocalDateTime, long?> quantity, Quantity of = Quantity.ActiveEnergy, OpeningHours? hours = null) =>
        AnomalyFinder.Find(AnalyticsTests.Profile(First, End, (at, _) => quantity(at), of: of), Berlin, AnomalyLimits.Of(new Measurand(of, Direction.Import)), hours);

    [Fact]
    public void Six_weeks_as_usual_are_no_anomaly() => Assert.Empty(Find(at => Usual(at), hours: Office));

    [Fact]
    public void Lights_left_on_over_a_night_are_out_of_hours_use()
    {
        var night = First.PlusDays(30);
        var found = Assert.Single(Find(at => at.Date == night && at.Hour >= 18 ? 8_000 : Usual(at), hours: Office));
        Assert.Equal(AnomalyKind.OutOfHours, found.Kind);
        Assert.Equal(LocalPeriod.StartOfDay(night, Berlin), found.From);
        Assert.StartsWith("2026-11-04: while closed the site drew 4.", found.Reason, StringComparison.Ordinal);
        Assert.Contains("the limit is 1.5 times that", found.Reason, StringComparison.Ordinal);
        Assert.Equal(["loadWhileClosed", "usualLoadWhileClosed", "usedWhileClosed"], found.Figures.Select(f => f.Name));
        Assert.Equal("kW", found.Figures[0].Unit);
    }

    [Fact]
    public void Use_just_within_the_limit_is_none() => Assert.Empty(Find(at => at.Date == First.PlusDays(30) && !Office.Contains(at) ? Usual(at) * 14 / 10 : Usual(at), hours: Office));

    [Fact]
    public void A_level_that_rises_and_stays_is_a_step_change_found_once_on_its_first_day()
    {
        var day = First.PlusDays(21);
        var found = Assert.Single(Find(at => at.Date >= day ? Usual(at) * 3 / 2 : Usual(at)));
        Assert.Equal(AnomalyKind.StepChange, found.Kind);
        Assert.Equal(LocalPeriod.StartOfDay(day, Berlin), found.From);
        Assert.Contains("from 2026-10-26 on the mean load is", found.Reason, StringComparison.Ordinal);
        Assert.Contains("+50 %", found.Reason, StringComparison.Ordinal);
        Assert.Equal(50m, found.Figures.Single(f => f.Name == "change").Value, 0);
    }

    [Fact]
    public void A_level_that_falls_and_stays_is_one_too() =>
        Assert.Contains("−50 %", Assert.Single(Find(at => at.Date >= First.PlusDays(21) ? Usual(at) / 2 : Usual(at))).Reason, StringComparison.Ordinal);

    [Fact]
    public void One_extraordinary_day_is_no_step_change() => Assert.Empty(Find(at => at.Date == First.PlusDays(25) ? Usual(at) * 8 : Usual(at)));

    [Fact]
    public void Water_that_never_stops_is_a_leak_and_water_in_draughts_is_none()
    {
        static long Draughts(LocalDateTime at) => at.Hour is >= 6 and < 22 ? 20 : 0;
        Assert.Empty(Find(at => Draughts(at), Quantity.WaterVolume));
        var from = First.PlusDays(35);
        var found = Assert.Single(Find(at => Draughts(at) + (at.Date >= from && at.Date < from.PlusDays(2) ? 3 : 0), Quantity.WaterVolume));
        Assert.Equal(AnomalyKind.ContinuousFlow, found.Kind);
        Assert.Equal("for 48 hours something flowed in every interval, never less than 0.003 m³/h: about 0.144 m³ were probably lost by a leak; the limit is 24 hours", found.Reason);
        Assert.Equal(LocalPeriod.StartOfDay(from, Berlin), found.From);
    }

    [Fact]
    public void An_interval_that_is_not_known_ends_a_flow_because_it_proves_nothing() =>
        Assert.Empty(Find(at => at.Date == First.PlusDays(35) ? (at.Hour == 12 ? null : 3) : 0, Quantity.WaterVolume).Where(a => a.Kind == AnomalyKind.ContinuousFlow));

    [Fact]
    public void Electricity_flows_without_a_pause_and_that_is_no_leak() => Assert.DoesNotContain(Find(_ => 500), a => a.Kind == AnomalyKind.ContinuousFlow);

    [Fact]
    public void A_register_that_stands_still_as_never_before_is_a_dead_meter()
    {
        var found = Assert.Single(Find(at => at.Date >= First.PlusDays(38) ? 0 : Usual(at)), a => a.Kind == AnomalyKind.DeadMeter);
        Assert.Equal(LocalPeriod.StartOfDay(First.PlusDays(38), Berlin), found.From);
        Assert.StartsWith("for 96 hours the meter counted nothing although it was read; before, it counted ", found.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_holiday_house_that_often_stands_still_is_no_dead_meter() =>
        Assert.Empty(Find(at => (at.Date.DayOfYear / 7) % 2 == 0 ? 0 : 300).Where(a => a.Kind == AnomalyKind.DeadMeter && a.From > LocalPeriod.StartOfDay(First.PlusDays(14), Berlin)));

    [Fact]
    public void Without_readings_there_is_no_dead_meter() => Assert.Empty(Find(at => at.Date >= First.PlusDays(38) ? null : Usual(at)));
}
