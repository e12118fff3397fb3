using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class IntervalStepTests
{
    private static readonly LocalDate Day = new(2025, 3, 15);
    private static readonly Instant Start = UtcDay.StartOf(Day);

    [Fact]
    public void A_meter_exchanged_at_seven_past_ten_local_conserves_both_parts()
    {
        // 10:07 in Berlin is 09:07 UTC.
        var exchange = Instant.FromUtc(2025, 3, 15, 9, 7);
        var old = RegisterRuleTests.Terms() with { From = Start, To = exchange, StartRegister = 1_000, EndRegister = 1_367 };
        var @new = RegisterRuleTests.Terms() with { From = exchange, StartRegister = 12, Factor = new Fraction(1, 2), IsExchange = true };
        var oldPoints = Grid(Start, exchange, n => 1_000 + (10 * n));
        var newPoints = Grid(Instant.FromUtc(2025, 3, 15, 9, 15), Start + Duration.FromDays(1) + Duration.FromMinutes(1), n => 19 + (20 * n));
        var day = IntervalStep.Compute(Day, 15, [RegisterHistory.Derive(old, oldPoints), RegisterHistory.Derive(@new, newPoints)], Start, null);

        // The slot of the exchange: 367 − 360 of the old meter, and round(7 / 2) of the new one.
        Assert.Equal(7 + 4, day.Quantities[36]);
        Assert.Equal((byte)IntervalQuality.Measured, day.Qualities[36]);
        Assert.Equal(367 + new Fraction(1, 2).Scale(newPoints[^1].Value - 12), day.Quantities.ToArray().Sum());
        Assert.Empty(day.PackQualities());
    }

    [Fact]
    public void Missing_boundaries_are_interpolated_flagged_and_conserved()
    {
        var points = new List<RegisterPoint> { Point(0, 100), Point(60, 110), Point(75, 115) };
        var day = IntervalStep.Compute(Day, 15, [RegisterHistory.Derive(RegisterRuleTests.Terms() with { From = Start }, points)], Start, null);
        Assert.Equal([2L, 3, 2, 3, 5, 0], day.Quantities[..6].ToArray());
        Assert.Equal([3, 3, 3, 3, 4, 0], day.Qualities[..6].ToArray());
    }

    [Fact]
    public void A_read_between_boundaries_leaves_the_slot_measured()
    {
        var points = new List<RegisterPoint> { Point(0, 100), Point(7, 106), Point(15, 110) };
        var day = IntervalStep.Compute(Day, 15, [RegisterHistory.Derive(RegisterRuleTests.Terms() with { From = Start }, points)], Start, null);
        Assert.Equal(10, day.Quantities[0]);
        Assert.Equal((byte)IntervalQuality.Measured, day.Qualities[0]);
    }

    [Fact]
    public void A_falling_register_leaves_its_slot_missing_and_never_negative()
    {
        var points = new List<RegisterPoint> { Point(0, 5_000), Point(15, 5_010), Point(30, 20), Point(45, 35) };
        var terms = RegisterRuleTests.Terms(digits: 6) with { From = Start };
        var day = IntervalStep.Compute(Day, 15, [RegisterHistory.Derive(terms, points)], Start, null);
        Assert.Equal([10L, 0, 15], day.Quantities[..3].ToArray());
        Assert.Equal([4, 0, 4], day.Qualities[..3].ToArray());
    }

    [Fact]
    public void Time_between_two_meters_is_missing()
    {
        var first = RegisterRuleTests.Terms() with { From = Start, To = Start + Duration.FromMinutes(15), StartRegister = 0, EndRegister = 4 };
        var second = RegisterRuleTests.Terms() with { From = Start + Duration.FromMinutes(20), StartRegister = 0 };
        var day = IntervalStep.Compute(Day, 15, [RegisterHistory.Derive(first, []), RegisterHistory.Derive(second, [Point(30, 3), Point(45, 5)])], Start, null);
        Assert.Equal([4L, 3, 2], day.Quantities[..3].ToArray());
        Assert.Equal([4, 0, 4], day.Qualities[..3].ToArray());
    }

    [Fact]
    public void A_gap_over_days_gives_each_day_its_part()
    {
        var points = new List<RegisterPoint> { Point(-1440, 0), Point(2 * 1440, 1_000) };
        var history = RegisterHistory.Derive(RegisterRuleTests.Terms() with { From = Start - Duration.FromDays(1) }, points);
        var sums = Enumerable.Range(-1, 3).Select(n => IntervalStep.Compute(Day.PlusDays(n), 60, [history], history.Terms.From, null).Quantities.ToArray().Sum()).ToArray();
        Assert.Equal([333L, 333, 334], sums);
    }

    [Fact]
    public void Grids_of_ten_and_fifteen_minutes_meet_every_thirty() => Assert.Equal(30, IntervalStep.CommonInterval([10, 15]));

    [Fact]
    public void An_estimate_gives_way_to_measurement_and_an_edit_does_not()
    {
        var measured = new IntervalDay(60, [1, .. new long[23]], [(byte)IntervalQuality.Measured, .. new byte[23]]);
        var estimated = IntervalOverride.Apply(measured, [new IntervalOverride(60, 0, [7, 8], IntervalQuality.Estimated)]);
        Assert.Equal([1L, 8, 0], estimated.Quantities[..3].ToArray());
        Assert.Equal([4, 1, 0], estimated.Qualities[..3].ToArray());
        Assert.Equal(9, IntervalOverride.Apply(measured, [new IntervalOverride(60, 0, [9], IntervalQuality.Edited)]).Quantities[0]);
    }

    private static List<RegisterPoint> Grid(Instant from, Instant until, Func<int, long> value)
    {
        var points = new List<RegisterPoint>();
        for (var at = from; at < until; at += Duration.FromMinutes(15))
        {
            points.Add(new RegisterPoint(at, value(points.Count), ReadingQuality.Good));
        }

        return points;
    }

    private static RegisterPoint Point(int minutes, long value) => new(Start + Duration.FromMinutes(minutes), value, ReadingQuality.Good);
}
