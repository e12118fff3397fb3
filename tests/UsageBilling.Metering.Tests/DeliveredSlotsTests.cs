using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Tests;

public class DeliveredSlotsTests
{
    private static readonly LocalDate Day = new(2026, 3, 1);
    private static readonly Instant Start = UtcDay.StartOf(Day);
    private static readonly int[] Lengths = [5, 10, 15, 30, 60];

    [Fact]
    public void Neither_order_nor_repetition_of_statements_matters() => ForSeeds(random =>
    {
        var statements = Enumerable.Range(0, random.Next(1, 6)).Select(_ => AnyStatement(random)).ToArray();
        var totals = Enumerable.Range(0, random.Next(0, 4)).Select(_ => AnyTotal(random)).ToArray();
        var (once, disputes) = (DeliveredSlots.Merge(Day, statements, totals)?.Hash(), DeliveredDisputes.Of(Day, statements).ToArray());
        DeliveredIntervals[] twice = [.. statements, statements[0]];
        random.Shuffle(twice);
        random.Shuffle(totals);
        Assert.Equal(once, DeliveredSlots.Merge(Day, twice, totals)?.Hash());
        Assert.Equal(disputes, DeliveredDisputes.Of(Day, twice));
    });

    [Fact]
    public void The_sources_later_version_stands_also_where_its_quality_is_lesser_and_above_what_has_no_version()
    {
        var (actual, final) = (One(5, IntervalQuality.Measured), One(7, IntervalQuality.Estimated));
        var (first, second) = (Version(actual, 0), Version(final, 9));
        Assert.Equal(7, First(first, second));
        Assert.Equal(5, First(Version(actual, 9), Version(final, 0)));
        Assert.Equal(5, First(Version(actual, 0), Version(final, 0)));
        Assert.Equal(7, First(Version(final, 0), new(actual, Start + Duration.FromDays(99))));
        Assert.Equal([(true, Start)], DeliveredDisputes.Of(Day, [first, second]).Select(d => (d.GaveWay, d.From)));
        Assert.Empty(DeliveredDisputes.Of(Day, [Version(final, 0), Version(actual, 9)]));
        Assert.Empty(DeliveredDisputes.Of(Day, [first, Version(One(6, IntervalQuality.Measured), 9)]));
        Assert.Equal([false], DeliveredDisputes.Of(Day, [first, Version(One(6, IntervalQuality.Measured), 0)]).Select(d => d.GaveWay));
    }

    [Fact]
    public void A_version_without_a_value_takes_back_earlier_ones_of_its_own_meter_and_nobody_elses()
    {
        var value = Version(One(5, IntervalQuality.Measured), 0);
        var withdrawal = new DeliveredIntervals(One(0, IntervalQuality.Measured), Start + Duration.FromDays(1), StatementKind.Withdrawal, "M1");
        var day = DeliveredSlots.Merge(Day, [value, withdrawal], [])!;
        Assert.Equal((0, (byte)IntervalQuality.Missing), (day.Quantities[0], day.Qualities[0]));
        Assert.True(Assert.Single(DeliveredDisputes.Of(Day, [value, withdrawal])).GaveWay);
        Assert.Equal(6, First(value, withdrawal, Version(One(6, IntervalQuality.Measured), 2)));
        Assert.Equal(5, First(value with { Meter = "M2" }, withdrawal));
        Assert.Equal(5, First(new(value.Intervals, Start), withdrawal));
        Assert.Null(DeliveredSlots.Merge(Day, [withdrawal], []));
        var total = new DeliveredQuantity(Start, Start + Duration.FromDays(1), 9_600, IntervalQuality.Measured, Start);
        Assert.Equal(9_600, Sum(DeliveredSlots.Merge(Day, [value, withdrawal], [total])!));
    }

