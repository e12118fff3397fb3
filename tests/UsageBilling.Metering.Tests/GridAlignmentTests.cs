using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Tests;

public class GridAlignmentTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);

    [Theory]
    [InlineData(0, 30, 30)]
    [InlineData(10, 30, 10)]
    [InlineData(15, 30, 15)]
    [InlineData(30, 60, 30)]
    [InlineData(5, 15, 5)]
    [InlineData(0, 20, 10)]
    [InlineData(0, 1, 5)]
    [InlineData(7, 30, 5)]
    public void The_grid_is_the_largest_that_divides_starts_and_lengths(int offset, int length, int grid)
    {
        var days = GridAlignment.Days(Enumerable.Range(0, 100).Select(i => Interval(offset + (i * length), length, 7))).ToArray();
        Assert.All(days, d => Assert.Equal(grid, d.Intervals.IntervalMinutes));
        Assert.Equal(700, days.Sum(d => d.Intervals.Quantities.ToArray().Sum()));
        var expected = length > grid || offset % grid != 0 ? IntervalQuality.Interpolated : IntervalQuality.Measured;
        Assert.All(days.SelectMany(d => d.Intervals.Qualities.ToArray()).Where(q => q != 0), q => Assert.Equal((byte)expected, q));
    }

    [Fact]
    public void Sums_stay_the_same_to_the_unit_whatever_the_instants_and_lengths() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var (at, intervals) = (Start, new List<StatedInterval>());
            for (var i = 0; i < 200; i++)
            {
                at += random.Next(10) == 0 ? Duration.FromSeconds(random.Next(200_000)) : Duration.Zero;
                var length = Duration.FromSeconds(random.Next(1, 3_601));
                intervals.Add(new StatedInterval(at, length, random.Next(-100, 10_000), (IntervalQuality)random.Next(1, 5)));
                at += length;
            }

            var days = GridAlignment.Days(intervals).ToArray();
            Assert.Equal(days.Select(d => d.Day), days.Select(d => d.Day).Distinct().Order());
            return days.Sum(d => d.Intervals.Quantities.ToArray().Sum()) == intervals.Sum(i => i.Quantity);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(7 * 60, 15)]
    [InlineData(13, 15)]
    [InlineData(7 * 60, 60)]
    [InlineData(1, 5)]
    public void Files_that_follow_each_other_off_the_grid_leave_no_seam_and_lose_nothing_at_their_ends(int secondsPast, int length)
    {
        var all = Enumerable.Range(0, 96).Select(i => new StatedInterval(Start + Duration.FromSeconds(secondsPast + (60 * i * length)), Duration.FromMinutes(length), 1_200, IntervalQuality.Measured)).ToArray();
        var known = 0L;
        foreach (var file in all.Chunk(32))
        {
            foreach (var (_, day) in GridAlignment.Days(file))
            {
                known += Enumerable.Range(0, day.Slots).Where(slot => day.Qualities[slot] != (byte)IntervalQuality.Missing).Sum(slot => day.Quantities[slot]);
                Assert.DoesNotContain((byte)IntervalQuality.Measured, day.Qualities.ToArray());
            }
        }

        Assert.Equal(96 * 1_200, known);
    }

    [Fact]
    public void An_overlap_is_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => GridAlignment.Days([Interval(0, 30, 1), Interval(20, 30, 1)]).ToArray());
        Assert.Contains("2026-03-01T00:20:00Z begins before the one before it ends", error.Message, StringComparison.Ordinal);
    }

    private static StatedInterval Interval(int minute, int length, long quantity) =>
        new(Start + Duration.FromMinutes(minute), Duration.FromMinutes(length), quantity, IntervalQuality.Measured);
}
