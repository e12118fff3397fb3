using System.Text.Json;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Urdb;

/// <summary>
/// Reads a rate structure: a list of periods, each a list of tiers. The price of a unit is <c>rate + adj</c>. Tiers in
/// kWh per kW that are followed by tiers in kWh are blocks of hours of use, cut into those steps (block and step).
/// </summary>
internal sealed class UrdbTiers
{
    /// <summary>Tier ends at or above this are written by tools that cannot write "no end".</summary>
    private const decimal NoEnd = 1_000_000_000m;

    private readonly List<Problem> _problems;
    private readonly string _path;

    private UrdbTiers(List<Problem> problems, string path)
    {
        _problems = problems;
        _path = path;
    }

    public IReadOnlyList<PriceLadder> Buy { get; private set; } = [];

    public IReadOnlyList<PriceLadder> Sell { get; private set; } = [];

    public bool Sells { get; private set; }

    /// <summary>True when ends are per day ("kWh daily").</summary>
    public bool Daily { get; private set; }

    /// <summary>True when ends per kW are per day ("kWh/kW daily").</summary>
    public bool DailyPerKw { get; private set; }

    /// <summary>Reads a structure; null when the field is absent.</summary>
    public static UrdbTiers? Read(UrdbFields fields, string field, bool energy)
    {
        if (!fields.Has(field))
        {
            fields.Item.Ignore(fields.Name(field));
            return null;
        }

        var name = fields.Name(field);
        var tiers = new UrdbTiers(fields.Item.Problems, fields.Item.At(name));
        var buy = new List<PriceLadder>();
        var sell = new List<PriceLadder>();
        var units = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (value, path) in fields.Item.Items(name))
        {
            var (bought, sold) = tiers.ReadPeriod(value, path, energy, units);
            buy.Add(new PriceLadder(bought));
            sell.Add(new PriceLadder(sold));
        }

        if (buy.Count == 0)
        {
            fields.Report(field, "has no period; give at least one");
        }

        tiers.Daily = units.Contains("kWh daily");
        if (tiers.Daily && units.Contains("kWh"))
        {
            fields.Report(field, "mixes tiers in \"kWh\" and \"kWh daily\"; use one of them");
        }

        tiers.DailyPerKw = units.Contains("kWh/kW daily");
        if (tiers.DailyPerKw && units.Contains("kWh/kW"))
        {
            fields.Report(field, "mixes tiers in \"kWh/kW\" and \"kWh/kW daily\"; use one of them");
        }