    [Fact]
    public void What_has_no_version_and_is_not_taken_or_takes_the_place_of_its_equal_is_named()
    {
        var (actual, other, estimate) = (One(5, IntervalQuality.Measured), One(6, IntervalQuality.Measured), One(7, IntervalQuality.Estimated));
        var (now, later) = (Start, Start + Duration.FromDays(1));
        Assert.Equal([false], DeliveredDisputes.Of(Day, [new(actual, now), new(estimate, later)]).Select(d => d.GaveWay));
        Assert.Equal([false], DeliveredDisputes.Of(Day, [new(actual, now), new(other, later)]).Select(d => d.GaveWay));
        Assert.Equal([false], DeliveredDisputes.Of(Day, [Version(actual, 0), new(estimate, later)]).Select(d => d.GaveWay));
        Assert.Empty(DeliveredDisputes.Of(Day, [new(estimate, now), new(actual, later)]));
        Assert.Empty(DeliveredDisputes.Of(Day, [new(actual, now), new(actual, later)]));
    }

    [Fact]
    public void A_null_takes_back_the_total_of_its_own_span_and_a_later_version_of_lesser_quality_stands()
    {
        var end = Start + Duration.FromDays(1);
        var total = new DeliveredQuantity(Start, end, 960, IntervalQuality.Measured, Start, Versioned: true);
        var nothing = new DeliveredQuantity(Start, end, 0, IntervalQuality.Missing, Start + Duration.FromDays(2), Versioned: true);
        Assert.Equal(0, Sum(DeliveredSlots.Merge(Day, [], [total, nothing])!));
        Assert.Equal(960, Sum(DeliveredSlots.Merge(Day, [], [total, nothing with { To = end + Duration.FromHours(1) }])!));
        var substitute = new DeliveredQuantity(Start, end, 480, IntervalQuality.Estimated, Start + Duration.FromDays(3), Versioned: true);
        Assert.Equal(480, Sum(DeliveredSlots.Merge(Day, [], [total, substitute, nothing])!));
        Assert.Equal(960, Sum(DeliveredSlots.Merge(Day, [], [total, substitute with { Versioned = false }])!));
    }

    [Fact]
    public void A_day_on_another_grid_keeps_its_sum() => ForSeeds(random =>
    {
        var day = AnyDay(random);
        foreach (var minutes in Lengths)
        {
            Assert.Equal(Sum(day), Sum(DeliveredSlots.OnGrid(day, minutes)));
        }
    });

    [Fact]
    public void Totals_that_follow_each_other_are_conserved_to_the_unit_whatever_their_instants() => ForSeeds(random =>
    {
        var instants = Enumerable.Range(0, random.Next(2, 8)).Select(_ => Start - Duration.FromDays(2) + Duration.FromSeconds(random.Next(6 * 86_400))).Distinct().Order().ToArray();
        var totals = instants.Zip(instants.Skip(1)).Select(p => new DeliveredQuantity(p.First, p.Second, random.Next(-50, 1_000_000), IntervalQuality.Measured, Start)).ToArray();
        var days = Enumerable.Range(-3, 9).Select(i => DeliveredSlots.Merge(Day.PlusDays(i), [], totals)).OfType<IntervalDay>().ToArray();
        Assert.Equal(totals.Sum(t => t.Quantity), days.Sum(Sum));
        Assert.All(days, d => Assert.DoesNotContain((byte)IntervalQuality.Measured, d.Qualities.ToArray()));
    });

    [Fact]
    public void In_a_slot_better_quality_wins_then_the_later_statement_then_the_larger_quantity()
    {
        var estimated = One(7, IntervalQuality.Estimated);
        var (measured, corrected) = (One(5, IntervalQuality.Measured), One(3, IntervalQuality.Measured));
        Assert.Equal(5, First(new(measured, Start), new(estimated, Start + Duration.FromDays(9))));
        Assert.Equal(3, First(new(measured, Start), new(corrected, Start + Duration.FromDays(1))));
        Assert.Equal(5, First(new(measured, Start), new(corrected, Start)));
    }

