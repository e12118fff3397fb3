using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class ConservationTests
{
    private static readonly Instant Begin = Instant.FromUtc(2025, 3, 28, 22, 7);

    [Fact]
    public void Intervals_sum_to_the_registers_over_gaps_rollovers_falls_exchanges_and_fractions() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), Arb.From(Gen.Elements(5, 10, 15, 30, 60)), (seed, interval) =>
        {
            var (histories, ends, used) = Site(new Random(seed), interval);
            var last = histories.Max(h => h[h.Count - 1].At);
            var total = Days(Begin, last).Sum(day => IntervalStep.Compute(day, interval, histories, Begin, ends).Quantities.ToArray().Sum());
            var registers = histories.Sum(h => h.ScaledAt(h.Count - 1));
            return total == registers && registers == used;
        }).Label("Σ intervals = Σ (end − start)").QuickCheckThrowOnFailure();

    [Fact]
    public void The_same_points_give_the_same_total_on_every_grid() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var (histories, ends, _) = Site(new Random(seed), 5);
            foreach (var day in Days(Begin, histories[^1][histories[^1].Count - 1].At))
            {
                var fine = IntervalStep.Compute(day, 5, histories, Begin, ends).Quantities.ToArray();
                var coarse = IntervalStep.Compute(day, 60, histories, Begin, ends).Quantities.ToArray();
                for (var hour = 0; hour < 24; hour++)
                {
                    if (fine.AsSpan(12 * hour, 12).ToArray().Sum() != coarse[hour])
                    {
                        return false;
                    }
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_total_at_an_instant_is_the_sum_of_the_intervals_before_it() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue)), seed =>
        {
            var (histories, ends, _) = Site(new Random(seed), 15);
            var sum = 0L;
            foreach (var day in Days(Begin, histories[^1][histories[^1].Count - 1].At))
            {
                var quantities = IntervalStep.Compute(day, 15, histories, Begin, ends).Quantities.ToArray();
                for (var slot = 0; slot < 96; slot++)
                {
                    var at = UtcDay.StartOf(day) + Duration.FromMinutes(15L * slot);
                    if (histories.Sum(h => h.ScaledAt(at)) != sum)
                    {
                        return false;
                    }

                    sum += quantities[slot];
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();

    /// <summary>One to three meters after another, each with gaps, off-grid reads, rollovers and falls; and what they counted, kept by hand.</summary>
    private static (List<RegisterHistory> Histories, Instant? Ends, long Used) Site(Random random, int interval)
    {
        var histories = new List<RegisterHistory>();
        var (at, used) = (Begin, 0L);
        var meters = random.Next(1, 4);
        for (var meter = 0; meter < meters; meter++)
        {
            var digits = random.Next(3, 6);
            var modulus = InstalledRegister.ModulusOf(digits);
            var start = random.NextInt64(modulus);
            var (true_, shown, from) = (0L, start, at);
            var points = new List<RegisterPoint>();
            for (var step = random.Next(5, 60); step > 0; step--)
            {
                at += Duration.FromMilliseconds(random.Next(3) == 0 ? random.Next(1_000, 90_000_000) : interval * 60_000L);
                if (random.Next(2) == 0)
                {
                    at = Instant.FromUnixTimeMilliseconds(at.ToUnixTimeMilliseconds() / (interval * 60_000L) * (interval * 60_000L)) + Duration.FromMinutes(interval);
                }

                if (random.Next(25) == 0 && shown >= (modulus / 2) + 1)
                {
                    // Falls by less than half the display: no rollover explains it.
                    shown -= random.NextInt64(1, modulus / 2);
                }
                else
                {
                    var advance = random.NextInt64(modulus / 10);
                    true_ += advance;
                    shown = (shown + advance) % modulus;
                }

                points.Add(new RegisterPoint(at, shown, ReadingQuality.Good));
            }

            at += Duration.FromMilliseconds(random.Next(1, 4_000_000));
            var lasts = meter == meters - 1;
            var factor = new Fraction(random.Next(1, 5_000), random.Next(1, 5_000));
            var terms = new InstalledRegister(
                new RegisterKey("acme", $"{meter}", ObisCode.ActiveImport).Id, from, lasts ? null : at, start, lasts ? null : shown, digits, factor, null, meter > 0);
            histories.Add(RegisterHistory.Derive(terms, points));
            used += factor.Scale(true_);
        }

        return (histories, null, used);
    }

    private static IEnumerable<LocalDate> Days(Instant from, Instant to)
    {
        for (var day = UtcDay.Of(from); day <= UtcDay.Of(to); day = day.PlusDays(1))
        {
            yield return day;
        }
    }
}