        tiers.Buy = buy;
        tiers.Sell = sell;
        return tiers;
    }

    private (List<PriceTier> Buy, List<PriceTier> Sell) ReadPeriod(JsonElement value, string path, bool energy, HashSet<string> units)
    {
        var rows = new List<Row>();
        if (value.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var element in value.EnumerateArray())
            {
                var item = new StrictObject(element, $"{path}[{index++}]", _problems);
                if (item.IsObject)
                {
                    rows.Add(ReadRow(item, energy, units));
                }
            }
        }

        if (!energy && value.ValueKind == JsonValueKind.Array && rows.Count == 0)
        {
            // A demand period without tiers is how documents say that those months have no demand charge.
            return ([new PriceTier(null, 0m, 0m, null)], [new PriceTier(null, 0m, 0m, null)]);
        }

        if (rows.Count == 0)
        {
            _problems.Add(new Problem(path, "must be a list of at least one tier"));
            return ([new PriceTier(null, 0m, 0m, null)], [new PriceTier(null, 0m, 0m, null)]);
        }

        var flat = Flatten(rows, path);
        return ([.. flat.Select(row => new PriceTier(row.UpTo, row.Price, 0m, null, row.PerKw))], [.. flat.Select(row => new PriceTier(row.UpTo, row.Sell, 0m, null, row.PerKw))]);
    }

    private Row ReadRow(StrictObject item, bool energy, HashSet<string> units)
    {
        var rate = item.Number("rate");
        var adjustment = item.Number("adj");
        var sell = item.Number("sell");
        var end = ReadEnd(item);
        var unit = item.Text("unit", 40) ?? (energy ? "kWh" : "kW");
        if (energy && unit is not ("kWh" or "kWh daily" or "kWh/kW" or "kWh/kW daily"))
        {
            item.Report("unit", $"\"{unit}\" cannot be billed; known: kWh, kWh daily, kWh/kW, kWh/kW daily");
        }
        else if (!energy && !(unit.StartsWith("kW", StringComparison.OrdinalIgnoreCase) || unit.StartsWith("kVA", StringComparison.OrdinalIgnoreCase)))
        {
            item.Report("unit", $"\"{unit}\" cannot be billed; known: kW, kW daily, kVA, kVA daily");
        }

        if (rate is null && adjustment is null && !item.Has("rate") && !item.Has("adj"))
        {
            item.Report("rate", "is missing; a tier needs a price (0 if it is free)");
        }

        item.Done();
        units.Add(unit);
        Sells |= sell is not (null or 0m);
        return new Row(end, null, (rate ?? 0m) + (adjustment ?? 0m), sell ?? 0m, unit, item.Path);
    }

    private static decimal? ReadEnd(StrictObject item)
    {
        if (item.Raw("max") is not { } value)
        {
            return null;
        }

        // A number beyond all decimals is how some tools write "no end"; others write 0.
        if (value.ValueKind == JsonValueKind.Number && (!value.TryGetDecimal(out var number) || number >= NoEnd) && !value.GetRawText().StartsWith('-'))
        {
            return null;
        }

        return item.NumberOf(value, "max", 0m) is { } end and not 0m ? end : null;
    }

    /// <summary>Turns rows into tiers with ends in kWh, in kWh per kW, or the lower of both; checks that they rise and that the last has no end.</summary>
    private List<Row> Flatten(List<Row> rows, string path)
    {
        var flat = new List<Row>();
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            if (!PerKilowatt(row))
            {
                flat.Add(row);
                continue;
            }

            var steps = rows.Skip(i + 1).TakeWhile(step => !PerKilowatt(step)).ToList();
            if (steps.Count == 0)
            {
                flat.Add(row with { UpTo = null, PerKw = row.UpTo });
                continue;
            }

            // The block's own price is not charged: its steps price every unit in it.
            flat.AddRange(steps.Select(step => step with { PerKw = row.UpTo }));
            if (steps[^1].UpTo is { } stepEnd)
            {
                _problems.Add(new Problem($"{steps[^1].Path}.max", $"the last step of a block ends at {stepEnd}: what lies above would stay unpriced; leave \"max\" out"));
            }

            i += steps.Count;
        }

        if ((flat[^1].UpTo ?? flat[^1].PerKw) is { } end)
        {
            _problems.Add(new Problem($"{flat[^1].Path}.max", $"the last tier ends at {end}: what lies above would stay unpriced; leave \"max\" out"));
        }

        for (var i = 1; i < flat.Count; i++)
        {
            var (before, row) = (flat[i - 1], flat[i]);
            var rises = row.PerKw == before.PerKw ? before.UpTo is not null && (row.UpTo is null || row.UpTo > before.UpTo) : before.PerKw is not null && (row.PerKw is null || row.PerKw > before.PerKw);
            if (!rises)
            {
                _problems.Add(new Problem($"{row.Path}.max", "does not lie above the tier before; \"max\" is cumulative and rises, and only the last tier has none"));
            }
        }

        return flat;
    }

    private static bool PerKilowatt(Row row) => row.Unit is "kWh/kW" or "kWh/kW daily";

    public override string ToString() => _path;

    private sealed record Row(decimal? UpTo, decimal? PerKw, decimal Price, decimal Sell, string Unit, string Path);
}
