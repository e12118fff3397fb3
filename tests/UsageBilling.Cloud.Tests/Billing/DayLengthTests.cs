using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>Days of every length, from register readings to issued bills on a real database. What is expected comes from the case file's counts, not from the code's calendar.</summary>
public sealed class DayLengthTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private sealed record Case(string Zone, LocalDate Day, int Quarters);

    private sealed record Place(string Id, string Zone, IReadOnlyList<Case> Cases, long Load)
    {
        private LocalDate Month { get; } = Cases.Count == 0 ? BillingSite.October : Cases[0].Day.With(DateAdjusters.StartOfMonth);

        /// <summary>First day of the contract: the whole month, or some days around those of the case file.</summary>
        public LocalDate From => Cases.Count == 0 ? Month : LocalDate.Max(Month, Cases.Min(c => c.Day).PlusDays(-2));

        public LocalDate To => Cases.Count == 0 ? Month.PlusMonths(1) : LocalDate.Min(Month.PlusMonths(1), Cases.Max(c => c.Day).PlusDays(3));

        public RegisterKey Register => new("acme", Id, ObisCode.ActiveImport);
    }

    [Fact]
    public async Task Every_day_of_the_shared_cases_bills_its_intervals()
    {
        var file = Testing.SharedCases.Path("time", "dst-cases.json");
        Assert.SkipWhen(file is null, Testing.SharedCases.Absent);
        var months = Read(file!).GroupBy(c => c.Day.ToYearMonth()).OrderBy(g => g.Key).ToList();
        var billed = 0;
        foreach (var month in months)
        {
            var places = month.GroupBy(c => c.Zone).Select((c, i) => new Place($"{c.Key.Split('/')[1]}-{month.Key:uuuu-MM}", c.Key, [.. c], 101 + (7 * i))).ToList();
            var bills = await BillAsync(month.Key, places);
            foreach (var place in places)
            {
                Check(bills[place.Id], place);
                billed += place.Cases.Count;
            }
        }

        Assert.Equal(50, billed);
        Assert.Empty((await new BillingSite(database.Source, 0).VerifyAsync()).Differences);
    }

    [Theory]
    [InlineData("Australia/Lord_Howe", 60, "5, 10, 15, 30")]
    [InlineData("America/St_Johns", 60, "5, 10, 15, 30")]
    [InlineData("Asia/Kathmandu", 30, "5, 15")]
    [InlineData("Pacific/Chatham", 30, "5, 15")]
    public async Task An_interval_that_would_straddle_midnight_is_refused_when_the_meter_is_provisioned(string zone, int minutes, string allowed)
    {
        var site = new BillingSite(database.Source, 0);
        var place = new Place($"refused-{minutes}-{zone.Split('/')[1]}", zone, [], 1);
        var document = Document([place]);
        document["meters"]![0]!["intervalMinutes"] = minutes;

        // In a month that no other test bills: without a meter the contract would be held.
        (document["contracts"]![0]!["from"], document["contracts"]![0]!["to"]) = ("2027-02-01", "2027-03-01");
        var problem = Assert.Single((await site.Provision.RunAsync(document.ToJsonString(), null, "test", false, default)).Problems);
        Assert.Contains($"{minutes}-minute intervals do not divide the offset", problem.Message, StringComparison.Ordinal);
        Assert.Contains($"choose one of {allowed} minutes", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_month_with_a_repeated_hour_is_right_to_the_interval_under_time_of_use()
    {
        // Between two and three at night on the 25th there are eight quarter-hours; each has a load that no other sum can be mistaken for.
        var place = new Place("repeated-hour", "Europe/Berlin", [], 0);
        var (first, last) = (Journal.Start(place, new LocalDate(2026, 10, 1)), Journal.Start(place, new LocalDate(2026, 11, 1)));
        var repeated = Instant.FromUtc(2026, 10, 25, 0, 0); // 02:00 in summer time; from 01:00 UTC on it is 02:00 again
        var night = 0L;
        long Load(Instant at) => at >= repeated && at < repeated + Duration.FromHours(2) ? 1_000_000L * (1 << (int)((at - repeated).TotalMinutes / 15)) : 10;
        var site = new BillingSite(database.Source, 0);
        var document = Document([place]);
        var components = document["tariffs"]![0]!["document"]!["components"]!.AsArray();
        components[1] = new JsonObject
        {
            ["kind"] = "usage", ["id"] = "energy", ["description"] = "Electricity", ["measure"] = "import", ["unit"] = "kWh",
            ["schedule"] = "hours", ["prices"] = new JsonObject { ["two"] = 0.1, ["other"] = 0.3 },
        };
        document["tariffs"]![0]!["document"]!["code"] = "hours";
        document["tariffs"]![0]!["document"]!["calendar"] = new JsonObject
        {
            ["schedules"] = new JsonArray(new JsonObject
            {
                ["name"] = "hours", ["labels"] = new JsonObject { ["two"] = "from two to three", ["other"] = "other hours" },
                ["windows"] = new JsonArray(new JsonObject { ["period"] = "two", ["from"] = "02:00", ["to"] = "03:00" }), ["otherwise"] = "other",
            }),
        };
        document["contracts"]![0]!["tariff"] = "hours";
        await site.ProvisionAsync(document);
        await site.JournalAsync(Journal.Of(place, first, last, Load));
        await site.ProjectAsync();
        await site.BillAsync(issue: true, new LocalDate(2026, 10, 1));
        var bill = await BillOfAsync(place.Id);
        for (var day = 1; day <= 31; day++)
        {
            night += day == 25 ? 0 : 4 * 10;
        }

        night += 1_000_000L * 255; // all eight quarter-hours, first and second pass
        Assert.Equal(night / 1000m, Assert.Single(bill.Charges.Lines, l => l.Period == "two").Quantity);
        Assert.Equal(((31 * 96) + 4 - 128) * 10 / 1000m, Assert.Single(bill.Charges.Lines, l => l.Period == "other").Quantity);
        Assert.Equal(100, bill.Usage[0].Days.Single(d => d.Date == new LocalDate(2026, 10, 25)).Intervals);
    }

    private static void Check(Bill bill, Place place)
    {
        // The file names every day among these that is not 96 quarter-hours long.
        var days = Period.DaysBetween(place.From, place.To);
        var quarters = (days * 96) + place.Cases.Sum(c => c.Quarters - 96);
        var existing = days - place.Cases.Count(c => c.Quarters == 0);
        Assert.Equal(quarters * place.Load / 1000m, bill.Usage[0].Quantity);
        Assert.Equal(quarters * place.Load / 1000m, bill.Charges.Lines.Single(l => l.Component == "energy").Quantity);
        Assert.Equal(existing, bill.Charges.Lines.Single(l => l.Component == "standing").Quantity);
        Assert.Equal(existing, bill.Usage[0].Days.Count(d => d.Intervals > 0));
        foreach (var day in place.Cases)
        {
            var used = bill.Usage[0].Days.SingleOrDefault(d => d.Date == day.Day);
            Assert.Equal((day.Quarters, day.Quarters * place.Load / 1000m), (used?.Intervals ?? 0, used?.Quantity ?? 0));
        }
    }

    private async Task<Dictionary<string, Bill>> BillAsync(YearMonth month, List<Place> places)
    {
        var from = month.OnDayOfMonth(1);
        var now = LocalDate.Max(from.PlusMonths(1).PlusDays(5), new LocalDate(1970, 1, 2)); // run identifiers hold their time, which begins with 1970
        var site = new BillingSite(database.Source, 0, $"{now:uuuu-MM-dd}T12:00:00Z");
        await PartitionsAsync(now);
        await site.ProvisionAsync(Document(places));
        foreach (var place in places)
        {
            await site.JournalAsync(Journal.Of(place, Journal.Start(place, place.From), Journal.Start(place, place.To), _ => place.Load));
        }

        await site.ProjectAsync();
        var done = await site.BillAsync(issue: true, from);
        Assert.Equal((places.Count, 0, 0, places.Count), (done.Billed, done.Held, done.Failed, done.Issued));
        var bills = new Dictionary<string, Bill>();
        foreach (var place in places)
        {
            bills.Add(place.Id, await BillOfAsync(place.Id));
        }

        return bills;
    }

    private async Task<Bill> BillOfAsync(string place)
    {
        await using var command = database.Source.CreateCommand("SELECT content FROM bill WHERE account_id = $1");
        command.Parameters.Add(new() { Value = place });
        return BillSnapshot.Parse(System.Text.Encoding.UTF8.GetBytes((string)(await command.ExecuteScalarAsync())!));
    }

    // As the service makes them when it starts, for the clock of that time. Everything since 1960 is kept.
    private async Task PartitionsAsync(LocalDate now)
    {
        await using var owner = new Npgsql.NpgsqlConnection(database.Postgres.AdminConnectionString);
        await owner.OpenAsync();
        await using var keep = new Npgsql.NpgsqlCommand("UPDATE retention SET years_kept = 66, floor_day = '1960-01-01'", owner);
        await keep.ExecuteNonQueryAsync();
        await using var command = database.Source.CreateCommand("SELECT metering_make_partitions($1, $1 + 3), ensure_month_partitions('reading_batch', $2, $2)");
        command.Parameters.Add(new() { Value = now.Year - 2 });
        command.Parameters.Add(new() { Value = now });
        await command.ExecuteNonQueryAsync();
    }

    private static JsonObject Document(IReadOnlyList<Place> places)
    {
        static JsonObject Address(Place place) => new() { ["street"] = place.Id, ["postalCode"] = "1", ["city"] = place.Zone, ["country"] = "DE" };
        static JsonArray Each(IReadOnlyList<Place> places, Func<Place, JsonObject> item) => new([.. places.Select(item)]);
        return new JsonObject
        {
            ["suppliers"] = new JsonArray(new JsonObject
            {
                ["id"] = "world", ["name"] = "World Works", ["address"] = Address(new Place("Markt 1", "Berlin", [], 0)), ["vatId"] = "DE136695976", ["email"] = "service@works.example",
                ["iban"] = "DE02120300000000202051", ["zone"] = "Etc/UTC", ["currency"] = "EUR", ["invoiceSeries"] = "WW",
            }),
            ["tariffs"] = new JsonArray(new JsonObject { ["document"] = BillingSite.Tariff("world", "1", "1960-01-01", 0.30m) }),
            ["accounts"] = Each(places, p => new() { ["id"] = p.Id, ["supplier"] = "world", ["name"] = p.Id, ["segment"] = "household", ["address"] = Address(p), ["currency"] = "EUR" }),
            ["servicePoints"] = Each(places, p => new() { ["id"] = p.Id, ["meteringPoint"] = p.Id, ["zone"] = p.Zone, ["address"] = Address(p) }),
            ["meters"] = Each(places, p => new()
            {
                ["servicePoint"] = p.Id, ["manufacturer"] = "acme", ["serial"] = p.Id, ["installedAt"] = InstantPattern.General.Format(Journal.Start(p, p.From)),
                ["registers"] = new JsonArray(new JsonObject { ["obis"] = "1-0:1.8.0", ["scale"] = 0, ["digits"] = 12 }),
            }),
            ["contracts"] = Each(places, p => new()
            {
                ["id"] = p.Id, ["account"] = p.Id, ["servicePoint"] = p.Id, ["tariff"] = "world", ["from"] = $"{p.From:uuuu-MM-dd}", ["to"] = $"{p.To:uuuu-MM-dd}",
            }),
        };
    }

    private static IEnumerable<Case> Read(string file)
    {
        using var cases = JsonDocument.Parse(File.ReadAllText(file));
        return [.. cases.RootElement.EnumerateArray().Select(c => new Case(
            c.GetProperty("tz").GetString()!, LocalDatePattern.Iso.Parse(c.GetProperty("localDate").GetString()!).Value, (int)c.GetProperty("n15").GetDouble()))];
    }

    private static class Journal
    {
        public static Instant Start(Place place, LocalDate day) => LocalDay.Of(day, DateTimeZoneProviders.Tzdb[place.Zone]).Start;

        public static IEnumerable<Reading> Of(Place place, Instant from, Instant to, Func<Instant, long> load)
        {
            var value = 4_711L;
            for (var at = from; at <= to; at += Duration.FromMinutes(15))
            {
                yield return new Reading(place.Register, at, value, 0, ReadingQuality.Good);
                value += load(at);
            }
        }
    }
}
