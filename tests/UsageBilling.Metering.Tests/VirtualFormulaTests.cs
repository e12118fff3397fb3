using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class VirtualFormulaTests
{
    private static readonly ChannelId[] Channels = [.. Enumerable.Range(1, 9).Select(i => new ChannelId(new Guid(i, 0, 0, new byte[8])))];

    [Fact]
    public void Shares_sum_to_the_whole_in_every_slot_and_none_is_of_the_other_sign() => ForSeeds(random =>
    {
        var day = AnyDay(random, negative: true);
        var weights = Weights(random);
        var parts = Enumerable.Range(0, weights.Length).Select(p => new Share(Channels[0], weights, p).Compute([day])!).ToArray();
        for (var slot = 0; slot < day.Slots; slot++)
        {
            Assert.Equal(day.Quantities[slot], parts.Sum(p => p.Quantities[slot]));
            Assert.All(parts, p => Assert.True(Math.Sign(p.Quantities[slot]) * Math.Sign(day.Quantities[slot]) >= 0));
            Assert.All(parts, p => Assert.Equal(day.Qualities[slot], p.Qualities[slot]));
        }
    });

    [Fact]
    public void Over_a_day_a_share_is_within_units_of_its_exact_fraction_though_every_slot_is_small() => ForSeeds(random =>
    {
        var day = new IntervalDay(5, [.. Enumerable.Range(0, 288).Select(_ => (long)random.Next(0, 3))], [.. Enumerable.Repeat((byte)4, 288)]);
        var weights = Weights(random);
        var (whole, sum) = (Sum(day), weights.Sum());
        for (var part = 0; part < weights.Length; part++)
        {
            var exact = (decimal)whole * weights[part] / sum;
            Assert.InRange(Sum(new Share(Channels[0], weights, part).Compute([day])!) - exact, -3m, 3m);
        }
    });

    [Fact]
    public void Sub_meters_and_common_areas_are_the_main_meter_to_the_unit_on_any_grids() => ForSeeds(random =>
    {
        var main = AnyDay(random);
        var flats = Enumerable.Range(0, random.Next(1, 6)).Select(_ => AnyDay(random)).ToArray();
        var common = new Combination([Channels[0]], [.. Channels.Skip(1).Take(flats.Length)]).Compute([main, .. flats])!;
        Assert.Equal(Sum(main), Sum(common) + flats.Sum(Sum));
        var together = new Combination([.. Channels.Take(flats.Length + 1)], []).Compute([common, .. flats])!;
        for (var slot = 0; slot < 24; slot++)
        {
            Assert.Equal(Hour(main, slot), Hour(together, slot));
        }
    });

    [Fact]
    public void A_slot_is_as_good_as_the_weakest_of_its_sources_and_a_source_without_a_day_makes_it_missing()
    {
        var (good, poor) = (Day(15, 10, IntervalQuality.Measured), Day(15, 4, IntervalQuality.Estimated));
        var difference = new Combination([Channels[0]], [Channels[1]]);
        var both = difference.Compute([good, poor])!;
        Assert.Equal((6, (byte)IntervalQuality.Estimated), (both.Quantities[5], both.Qualities[5]));
        var one = difference.Compute([good, null])!;
        Assert.Equal((10, (byte)IntervalQuality.Missing), (one.Quantities[5], one.Qualities[5]));
        Assert.Null(difference.Compute([null, null]));
    }

    [Fact]
    public void Formulas_are_ordered_after_what_they_read_and_a_circle_is_named()
    {
        var formulas = new Dictionary<ChannelId, VirtualFormula>
        {
            [Channels[2]] = new Combination([Channels[1]], []),
            [Channels[1]] = new Share(Channels[0], [1, 2], 0),
        };
        Assert.Equal([Channels[1], Channels[2]], VirtualOrder.Of(formulas, out var none));
        Assert.Empty(none);
        formulas[Channels[0]] = new Combination([Channels[3]], [Channels[2]]);
        Assert.Empty(VirtualOrder.Of(formulas, out var circle));
        Assert.Equal(4, circle.Count);
        Assert.Equal(circle[0], circle[^1]);
    }

    private static void ForSeeds(Action<Random> law) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed => law(new Random(seed))).QuickCheckThrowOnFailure();

    private static ImmutableArray<long> Weights(Random random) => [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.NextInt64(1, random.Next(2) == 0 ? 10 : 1_000_000_000_000))];

    private static IntervalDay Day(int minutes, long each, IntervalQuality quality) =>
        new(minutes, [.. Enumerable.Repeat(each, 1440 / minutes)], [.. Enumerable.Repeat((byte)quality, 1440 / minutes)]);

    private static IntervalDay AnyDay(Random random, bool negative = false)
    {
        var minutes = new[] { 5, 10, 15, 30, 60 }[random.Next(5)];
        var scale = random.Next(2) == 0 ? 4L : 10_000_000_000;
        return new IntervalDay(minutes, [.. Enumerable.Range(0, 1440 / minutes).Select(_ => random.NextInt64(negative ? -scale : 0, scale))], [.. Enumerable.Range(0, 1440 / minutes).Select(_ => (byte)random.Next(5))]);
    }

    private static long Sum(IntervalDay day) => day.Quantities.ToArray().Sum();

    private static long Hour(IntervalDay day, int hour) => day.Quantities.Slice(hour * 60 / day.IntervalMinutes, 60 / day.IntervalMinutes).ToArray().Sum();
}
