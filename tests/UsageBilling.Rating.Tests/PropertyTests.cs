using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests;

/// <summary>What must hold for every tariff and every usage.</summary>
public sealed class PropertyTests
{
    private const string TwoRate = """
        "calendar":{"dayTypes":[{"name":"workday","days":["mon","tue","wed","thu","fri"]},{"name":"restday","days":["sat","sun"]}],
        "schedules":[{"name":"tou","windows":[{"period":"peak","dayTypes":["workday"],"from":"07:00","to":"21:00"}],"otherwise":"off-peak"}]}
        """;

    private static readonly DateTimeZone[] Zones = [.. new[] { "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "America/Sao_Paulo", "UTC" }.Select(id => DateTimeZoneProviders.Tzdb[id])];

    /// <summary>A month somewhere, with usage of any shape in it.</summary>
    private static Arbitrary<Usage> Months() => Arb.From(
        from year in Gen.Choose(2015, 2030)
        from month in Gen.Choose(1, 12)
        from zone in Gen.Elements(Zones)
        from seed in Gen.Choose(0, int.MaxValue)
        from most in Gen.Elements(1, 900, 2_000_000)
        select new Usage(new LocalPeriod(new LocalDate(year, month, 1), new LocalDate(year, month, 1).PlusMonths(1), zone), seed, most));

    [Theory]
    [InlineData("proportional")]
    [InlineData("chronological")]
    [InlineData("per-period")]
    public void Energy_is_conserved_over_periods_and_tiers(string allocation)
    {
        var tariff = A.TariffOf(Tiered(allocation, 150m, 400m, 0.2m, 0.25m, 0.3m), TwoRate);
        Prop.ForAll(Months(), usage =>
        {
            var bill = A.Bill(tariff, usage.Period, usage.Profile());
            return bill.Lines.Sum(line => line.Quantity) == usage.Profile().Quantities.ToArray().Sum() / 1_000m;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_tariff_without_tiers_is_additive_when_its_period_is_split()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","schedule":"tou","prices":{"peak":0.31,"off-peak":0.19}},{"kind":"standing","id":"day","description":"Day","price":0.4,"per":"day"}""", TwoRate);
        Prop.ForAll(Months(), Arb.From(Gen.Choose(1, 27)), (usage, days) =>
        {
            var profile = usage.Profile();
            var cut = usage.Period.From.PlusDays(days);
            var whole = A.Bill(tariff, usage.Period, profile).Lines.Sum(line => line.Exact);
            var first = A.Bill(tariff, new LocalPeriod(usage.Period.From, cut, usage.Period.Zone), profile).Lines.Sum(line => line.Exact);
            var second = A.Bill(tariff, new LocalPeriod(cut, usage.Period.To, usage.Period.Zone), profile).Lines.Sum(line => line.Exact);
            return whole == first + second;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Each_line_is_rounded_by_less_than_half_a_cent_and_the_net_is_their_sum()
    {
        var tariff = A.TariffOf(Tiered("proportional", 33m, 77m, 0.123457m, 0.234561m, 0.345671m) + """,{"kind":"demand","id":"demand","description":"Demand","price":3.33333}""", TwoRate);
        Prop.ForAll(Months(), usage =>
        {
            var bill = A.Bill(tariff, usage.Period, usage.Profile());
            return bill.Lines.All(line => Math.Abs(line.Exact - line.Amount) <= 0.005m && line.Exact == line.Quantity * line.Price / line.PriceBase)
                && bill.Net == bill.Lines.Sum(line => line.Amount);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_order_of_meters_changes_nothing()
    {
        var tariff = A.TariffOf(Tiered("proportional", 150m, 400m, 0.2m, 0.25m, 0.3m) + """,{"kind":"demand","id":"demand","description":"Demand","window":60,"price":4}""", TwoRate);
        Prop.ForAll(Months(), usage =>
        {
            LoadProfile[] meters = [usage.Profile(), usage.Profile(7), usage.Profile(11)];
            return A.Bill(tariff, usage.Period, meters[0], meters[1], meters[2]).Equals(A.Bill(tariff, usage.Period, meters[2], meters[0], meters[1]));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_graduated_price_never_falls_when_more_is_used()
    {
        var prices = Arb.From(Gen.Choose(0, 1000).Select(price => price / 1000m).Three());
        Prop.ForAll(prices, Arb.From(Gen.Choose(0, 900_000).Two()), (price, use) =>
        {
            var tariff = A.TariffOf($$"""{"kind":"usage","id":"energy","description":"Energy","price":{{Ladder(150m, 400m, price.Item1, price.Item2, price.Item3)}} }""");
            var period = A.Days("2025-01-01", "2025-02-01");
            decimal Of(int wattHours) => A.Bill(tariff, period, A.Total(period, "import", wattHours)).Lines.Sum(line => line.Exact);
            return Of(Math.Min(use.Item1, use.Item2)) <= Of(Math.Max(use.Item1, use.Item2));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void One_pass_finds_what_a_plain_loop_finds()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","schedule":"tou","prices":{"peak":1,"off-peak":1}},{"kind":"demand","id":"demand","description":"Demand","schedule":"tou","prices":{"peak":1,"off-peak":1}}""", TwoRate);
        Prop.ForAll(Months(), usage =>
        {
            var profile = usage.Profile();
            var bill = A.Bill(tariff, usage.Period, profile);
            foreach (var period in new[] { "peak", "off-peak" })
            {
                var (sum, highest) = (0L, 0L);
                for (var i = 0; i < profile.Length; i++)
                {
                    var at = (profile.Start + Duration.FromMinutes(15L * i)).InZone(usage.Period.Zone);
                    if ((at.DayOfWeek <= IsoDayOfWeek.Friday && at.Hour is >= 7 and < 21) == (period == "peak"))
                    {
                        sum += profile.Quantities.Span[i];
                        highest = Math.Max(highest, profile.Quantities.Span[i]);
                    }
                }

                decimal Of(string component) => bill.Lines.Where(line => line.Component == component && line.Period == period).Sum(line => line.Quantity);
                if (Of("energy") != sum / 1_000m || Of("demand") != highest * 4 / 1_000m)
                {
                    return false;
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Sums_beyond_64_bits_are_refused_and_those_below_are_exact()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","unit":"MWh","price":0.000001}""");
        var period = A.Days("2025-01-01", "2025-01-02");
        Assert.Throws<RatingInputException>(() => A.Bill(tariff, period, A.Constant(period, "import", 15, long.MaxValue / 4)));
        var fits = A.Bill(tariff, period, A.Constant(period, "import", 15, long.MaxValue / 97));
        Assert.Equal(long.MaxValue / 97 * 96 / 1_000_000m, fits.Lines.Single().Quantity);
    }

    [Fact]
    public void Negative_quantities_add_up_beside_positive_ones()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":1}""");
        var period = A.Days("2025-01-01", "2025-02-01");
        var bill = A.Bill(tariff, period, A.Profile(period, "import", 15, at => at.Hour < 12 ? 3_000L : -1_000L));
        Assert.Equal(31m * ((48 * 3) - 48), bill.Lines.Single().Quantity);
    }

    private static string Tiered(string allocation, decimal first, decimal second, decimal low, decimal middle, decimal high)
    {
        var ladder = Ladder(first, second, low, middle, high);
        return $$"""{"kind":"usage","id":"energy","description":"Energy","schedule":"tou","tierAllocation":"{{allocation}}","prices":{"peak":{{ladder}},"off-peak":{{ladder}} } }""";
    }

    private static string Ladder(decimal first, decimal second, decimal low, decimal middle, decimal high) =>
        string.Create(CultureInfo.InvariantCulture, $"[{{\"upTo\":{first},\"price\":{low}}},{{\"upTo\":{second},\"price\":{middle}}},{{\"price\":{high}}}]");

    internal sealed record Usage(LocalPeriod Period, int Seed, int Most)
    {
        public LoadProfile Profile(int salt = 0)
        {
            var state = unchecked((uint)(Seed + (salt * 7919)));
            return A.Profile(Period, "import", 15, _ =>
            {
                state = unchecked((state * 1_664_525u) + 1_013_904_223u);
                return (state >> 8) % (uint)Most;
            });
        }
    }
}