    [Fact]
    public void A_month_spread_over_its_slots_is_flagged_and_differs_by_less_than_a_unit_from_its_share()
    {
        var month = new DeliveredQuantity(UtcDay.StartOf(new LocalDate(2026, 3, 1)), UtcDay.StartOf(new LocalDate(2026, 4, 1)), 1_000_003, IntervalQuality.Measured, Start);
        var days = Enumerable.Range(0, 31).Select(i => DeliveredSlots.Merge(Day.PlusDays(i), [], [month])!).ToArray();
        Assert.Equal(1_000_003, days.Sum(Sum));
        Assert.All(days, d => Assert.All(d.Quantities.ToArray(), q => Assert.InRange(q, 336, 337)));
        Assert.All(days, d => Assert.All(d.Qualities.ToArray(), q => Assert.Equal((byte)IntervalQuality.Interpolated, q)));
        Assert.Null(DeliveredSlots.Merge(Day.PlusDays(31), [], [month]));
    }

    [Fact]
    public void A_total_stated_later_takes_over_where_it_overlaps_an_earlier_one()
    {
        var (noon, end) = (Start + Duration.FromHours(12), Start + Duration.FromDays(1));
        DeliveredQuantity[] totals = [new(Start, end, 960, IntervalQuality.Measured, Start), new(noon, end, 48, IntervalQuality.Measured, end)];
        var day = DeliveredSlots.Merge(Day, [], totals)!;
        Assert.Equal(480 + 48, Sum(day));
    }

    [Fact]
    public void Delivered_intervals_stand_before_a_total_that_covers_them()
    {
        var total = new DeliveredQuantity(Start, Start + Duration.FromDays(1), 9_600, IntervalQuality.Measured, Start + Duration.FromDays(5));
        var day = DeliveredSlots.Merge(Day, [new DeliveredIntervals(One(5, IntervalQuality.Measured), Start)], [total])!;
        Assert.Equal((5, 100), (day.Quantities[0], day.Quantities[1]));
        Assert.Equal((byte)IntervalQuality.Measured, day.Qualities[0]);
    }

    private static void ForSeeds(Action<Random> law) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed => law(new Random(seed))).QuickCheckThrowOnFailure();

    private static long First(params DeliveredIntervals[] statements) => DeliveredSlots.Merge(Day, statements, [])!.Quantities[0];

    private static DeliveredIntervals Version(IntervalDay day, int days) => new(day, Start + Duration.FromDays(days), StatementKind.Version, "M1");

    private static DeliveredIntervals AnyStatement(Random random) => new(
        AnyDay(random), Start + Duration.FromHours(random.Next(3)), (StatementKind)random.Next(1, 4), random.Next(2) == 0 ? "M1" : "M2");

    private static IntervalDay One(long quantity, IntervalQuality quality)
    {
        var (quantities, qualities) = (new long[96], new byte[96]);
        (quantities[0], qualities[0]) = (quantity, (byte)quality);
        return new IntervalDay(15, quantities, qualities);
    }

    private static IntervalDay AnyDay(Random random)
    {
        var minutes = Lengths[random.Next(Lengths.Length)];
        var qualities = Enumerable.Range(0, 1440 / minutes).Select(_ => (byte)(random.Next(4) == 0 ? 0 : random.Next(1, 5))).ToArray();
        return new IntervalDay(minutes, [.. qualities.Select(q => q == 0 ? 0L : random.Next(-20, 1_000))], qualities);
    }

    private static DeliveredQuantity AnyTotal(Random random)
    {
        var from = Start + Duration.FromMinutes(random.Next(-2_000, 1_400));
        return new DeliveredQuantity(from, from + Duration.FromMinutes(random.Next(61, 4_000)), random.Next(100_000), (IntervalQuality)random.Next(1, 5), Start + Duration.FromHours(random.Next(2)));
    }

    private static long Sum(IntervalDay day) => day.Quantities.ToArray().Sum();
}
