using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class IntervalDayTests
{
    private static readonly Measurand Import = new(Quantity.ActiveEnergy, Direction.Import);

    [Theory]
    [InlineData(0, 4)]
    [InlineData(int.MaxValue, 4)]
    [InlineData(int.MinValue, 4)]
    [InlineData(int.MaxValue + 1L, 8)]
    public void Quantities_are_packed_in_four_bytes_where_they_fit(long largest, int width)
    {
        var day = Day(15, slot => slot == 3 ? largest : slot, IntervalQuality.Measured);
        Assert.Equal(96 * width, day.PackQuantities().Length);
        Assert.Empty(day.PackQualities());
        var again = IntervalDay.Unpack(15, day.PackQuantities(), day.PackQualities());
        Assert.Equal(day.Quantities.ToArray(), again.Quantities.ToArray());
        Assert.Equal(day.Hash(), again.Hash());
    }

    [Fact]
    public void The_hash_sees_quantity_quality_place_and_length()
    {
        var day = Day(30, slot => 5, IntervalQuality.Measured);
        Assert.NotEqual(day.HashSlice(0, 10), day.HashSlice(1, 10));
        Assert.NotEqual(day.HashSlice(0, 10), day.HashSlice(0, 11));
        Assert.NotEqual(day.Hash(), Day(30, slot => 5, IntervalQuality.Interpolated).Hash());
        Assert.NotEqual(day.Hash(), Day(30, slot => slot == 47 ? 6 : 5, IntervalQuality.Measured).Hash());
        Assert.Equal(day.HashSlice(0, 10), Day(30, slot => slot == 47 ? 6 : 5, IntervalQuality.Measured).HashSlice(0, 10));
    }

    [Fact]
    public void Slots_that_differ_are_named() =>
        Assert.Equal([47], Day(30, slot => 5, IntervalQuality.Measured).SlotsThatDiffer(Day(30, slot => slot == 47 ? 6 : 5, IntervalQuality.Measured)));

    [Fact]
    public void A_local_month_is_cut_out_of_utc_days()
    {
        var zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
        var period = new LocalPeriod(new LocalDate(2025, 10, 1), new LocalDate(2025, 11, 1), zone);
        var days = Enumerable.Range(0, 40).Select(n => KeyValuePair.Create(new LocalDate(2025, 9, 28).PlusDays(n), Day(15, slot => 1, IntervalQuality.Measured))).ToArray();
        var profile = ProfileAssembly.Assemble(Import, 0, period.Start, period.End, days, 15);
        Assert.Equal((31 * 96) + 4, profile.Length);
        Assert.Equal(profile.Length, profile.Quantities.ToArray().Sum());
        Assert.Equal(period.End, profile.End);
    }

    [Fact]
    public void A_day_without_a_row_is_missing()
    {
        var profile = ProfileAssembly.Assemble(Import, 0, At(1), At(4), [KeyValuePair.Create(new LocalDate(2025, 1, 2), Day(60, slot => 2, IntervalQuality.Measured))], 60);
        Assert.Equal(48, profile.Quantities.ToArray().Sum());
        Assert.Equal(48, profile.Qualities.ToArray().Count(q => q == (byte)IntervalQuality.Missing));
    }

    [Fact]
    public void A_change_of_interval_comes_out_in_the_common_one_and_keeps_the_weakest_quality()
    {
        var fine = Day(5, slot => slot, IntervalQuality.Measured);
        var weak = new IntervalDay(5, fine.Quantities.ToArray(), [(byte)IntervalQuality.Interpolated, .. fine.Qualities[1..]]);
        var profile = ProfileAssembly.Assemble(
            Import, 0, At(1), At(3), [KeyValuePair.Create(new LocalDate(2025, 1, 1), Day(15, slot => 1, IntervalQuality.Measured)), KeyValuePair.Create(new LocalDate(2025, 1, 2), weak)], 15);
        Assert.Equal(15, profile.IntervalMinutes);
        Assert.Equal([0L + 1 + 2, 3 + 4 + 5], profile.Quantities.Slice(96, 2).ToArray());
        Assert.Equal([3, 4], profile.Qualities.Slice(96, 2).ToArray());
    }

    [Fact]
    public void A_span_off_the_grid_is_refused() =>
        Assert.Throws<ArgumentException>(() => ProfileAssembly.Assemble(Import, 0, At(1) + Duration.FromMinutes(15), At(2), [KeyValuePair.Create(new LocalDate(2025, 1, 1), Day(60, slot => 1, IntervalQuality.Measured))], 60));

    private static Instant At(int day) => Instant.FromUtc(2025, 1, day, 0, 0);

    private static IntervalDay Day(int minutes, Func<int, long> quantity, IntervalQuality quality)
    {
        var slots = IntervalDay.SlotsOf(minutes);
        return new IntervalDay(minutes, [.. Enumerable.Range(0, slots).Select(quantity)], [.. Enumerable.Repeat((byte)quality, slots)]);
    }
}
