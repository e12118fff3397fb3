using System.Text.Json.Nodes;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>Provisioning documents of a small utility in Bremen: one supplier, and a customer for each service point.</summary>
internal static class Utility
{
    public const string Zone = "Europe/Berlin";

    /// <summary>A document of these supplies; each has its tariff's document, its meters, and a contract over [from, to).</summary>
    public static JsonObject Document(params ASupply[] supplies) => new()
    {
        ["suppliers"] = new JsonArray(new JsonObject
        {
            ["id"] = "works", ["name"] = "Stadtwerke Weser", ["address"] = Address("Markt 1"), ["vatId"] = "DE136695976", ["email"] = "service@works.example", ["phone"] = "+49 421 1234",
            ["iban"] = "DE02120300000000202051", ["zone"] = Zone, ["currency"] = "EUR", ["invoiceSeries"] = "SW",
        }),
        ["tariffs"] = new JsonArray([.. supplies.Select(s => s.Tariff).Distinct().Select(t => new JsonObject { ["document"] = Tariff(t) })]),
        ["accounts"] = Each(supplies, s => new JsonObject
        {
            ["id"] = "account-" + s.Point, ["supplier"] = "works", ["name"] = "Customer at " + s.Point, ["segment"] = "household", ["address"] = Address(s.Point), ["currency"] = Tariff(s.Tariff)["currency"]!.DeepClone(),
        }),
        ["servicePoints"] = Each(supplies, s => new JsonObject { ["id"] = s.Point, ["meteringPoint"] = "DE00" + s.Point, ["zone"] = Zone, ["address"] = Address(s.Point) }),
        ["meters"] = new JsonArray([.. supplies.SelectMany(s => s.Meters.Select(m => Meter(s.Point, m)))]),
        ["contracts"] = Each(supplies, s => new JsonObject
        {
            ["id"] = "contract-" + s.Point, ["account"] = "account-" + s.Point, ["servicePoint"] = s.Point, ["tariff"] = s.Tariff, ["from"] = s.From, ["to"] = s.To,
        }),
    };

    private static JsonArray Each(ASupply[] supplies, Func<ASupply, JsonObject> item) => new([.. supplies.Select(item)]);

    private static JsonObject Meter(string point, AMeter meter)
    {
        var register = new JsonObject { ["obis"] = meter.Obis, ["scale"] = meter.Scale, ["digits"] = meter.Digits };
        Add(register, "start", meter.Start);
        Add(register, "end", meter.End);
        var item = new JsonObject
        {
            ["servicePoint"] = point, ["manufacturer"] = meter.Manufacturer, ["serial"] = meter.Serial, ["installedAt"] = meter.InstalledAt, ["intervalMinutes"] = meter.IntervalMinutes,
            ["registers"] = new JsonArray(register),
        };
        Add(item, "removedAt", meter.RemovedAt);
        return item;
    }

    private static void Add(JsonObject item, string name, JsonNode? value)
    {
        if (value is not null)
        {
            item[name] = value;
        }
    }

    private static JsonNode Tariff(string example) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(SharedCases.RepositoryRoot, "protocols", "tariffs", "examples", example + ".json")))!;

    private static JsonObject Address(string street) => new() { ["street"] = street, ["postalCode"] = "28195", ["city"] = "Bremen", ["country"] = "DE" };
}

/// <summary>A service point with its contract; <paramref name="Tariff"/> names one of the example tariffs.</summary>
internal sealed record ASupply(string Point, string Tariff, string From, string To, params AMeter[] Meters);

/// <summary>A meter with one register.</summary>
internal sealed record AMeter(string Manufacturer, string Serial, string Obis, int Scale, int Digits, string InstalledAt)
{
    public int IntervalMinutes { get; init; } = 15;

    public string? RemovedAt { get; init; }

    public long? Start { get; init; }

    public long? End { get; init; }
}
