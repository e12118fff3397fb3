using System.Text.Json.Nodes;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Invoices;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.Tests.Metering;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>A utility on a database of its own: households in Berlin with one meter each, read every quarter of an hour.</summary>
internal sealed class BillingSite
{
    public static readonly LocalDate October = new(2026, 10, 1);

    private readonly MeteringSite metering;

    public BillingSite(NpgsqlDataSource database, int households, string now = "2026-12-20T12:00:00Z")
    {
        Database = database;
        Households = households;
        metering = new MeteringSite(database, now);
        Provision = new Provision(database, metering.Time);
        Cycle = BillingCycle.Create(database, metering.Time);
    }

    public NpgsqlDataSource Database { get; }

    public int Households { get; }

    public Provision Provision { get; }

    public BillingCycle Cycle { get; }

    public MeteringSite Metering => metering;

    public static Instant StartOf(LocalDate day) => day.AtStartOfDayInZone(DateTimeZoneProviders.Tzdb["Europe/Berlin"]).ToInstant();

    public RegisterKey Register(int household, string letter = "M") => new("acme", $"{letter}{household}", ObisCode.ActiveImport);

    public Issuing Issuing(Action<IssuingStep>? afterStep = null) => new(Database, metering.Time) { AfterStep = afterStep };

    public JsonObject Document()
    {
        static JsonObject Address(string street) => new() { ["street"] = street, ["postalCode"] = "10115", ["city"] = "Berlin", ["country"] = "DE" };
        var document = new JsonObject
        {
            ["suppliers"] = new JsonArray(new JsonObject
            {
                ["id"] = "works", ["name"] = "Stadtwerke", ["address"] = Address("Markt 1"), ["vatId"] = "DE136695976", ["email"] = "service@works.example", ["phone"] = "+49 30 1234",
                ["iban"] = "DE02120300000000202051", ["zone"] = "Europe/Berlin", ["currency"] = "EUR", ["invoiceSeries"] = "SW",
            }),
            ["tariffs"] = new JsonArray(new JsonObject { ["document"] = Tariff("flat", "1", "2024-01-01", 0.30m) }),
            ["accounts"] = new JsonArray(),
            ["servicePoints"] = new JsonArray(),
            ["meters"] = new JsonArray(),
            ["contracts"] = new JsonArray(),
        };
        for (var i = 1; i <= Households; i++)
        {
            ((JsonArray)document["accounts"]!).Add(new JsonObject { ["id"] = $"A{i:D4}", ["supplier"] = "works", ["name"] = $"Household {i}", ["segment"] = "household", ["address"] = Address($"Street {i}"), ["currency"] = "EUR" });
            ((JsonArray)document["servicePoints"]!).Add(new JsonObject { ["id"] = $"P{i:D4}", ["meteringPoint"] = $"DE{i:D10}", ["zone"] = "Europe/Berlin", ["address"] = Address($"Street {i}") });
            ((JsonArray)document["meters"]!).Add(Meter(i, "M", "2026-01-01T00:00:00Z"));
            ((JsonArray)document["contracts"]!).Add(new JsonObject { ["id"] = $"C{i:D4}", ["account"] = $"A{i:D4}", ["servicePoint"] = $"P{i:D4}", ["tariff"] = "flat", ["from"] = "2026-01-01" });
        }

        return document;
    }

    public JsonObject Meter(int household, string letter, string installedAt) => new()
    {
        ["servicePoint"] = $"P{household:D4}", ["manufacturer"] = "acme", ["serial"] = $"{letter}{household}", ["installedAt"] = installedAt,
        ["registers"] = new JsonArray(new JsonObject { ["obis"] = "1-0:1.8.0", ["scale"] = 0, ["digits"] = 9 }),
    };

    public static JsonObject Tariff(string code, string version, string from, decimal price) => new()
    {
        ["format"] = "usage-billing/tariff.v1", ["code"] = code, ["version"] = version, ["name"] = "Flat", ["currency"] = "EUR", ["effective"] = new JsonObject { ["from"] = from },
        ["rounding"] = "line", ["proration"] = "actual-days",
        ["tax"] = new JsonObject { ["name"] = "VAT", ["classes"] = new JsonObject { ["standard"] = new JsonObject { ["category"] = "S", ["rate"] = 19 } } },
        ["components"] = new JsonArray(
            new JsonObject { ["kind"] = "standing", ["id"] = "standing", ["description"] = "Standing charge", ["price"] = 0.25, ["per"] = "day" },
            new JsonObject { ["kind"] = "usage", ["id"] = "energy", ["description"] = "Electricity", ["measure"] = "import", ["unit"] = "kWh", ["price"] = price }),
    };

    public async Task ProvisionAsync(JsonObject? document = null)
    {
        var result = await Provision.RunAsync((document ?? Document()).ToJsonString(), null, "test", false, default);
        Assert.Empty(result.Problems);
    }

    /// <summary>Reads the meters on every quarter hour of [from, to], each advancing by 100 Wh more than household number a quarter of an hour.</summary>
    public async Task ReadAsync(LocalDate from, LocalDate to, Func<int, bool>? which = null)
    {
        var first = StartOf(from);
        var count = (int)((StartOf(to) - first).TotalMinutes / 15) + 1;
        var origin = (int)((first - StartOf(new LocalDate(2026, 9, 1))).TotalMinutes / 15);
        for (var i = 1; i <= Households; i++)
        {
            if (which?.Invoke(i) != false)
            {
                var household = i;
                await JournalAsync(MeteringSite.Grid(Register(i), first, count, slot => 1_000_000 + ((long)(origin + slot) * (100 + household))));
            }
        }

        await ProjectAsync();
    }

    public async Task JournalAsync(IEnumerable<Reading> readings)
    {
        foreach (var batch in readings.Chunk(2000))
        {
            await metering.JournalAsync(batch);
        }
    }

    public async Task ProjectAsync()
    {
        await metering.ProjectAsync();
        Assert.Empty(await metering.ParkedAsync());
    }

    public Task<BillRunProgress> BillAsync(bool issue, LocalDate? month = null) => Cycle.BillAsync(month ?? October, issue, "test", null, default);

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<List<string>> NumbersAsync()
    {
        await using var command = Database.CreateCommand("SELECT invoice_number FROM invoice ORDER BY invoice_number");
        await using var row = await command.ExecuteReaderAsync();
        var numbers = new List<string>();
        while (await row.ReadAsync())
        {
            numbers.Add(row.GetString(0));
        }

        return numbers;
    }

    public Task<UsageBilling.Cloud.Verification.VerificationReport> VerifyAsync() => new UsageBilling.Cloud.Verification.Verification(Database, metering.Time).RunAsync(default);
}
