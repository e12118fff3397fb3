using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.Imports;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Tariffs;

/// <summary>Prices that become known after the contract: loaded day by day, billed, corrected.</summary>
public sealed class PriceSeriesTests : IAsyncLifetime
{
    private static readonly Instant October = BillingSite.StartOf(BillingSite.October);
    private static readonly int Hours = (int)(BillingSite.StartOf(new LocalDate(2026, 11, 1)) - October).TotalHours; // 745: the clocks go back

    private readonly MigratedDatabase database = new();
    private BillingSite site = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        site = new BillingSite(database.Source, 1);
        var document = site.Document();
        ((JsonArray)document["tariffs"]!).Add(new JsonObject { ["document"] = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs/examples/household-dynamic.json"))) });
        document["contracts"]![0]!["tariff"] = "household-dynamic";
        await site.ProvisionAsync(document);
        await site.ReadAsync(BillingSite.October, new LocalDate(2026, 11, 1));
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task A_month_is_billed_by_prices_that_the_program_loaded_day_by_day_after_provisioning()
    {
        var folder = Directory.CreateTempSubdirectory("usage-prices-").FullName;
        try
        {
            CloudProgram.Ran Load(string csv, params string[] more)
            {
                File.WriteAllText(Path.Combine(folder, "prices.csv"), csv);
                return CloudProgram.Run(folder, ["prices", "day-ahead", "prices.csv", "--database", database.Postgres.ServiceConnectionString, .. more]);
            }

            // All but the last day: the month cannot be billed, and the reason says from when on.
            Assert.Equal((0, "day-ahead load 1: 721 values from 2026-09-30T22:00:00Z until 2026-10-30T23:00:00Z, 0 of them replace others\n"), Said(Load(Csv(0, Hours - 24))));
            Assert.Equal(1, (await site.BillAsync(false)).Failed);
            Assert.Contains("series day-ahead", (await BillDetails.ExceptionsAsync(site.Database, default))[0].Message, StringComparison.Ordinal);
            Assert.Contains("2026-10-30T23:00:00Z", (await BillDetails.ExceptionsAsync(site.Database, default))[0].Message, StringComparison.Ordinal);

            // The last day, in the times of the market's own zone.
            var local = new StringBuilder("start,value\n");
            for (var hour = 0; hour < 24; hour++)
            {
                local.Append(System.Globalization.CultureInfo.InvariantCulture, $"2026-10-31 {hour:D2}:00,{Price(Hours - 24 + hour)}\n");
            }

            Assert.Equal(0, Load(local.ToString(), "--zone", "Europe/Berlin").Code);
            Assert.Equal((0, "day-ahead load 2: all of it was loaded before\n"), Said(Load(Csv(0, Hours))));
            Assert.Equal((1, 0), ((await site.BillAsync(true)).Billed, (await BillDetails.ExceptionsAsync(site.Database, default)).Count));
            var bill = await BillAsync();
            var energy = bill.Charges.Lines.Single(l => l.Component == "energy");
            Assert.Equal(Math.Round(Enumerable.Range(0, Hours).Sum(h => 0.404m * ((Price(h) * 1.04m) + 0.02m)), 2, MidpointRounding.AwayFromZero), energy.Amount);
            Assert.Equal([new SeriesReference("day-ahead", 2)], bill.Series!);
            Assert.Empty((await site.VerifyAsync()).Differences);

            // A price that was billed is corrected: with a reason only, and the bill still comes out of what it names.
            var refused = Load("start,value\n2026-10-05T10:00Z,0.5\n2026-10-05T11:00Z,0.5\n");
            Assert.Equal(1, refused.Code);
            Assert.Contains("2 values of day-ahead from 2026-10-05T10:00:00Z on were loaded before and differ; give a reason", refused.Error, StringComparison.Ordinal);
            Assert.Equal((0, "day-ahead load 3: 2 values from 2026-10-05T10:00:00Z until 2026-10-05T12:00:00Z, 2 of them replace others\n"), Said(Load("start,value\n2026-10-05T10:00Z,0.5\n2026-10-05T11:00Z,0.5\n", "--reason", "the exchange corrected them")));
            Assert.Empty((await site.VerifyAsync()).Differences);
            Assert.Equal(0.5m, (await NowAsync()).At(MeteringSite("2026-10-05T11:30:00Z")));

            // And who changes what a load held is found.
            await AdminAsync("UPDATE price_series_value SET value = value + 0.01 WHERE load = 1 AND starts_at = '2026-10-07T10:00:00Z'");
            Assert.Contains((await site.VerifyAsync()).Differences, d => d.Detail.Contains("rated again from its manifest", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_hole_a_wrong_line_and_a_wrong_name_load_nothing_and_say_what_to_do()
    {
        async Task<string> WrongAsync(string series, string csv, string zone = "UTC") => string.Join(";", (await LoadAsync(series, csv, zone)).Problems.Select(p => $"{p.Line} {p.Message}"));
        Assert.True((await LoadAsync("day-ahead", Csv(0, 48))).Loaded);
        Assert.Equal($" values are missing between {October + Duration.FromHours(47)} and {October + Duration.FromHours(49)}; load them too", await WrongAsync("day-ahead", Csv(49, 72)));
        Assert.StartsWith("3 \"cheap\" is not a number", await WrongAsync("day-ahead", "start,value\n2026-11-01T00:00Z,1\n2026-11-01T01:00Z,cheap\n"), StringComparison.Ordinal);
        Assert.Contains("must be 1 to 64 letters", await WrongAsync("day ahead", Csv(0, 2)), StringComparison.Ordinal);
        Assert.Contains("no IANA time zone", await WrongAsync("day-ahead", Csv(0, 2), "Berlin"), StringComparison.Ordinal);
        Assert.Equal((1, 48), (Assert.Single(await PriceSeries.ListAsync(site.Database, default)).Load, (await NowAsync()).Count));
    }

    [Fact]
    public async Task Quarter_hours_may_take_the_place_of_hours_and_what_they_replace_is_counted()
    {
        await LoadAsync("day-ahead", Csv(0, 96));
        var quarters = new StringBuilder("start,value\n");
        for (var i = 96; i < 192; i++)
        {
            quarters.Append(System.Globalization.CultureInfo.InvariantCulture, $"{October + Duration.FromMinutes(15 * i)},{(i % 4 == 0 ? Price(i / 4) : 9m)}\n");
        }

        Assert.Single((await LoadAsync("day-ahead", quarters.ToString())).Problems, p => p.Message.StartsWith("72 values", StringComparison.Ordinal));
        var load = await LoadAsync("day-ahead", quarters.ToString(), reason: "the market trades quarter hours");
        Assert.Equal((true, 72), (load.Loaded, load.Replaced));
        var now = await NowAsync();
        Assert.Equal((24 + 96 + 48, 9m, Price(48)), (now.Count, now.At(October + Duration.FromMinutes((47 * 60) + 59)), now.At(October + Duration.FromHours(48))));
    }

    [Fact]
    public async Task A_monthly_factor_does_not_stand_for_a_month_that_nobody_has_loaded()
    {
        await LoadAsync("calorific", "start,value\n2026-08-01,11.1\n2026-09-01,11.2\n", "Europe/Berlin");
        await LoadAsync("calorific", "start,value\n2026-10-01,11.3\n", "Europe/Berlin");
        var november = BillingSite.StartOf(new LocalDate(2026, 11, 1));
        var read = (await PriceSeries.ReadAsync(site.Database, ["calorific"], October, november + Duration.FromDays(20), default))["calorific"].Values;
        Assert.Equal((11.3m, null), (read.At(november - Duration.FromHours(2)), read.At(november)));
    }

    private Task<PriceSeriesLoad> LoadAsync(string series, string csv, string zone = "UTC", string? reason = null) =>
        PriceSeries.LoadAsync(site.Database, series, csv, zone, "test", reason, site.Metering.Time.GetUtcNow(), default);

    private async Task<Rating.Determinants.ValueSeries> NowAsync() =>
        (await PriceSeries.ReadAsync(site.Database, ["day-ahead"], October, BillingSite.StartOf(new LocalDate(2026, 11, 1)), default))["day-ahead"].Values;

    private static (int, string) Said(CloudProgram.Ran ran) => (ran.Code, ran.Output + ran.Error);

    private static decimal Price(int hour) => (((hour * 7) % 41) - 5) / 100m;

    private static string Csv(int from, int to)
    {
        var csv = new StringBuilder("start,value\n");
        for (var hour = from; hour < to; hour++)
        {
            csv.Append(System.Globalization.CultureInfo.InvariantCulture, $"{October + Duration.FromHours(hour)},{Price(hour)}\n");
        }

        return csv.ToString();
    }

    private async Task<Bill> BillAsync() => BillSnapshot.Parse(Encoding.UTF8.GetBytes(await site.ScalarAsync<string>("SELECT content FROM bill WHERE state = 'issued'")));

    private static Instant MeteringSite(string at) => Metering.MeteringSite.At(at);

    private async Task AdminAsync(string sql)
    {
        await using var admin = new Npgsql.NpgsqlConnection(database.Postgres.AdminConnectionString);
        await admin.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand(sql, admin);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }
}
