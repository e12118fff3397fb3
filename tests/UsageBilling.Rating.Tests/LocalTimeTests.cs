using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests;

/// <summary>
/// Local time: days of 23, 24, 25 and other hours, repeated hours under time of use, days that do not exist, leap years,
/// month ends, zones that changed their offset, holidays.
/// </summary>
public sealed class LocalTimeTests
{
    private const string Hourly = """
        "calendar":{"schedules":[{"name":"clock","windows":[{"period":"night","from":"00:00","to":"06:00"}],"otherwise":"day"}]}
        """;

    private static readonly Tariff DayAndNight = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","schedule":"clock","prices":{"night":1,"day":1}},{"kind":"standing","id":"standing","description":"Standing","price":1,"per":"day"}""", Hourly);

    [Theory]
    [InlineData("Europe/Berlin", "2025-03-30", 20, 72)]
    [InlineData("Europe/Berlin", "2025-10-26", 28, 72)]
    [InlineData("America/New_York", "2025-11-02", 28, 72)]
    [InlineData("Australia/Lord_Howe", "2025-04-06", 26, 72)]
    [InlineData("Australia/Lord_Howe", "2025-10-05", 22, 72)]
    [InlineData("America/Sao_Paulo", "2018-11-04", 20, 72)]
    [InlineData("Europe/Berlin", "2025-06-01", 24, 72)]
    public void Night_hours_of_a_changed_clock_are_counted_as_they_passed(string zone, string day, int nightQuarters, int dayQuarters)
    {
        var period = A.Days(day, $"{NodaTime.Text.LocalDatePattern.Iso.Parse(day).Value.PlusDays(1):uuuu-MM-dd}", DateTimeZoneProviders.Tzdb[zone]);
        var bill = A.Bill(DayAndNight, period, A.Constant(period, "import", 15, 1_000L));
        Assert.Equal(nightQuarters, bill.Line("energy", "night").Quantity);
        Assert.Equal(dayQuarters, bill.Line("energy", "day").Quantity);
        Assert.Equal(1m, bill.Line("standing").Quantity);
    }

    [Fact]
    public void A_day_that_the_zone_skipped_costs_nothing()
    {
        var apia = DateTimeZoneProviders.Tzdb["Pacific/Apia"];
        var skipped = A.Days("2011-12-30", "2011-12-31", apia);
        Assert.Equal(skipped.Start, skipped.End);
        var tariff = A.TariffOf("""{"kind":"standing","id":"standing","description":"Standing","price":1,"per":"day"}""");
        Assert.Equal(0m, A.Bill(tariff, skipped).Net);
        Assert.Equal(30m, A.Bill(tariff, A.Days("2011-12-01", "2012-01-01", apia)).Net);
        Assert.Equal(1m, A.Bill(tariff, A.Days("2011-12-31", "2012-01-01", apia)).Net);
    }

    [Fact]
    public void Every_day_of_the_cases_bills_all_its_intervals()
    {
        var path = SharedCases.Path("time", "dst-cases.json");
        Assert.SkipWhen(path is null, SharedCases.Absent);
        var cases = JsonNode.Parse(File.ReadAllText(path!))!.AsArray();
        Assert.True(cases.Count >= 50);
        foreach (var node in cases)
        {
            var date = NodaTime.Text.LocalDatePattern.Iso.Parse((string)node!["localDate"]!).Value;
            var period = new LocalPeriod(date, date.PlusDays(1), DateTimeZoneProviders.Tzdb[(string)node["tz"]!]);
            var bill = A.Bill(DayAndNight, period, A.Constant(period, "import", 15, 1_000L));
            Assert.Equal((decimal)node["minutes"]! / 15m, bill.Lines.Where(line => line.Component == "energy").Sum(line => line.Quantity));
        }
    }

    [Fact]
    public void A_year_has_the_days_of_its_kind()
    {
        var tariff = A.TariffOf("""{"kind":"standing","id":"year","description":"Year","price":366,"per":"year"},{"kind":"standing","id":"day","description":"Day","price":1,"per":"day"}""");
        Assert.Equal(366m, A.Bill(tariff, A.Days("2024-01-01", "2025-01-01")).Line("day").Amount);
        Assert.Equal(29m, A.Bill(tariff, A.Days("2024-02-01", "2024-03-01")).Line("year").Amount);
        Assert.Equal(28.08m, A.Bill(tariff, A.Days("2023-02-01", "2023-03-01")).Line("year").Amount);
    }

    [Theory]
    [InlineData("2025-01-31", "2025-02-28", 31, "1")]
    [InlineData("2024-01-31", "2024-02-29", 31, "1")]
    [InlineData("2025-02-28", "2025-03-31", 31, "1")]
    [InlineData("2025-01-31", "2025-03-31", 31, "2")]
    [InlineData("2025-01-15", "2025-02-15", 15, "1")]
    [InlineData("2025-01-15", "2025-01-31", 1, "0.516129032")]
    public void Billing_months_end_at_month_ends_and_come_back_to_their_day(string from, string to, int anchor, string months) =>
        Assert.Equal(decimal.Parse(months, System.Globalization.CultureInfo.InvariantCulture), Proration.Months(ProrationRule.ActualDays, A.Days(from, to).From, A.Days(from, to).To, anchor));

    [Theory]
    [InlineData("easter", 2025, "2025-04-20")]
    [InlineData("easter+1", 2024, "2024-04-01")]
    [InlineData("easter-2", 2026, "2026-04-03")]
    [InlineData("easter", 2038, "2038-04-25")]
    [InlineData("first mon 09", 2025, "2025-09-01")]
    [InlineData("fourth thu 11", 2025, "2025-11-27")]
    [InlineData("last mon 05", 2025, "2025-05-26")]
    [InlineData("07-04 observed", 2026, "2026-07-03")]
    [InlineData("12-25 observed", 2022, "2022-12-26")]
    public void Holidays_fall_on_their_days(string text, int year, string date)
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","schedule":"s","prices":{"holiday":1,"other":1}}""", $$"""
            "calendar":{"holidays":["{{text}}"],"dayTypes":[{"name":"w","days":["mon","tue","wed","thu","fri","sat","sun"]},{"name":"h","days":["holiday"]}],
             "schedules":[{"name":"s","windows":[{"period":"holiday","dayTypes":["h"]}],"otherwise":"other"}]}
            """);
        var period = A.Days($"{year}-01-01", $"{year + 1}-01-01", DateTimeZone.Utc);
        var bill = A.Bill(tariff, period, A.Profile(period, "import", 60, at => $"{at.Date:uuuu-MM-dd}" == date ? 1_000L : 0L));
        Assert.Equal(24m, bill.Line("energy", "holiday").Quantity);
        Assert.DoesNotContain(bill.Lines, line => line.Period == "other");
    }

    [Fact]
    public void A_zone_that_moved_its_offset_keeps_the_wall_clock()
    {
        // Volgograd went from +04 to +03 on 2020-12-27 at 02:00: the hour from 01:00 came twice.
        var period = A.Days("2020-12-27", "2020-12-28", DateTimeZoneProviders.Tzdb["Europe/Volgograd"]);
        var bill = A.Bill(DayAndNight, period, A.Constant(period, "import", 60, 1_000L));
        Assert.Equal(7m, bill.Line("energy", "night").Quantity);
    }

    [Fact]
    public void An_interval_across_a_boundary_of_the_tariff_is_refused_with_the_time()
    {
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","schedule":"s","prices":{"a":1,"b":2}}""", """
            "calendar":{"schedules":[{"name":"s","windows":[{"period":"a","from":"06:30","to":"20:00"}],"otherwise":"b"}]}
            """);
        var period = A.Days("2025-01-01", "2025-01-02");
        var refused = Assert.Throws<RatingInputException>(() => A.Bill(tariff, period, A.Constant(period, "import", 60, 1_000L)));
        Assert.Contains("06:30", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_version_in_the_middle_of_a_month_splits_every_line_and_conserves_days_and_energy()
    {
        static Tariff Version(string version, string effective, decimal price) => A.Tariff($$"""
            {"format":"usage-billing/tariff.v1","code":"t","version":"{{version}}","name":"T","currency":"EUR","effective":{{effective}},
             "components":[{"kind":"standing","id":"standing","description":"Standing","price":31,"per":"month"},{"kind":"usage","id":"energy","description":"Energy","price":{{price}} }]}
            """);
        var month = A.Days("2025-03-01", "2025-04-01");
        Tariff[] versions = [Version("1", """{"from":"2020-01-01","to":"2025-03-12"}""", 1m), Version("2", """{"from":"2025-03-12"}""", 2m)];
        var bill = RatingEngine.Rate(new RatingInput { Period = month, Tariffs = TariffSpan.Over(month, versions), Profiles = [A.Constant(month, "import", 15, 250L)] }, new RatePlans());
        Assert.Equal(["t@1", "t@1", "t@2", "t@2"], bill.Lines.Select(line => line.TariffVersion));
        Assert.Equal(31m, bill.Lines.Where(line => line.Component == "standing").Sum(line => line.Amount));
        Assert.Equal(743m, bill.Lines.Where(line => line.Component == "energy").Sum(line => line.Quantity));
        Assert.Throws<RatingInputException>(() => TariffSpan.Over(month, versions[1..]));
    }
}
