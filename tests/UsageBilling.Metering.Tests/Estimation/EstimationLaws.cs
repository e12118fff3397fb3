using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Tests.Validation;

namespace UsageBilling.Metering.Tests.Estimation;

public class EstimationLaws
{
    private static readonly LocalDate First = new(2025, 2, 3);

    [Fact]
    public void Estimates_sum_to_the_advance_and_are_never_negative_whatever_the_method() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var measured = Site(random);
            var window = new EstimationWindow(measured, A.Berlin);
            foreach (var gap in Gap.Find(measured, null))
            {
                foreach (var estimate in Enum.GetValues<EstimationMethod>().Select(m => Estimator.FillBy(m, gap, window, new EstimationLimits())).Append(Estimator.Fill(gap, window, new EstimationLimits())))
                {
                    if (estimate is not null && (estimate.Quantities.Any(q => q < 0) || (gap.Advance is { } advance && estimate.Quantities.Sum() != advance)))
                    {
                        return false;
                    }
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Laid_over_the_measured_layer_estimates_keep_its_sum_and_are_the_same_when_laid_twice() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var measured = Site(new Random(seed));
            var parts = Parts(measured);
            var days = Days(measured);
            var once = Lay(days, parts);
            var twice = Lay(days, [.. parts, .. parts]);

            // What fills slots of which nothing was known comes on top.
            var added = days.Sum(d => Enumerable.Range(0, d.Value.Slots).Where(i => d.Value.Qualities[i] == (byte)IntervalQuality.Missing).Sum(i => once[d.Key].Quantities[i]));
            return once.Values.Sum(Sum) == days.Values.Sum(Sum) + added && once.All(d => d.Value.Hash().SequenceEqual(twice[d.Key].Hash()))
                && once.Values.All(d => !d.Qualities.Contains((byte)IntervalQuality.Interpolated));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_comes_instead_of_a_gap_replaces_its_estimate_on_every_day() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var measured = Site(random);
            var parts = Parts(measured);
            var days = Days(measured);

            // Real data for one slot of each day that has a part: the whole part goes.
            foreach (var part in parts)
            {
                var day = days[part.Day];
                var (quantities, qualities) = (day.Quantities.ToArray(), day.Qualities.ToArray());
                var slot = part.Override.FirstSlot + random.Next(part.Override.Quantities.Length);
                (quantities[slot], qualities[slot]) = (quantities[slot] + random.Next(2), (byte)IntervalQuality.Measured);
                days[part.Day] = new IntervalDay(day.IntervalMinutes, quantities, qualities);
            }

            return Lay(days, parts).All(d => d.Value.Hash().SequenceEqual(days[d.Key].Hash()));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Shares_by_largest_remainder_leave_nothing_over_and_differ_by_less_than_one() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var random = new Random(seed);
            var weights = Enumerable.Range(0, random.Next(1, 50)).Select(_ => random.NextInt64(random.Next(2) == 0 ? 4 : long.MaxValue / 2)).ToArray();
            var total = random.NextInt64(random.Next(2) == 0 ? 100 : long.MaxValue / 4);
            var shares = LargestRemainder.Distribute(total, weights);
            var sum = weights.Aggregate((Int128)0, (a, w) => a + w);
            return shares.Sum() == total && (sum == 0 || shares.Zip(weights).All(p => Int128.Abs(((Int128)p.First * sum) - ((Int128)total * p.Second)) < sum));
        }).QuickCheckThrowOnFailure();

    private static long Sum(IntervalDay day) => day.Quantities.ToArray().Sum();

    private static ImmutableArray<EstimatePart> Parts(LoadProfile measured)
    {
        var window = new EstimationWindow(measured, A.Berlin);
        return [.. Gap.Find(measured, null).Select(g => Estimator.Fill(g, window, new EstimationLimits())).OfType<Estimate>().SelectMany(e => EstimateParts.Of(e, measured))];
    }

    private static Dictionary<LocalDate, IntervalDay> Lay(Dictionary<LocalDate, IntervalDay> days, ImmutableArray<EstimatePart> parts) =>
        days.ToDictionary(d => d.Key, d => IntervalOverride.Apply(d.Value, [.. parts.Where(p => p.Day == d.Key).Select(p => p.Override)]));

    private static Dictionary<LocalDate, IntervalDay> Days(LoadProfile profile)
    {
        var slots = 1440 / profile.IntervalMinutes;
        return Enumerable.Range(0, profile.Length / slots).ToDictionary(
            i => First.PlusDays(i),
            i => new IntervalDay(profile.IntervalMinutes, profile.Quantities.Slice(i * slots, slots).ToArray(), profile.Qualities.Slice(i * slots, slots).ToArray()));
    }

    /// <summary>Ten weeks with up to six gaps, of known and unknown advance, some of them over several days and over the clock change.</summary>
    private static LoadProfile Site(Random random)
    {
        var minutes = new[] { 15, 30, 60 }[random.Next(3)];
        var slots = 70 * 1440 / minutes;
        var quantities = Enumerable.Range(0, slots).Select(_ => random.NextInt64(random.Next(10) == 0 ? 2 : 5_000)).ToArray();
        var qualities = Enumerable.Repeat((byte)IntervalQuality.Measured, slots).ToArray();
        for (var gap = random.Next(1, 7); gap > 0; gap--)
        {
            var count = random.Next(1, random.Next(2) == 0 ? 8 : 4 * 1440 / minutes);
            var first = random.Next(1, slots - count - 1);
            var known = random.Next(4) != 0;
            for (var i = first; i < first + count; i++)
            {
                qualities[i] = (byte)(known ? IntervalQuality.Interpolated : IntervalQuality.Missing);
                quantities[i] = known ? quantities[i] : 0;
            }

            // A run of one says all there is to say; two of them side by side are one run.
            if (known && count == 1)
            {
                (qualities[first], quantities[first]) = ((byte)IntervalQuality.Measured, 7);
            }
        }

        for (var i = 0; i < slots; i++)
        {
            var alone = qualities[i] == (byte)IntervalQuality.Interpolated
                && (i == 0 || qualities[i - 1] != qualities[i]) && (i == slots - 1 || qualities[i + 1] != qualities[i]);
            qualities[i] = alone ? (byte)IntervalQuality.Measured : qualities[i];
        }

        return new LoadProfile(A.Channel.Measurand, 0, UtcDay.StartOf(First), minutes, quantities, qualities);
    }
}
