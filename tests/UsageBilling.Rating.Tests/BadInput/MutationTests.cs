using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Files;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.BadInput;

/// <summary>
/// Mutated tariffs, contracts and CSV files. Each ends in a named problem, or in a bill whose amounts are bounded by its
/// prices and quantities and which comes out equal again; never in a crash or a hang. Seeded. The long form
/// (USAGE_BILLING_LONG=1) makes 100,000 mutations: 40,000 tariffs, 30,000 rate database documents, 10,000 contracts and
/// 20,000 usage files.
/// </summary>
[Trait("Form", "long")]
public sealed class MutationTests
{
    private static readonly string[] Texts = ["", "peak", "12-31", "02-30", "24:00", "25:61", "easter+999", "2026-13-01", "no-such", "NaN", "1e999", "-1", "\u0000", "🜁", "month", "S", "import", "usage", "demand"];
    private static readonly string[] Numbers = ["0", "-1", "1e28", "-1e28", "1e400", "0.0000000000001", "99999999999999999999999999", "1.5", "12", "31"];

    private static int Count(int ofTheLongForm) => Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1" ? ofTheLongForm : ofTheLongForm / 50;

    [Fact]
    public void Mutated_tariffs_end_in_a_problem_or_a_bounded_bill()
    {
        var rounds = Count(40_000);
        var sources = Directory.GetFiles(Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs/examples"), "*.json").Order(StringComparer.Ordinal).Select(File.ReadAllText).ToArray();
        var (billed, refused) = (0, 0);
        for (var round = 0; round < rounds; round++)
        {
            var chance = new Chance((uint)round);
            var bytes = Encoding.UTF8.GetBytes(Mutate(sources[chance.Below(sources.Length)], chance));
            var parse = TariffDocument.Parse(bytes);
            if (parse.Tariff is not { } tariff)
            {
                Assert.NotEmpty(parse.Problems);
                Assert.All(parse.Problems, problem => Assert.True(problem.Path.StartsWith('$') && problem.Message.Length > 5, $"round {round}: {problem}"));
                refused++;
            }
            else if (Try(() => Tariffs.ExampleUsage.Bill(tariff)) is { } bill)
            {
                Check(bill, round);
                Assert.Equal(bill, Tariffs.ExampleUsage.Bill(tariff));
                billed++;
            }
        }

        Log($"tariffs: {rounds} mutations, {billed} billed and billed again alike, {refused} refused by the reader, {rounds - billed - refused} refused by the engine");
        Assert.True(billed > rounds / 20, $"only {billed} of {rounds} mutations were billed: the mutations are too wild to show anything");
        Assert.True(refused > rounds / 20, $"only {refused} of {rounds} mutations were refused: the mutations are too tame to show anything");
    }

    [Fact]
    public void Mutated_rate_database_documents_end_in_a_problem_or_a_bounded_bill()
    {
        var rounds = Count(30_000);
        var folder = SharedCases.Path("rating", "urdb");
        Assert.SkipWhen(folder is null, SharedCases.Absent);
        var sources = Directory.GetFiles(folder!, "*.json").Where(file => !file.EndsWith("MANIFEST.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(File.ReadAllText)
            .Concat(Calculator()).ToArray();
        var period = A.Days("2026-03-01", "2026-04-01");
        LoadProfile[] usage = [A.Constant(period, "import", 60, 1_500L), A.Profile(period, "export", 60, at => at.Hour is 12 ? 9_000L : 0L), A.Constant(period, "reactive", 60, 700L)];
        var billed = 0;
        for (var round = 0; round < rounds; round++)
        {
            var chance = new Chance((uint)round);
            var parse = UrdbDocument.Parse(Encoding.UTF8.GetBytes(Mutate(sources[chance.Below(sources.Length)], chance)));
            if (parse.Tariff is not { } tariff)
            {
                Assert.NotEmpty(parse.Problems);
            }
            else if (Try(() => A.Bill(tariff, period, usage)) is { } bill)
            {
                Check(bill, round);
                Assert.Equal(bill, A.Bill(tariff, period, usage));
                billed++;
            }
        }

        Log($"rate database documents: {rounds} mutations, {billed} billed and billed again alike, {rounds - billed} refused");
    }

    /// <summary>Documents as NREL's bill calculator writes them: export kept as money, a ratchet, one peak a month.</summary>
    private static IEnumerable<string> Calculator() => new[] { "u10_res_tou_nb_carryover", "d05_ratchet_billing_demand", "s04_tou_4x2_tou_and_flat_demand_60min" }
        .Select(name => JsonNode.Parse(File.ReadAllText(SharedCases.Path("rating", "ssc", name + ".json")!))!["tariff"]!.AsObject())
        .Select(tariff =>
        {
            (tariff["demandratchet"] as JsonObject)?.Remove("prior_year_monthly_peaks_kw");
            return tariff.ToJsonString();
        });

    [Fact]
    public void Mutated_contracts_end_in_a_problem_or_a_bounded_bill()
    {
        var rounds = Count(10_000);
        const string contract = """
            {"contractedKw":50,"powerFactor":{"target":0.95,"percentPerHundredth":"0.5"},"taxStatus":"exempt","eventDays":{"critical":["2026-03-04"]},"coincidentHours":{"winter":["2026-01-05T18:00:00+01:00"]},
             "openingBalances":{"credit:prepaid":12.5},"yearToDateUse":{"energy":100},"billedBefore":{"minimum":5},"demandHistory":{"2025-12":80},"urdb":{"metering":"net-metering-money","trueUpMonth":12,"trueUpPrice":0.03,"rollover":false,"sameMonth":true,"lapse":false}}
            """;
        var tariff = A.TariffOf("""
            {"kind":"usage","id":"energy","description":"Energy","tierBasis":"year","price":[{"upTo":1000,"price":0.3},{"price":0.25}]},
            {"kind":"capacity","id":"capacity","description":"Capacity","price":4,"excessPrice":9},
            {"kind":"demand","id":"demand","description":"Demand","price":3,"lookback":{"percent":80}},
            {"kind":"coincident","id":"peak","description":"System peak","group":"winter","price":6},
            {"kind":"power-factor","id":"pf","description":"Power factor"},
            {"kind":"minimum","id":"minimum","description":"Minimum","amount":500,"per":"year"},
            {"kind":"credit","id":"prepaid","description":"Prepaid"}
            """, """ "tax":{"classes":{"standard":{"category":"S","rate":19} } } """);
        var period = A.Days("2026-01-01", "2026-02-01");
        LoadProfile[] usage = [A.Constant(period, "import", 60, 60_000L), A.Constant(period, "reactive", 60, 45_000L)];
        var (read, billed) = (0, 0);
        Assert.Empty(ContractDocument.Parse(Encoding.UTF8.GetBytes(contract)).Problems);
        for (var round = 0; round < rounds; round++)
        {
            var parse = ContractDocument.Parse(Encoding.UTF8.GetBytes(Mutate(contract, new Chance((uint)round))));
            Assert.All(parse.Problems, problem => Assert.StartsWith("$", problem.Path, StringComparison.Ordinal));
            if (parse.Problems.Count > 0)
            {
                continue;
            }

            read++;
            RatedPeriod Bill() => RatingEngine.Rate(A.Input(tariff, period, usage) with { Contract = parse.Contract }, new Determinants.RatePlans());
            if (Try(Bill) is { } bill)
            {
                Check(bill, round);
                Assert.Equal(bill, Bill());
                billed++;
            }
        }

        Assert.True(billed > rounds / 20, $"only {billed} of {rounds} mutations were billed: the mutations are too wild to show anything");
        Log($"contracts: {rounds} mutations, {billed} billed and billed again alike, {rounds - read} refused by the reader, {read - billed} refused by the engine");
    }

    [Fact]
    public void Mutated_usage_files_end_in_a_problem_with_its_line_or_a_bill()
    {
        var rounds = Count(20_000);
        var period = A.Days("2025-03-30", "2025-04-01");
        var tariff = A.TariffOf("""{"kind":"usage","id":"energy","description":"Energy","price":0.3}""");
        var csv = new StringBuilder("start,import_wh\n");
        for (var at = period.Start; at < period.End; at += Duration.FromMinutes(30))
        {
            csv.Append(CultureInfo.InvariantCulture, $"{at.InZone(period.Zone).ToString("uuuu-MM-dd'T'HH:mm", CultureInfo.InvariantCulture)},{100 + (at.ToUnixTimeSeconds() % 77)}\n");
        }

        var (billed, refused) = (0, 0);
        Assert.Empty(UsageCsv.Read(csv.ToString(), "usage.csv", period, new UsageCsvOptions()).Problems);
        for (var round = 0; round < rounds; round++)
        {
            var chance = new Chance((uint)round);
            var file = UsageCsv.Read(chance.Below(3) == 0 ? ScribbleCells(csv.ToString(), chance) : Scribble(csv.ToString(), chance), "usage.csv", period, new UsageCsvOptions(GapsAreZero: chance.Below(2) == 0));
            if (file.Problems.Count == 0 && Try(() => A.Bill(tariff, period, [.. file.Profiles])) is { } bill)
            {
                Check(bill, round);
                Assert.Equal(bill, A.Bill(tariff, period, [.. file.Profiles]));
                billed++;
            }
            else if (file.Problems.Count > 0)
            {
                Assert.All(file.Problems, problem => Assert.True(problem.Path.Length > 0 && problem.Message.Length > 5 && problem.Line is null or > 0, $"round {round}: {problem}"));
                refused++;
            }
        }

        Assert.True(billed > rounds / 50, $"only {billed} of {rounds} mutations were billed: the mutations are too wild to show anything");
        Log($"usage files: {rounds} mutations, {billed} billed and billed again alike, {refused} refused by the reader, {rounds - billed - refused} refused by the engine");
    }

    /// <summary>The long form leaves its figures beside the other results.</summary>
    private static void Log(string text)
    {
        if (Environment.GetEnvironmentVariable("USAGE_BILLING_RESULTS") is { Length: > 0 } folder)
        {
            lock (Texts)
            {
                File.AppendAllText(Path.Combine(folder, "rating-mutations.log"), text + "\n");
            }
        }
    }

    private static RatedPeriod? Try(Func<RatedPeriod> rate)
    {
        try
        {
            return rate();
        }
        catch (RatingInputException refused)
        {
            Assert.NotEmpty(refused.Problems);
            return null;
        }
    }

    private static void Check(RatedPeriod bill, int round)
    {
        foreach (var line in bill.Lines)
        {
            var bound = Math.Abs(line.Quantity) * Math.Abs(line.Price) / line.PriceBase;
            Assert.True(Math.Abs(line.Amount) <= Math.Abs(bound) + 0.5m, $"round {round}: {line.Description} {line.Amount} exceeds {bound}");
            Assert.NotEmpty(line.Formula);
        }

        Assert.Equal(bill.Lines.Sum(line => line.Amount), bill.Net);
        Assert.Equal(bill.Net + bill.Tax + bill.Rounding, bill.Total);
    }

    /// <summary>Changes the document as a tree (most often) or as text.</summary>
    private static string Mutate(string json, Chance chance)
    {
        if (chance.Below(6) == 0)
        {
            return Scribble(json, chance);
        }

        var root = JsonNode.Parse(json)!;
        for (var changes = 1 + chance.Below(3); changes > 0; changes--)
        {
            Change(root, chance);
        }

        return root.ToJsonString();
    }

    private static void Change(JsonNode root, Chance chance)
    {
        var node = root;
        for (var depth = 0; depth < 8; depth++)
        {
            if (node is JsonObject item && item.Count > 0)
            {
                var name = item.ElementAt(chance.Below(item.Count)).Key;
                if (item[name] is JsonObject or JsonArray && chance.Below(4) != 0)
                {
                    node = item[name]!;
                    continue;
                }

                Replace(value => item[name] = value, () => item.Remove(name), item[name], chance);
                return;
            }

            if (node is not JsonArray list || list.Count == 0)
            {
                return;
            }

            var index = chance.Below(list.Count);
            if (list[index] is JsonObject or JsonArray && chance.Below(4) != 0)
            {
                node = list[index]!;
                continue;
            }

            Replace(value => list[index] = value, () => list.RemoveAt(index), list[index], chance);
            return;
        }
    }

    private static void Replace(Action<JsonNode?> set, Action remove, JsonNode? old, Chance chance)
    {
        switch (chance.Below(7))
        {
            case 0:
                remove();
                break;
            case 1:
                set(null);
                break;
            case 2:
                set(Texts[chance.Below(Texts.Length)]);
                break;
            case 3:
                set(JsonNode.Parse(Numbers[chance.Below(Numbers.Length)]));
                break;
            case 4:
                set(new JsonArray(old?.DeepClone()));
                break;
            default:
                set(old is JsonValue value && value.TryGetValue<decimal>(out var number) ? JsonValue.Create(number * (chance.Below(5) - 1)) : old?.DeepClone());
                break;
        }
    }

    /// <summary>Overwrites, drops or repeats a few characters.</summary>
    private static string Scribble(string text, Chance chance)
    {
        var builder = new StringBuilder(text);
        for (var changes = 1 + chance.Below(4); changes > 0 && builder.Length > 1; changes--)
        {
            var at = chance.Below(builder.Length);
            switch (chance.Below(8))
            {
                case > 2:
                    at = Enumerable.Range(at, builder.Length - at).FirstOrDefault(i => char.IsAsciiDigit(builder[i]), at);
                    builder[at] = (char)('0' + chance.Below(10));
                    break;
                case 0:
                    builder[at] = (char)(32 + chance.Below(95));
                    break;
                case 1:
                    builder.Remove(at, Math.Min(1 + chance.Below(20), builder.Length - at));
                    break;
                default:
                    builder.Insert(at, builder.ToString(at, Math.Min(30, builder.Length - at)));
                    break;
            }
        }

        return builder.ToString();
    }

    /// <summary>Scribbles in quantities only: stamps stay, so that more of the files are billed.</summary>
    private static string ScribbleCells(string csv, Chance chance)
    {
        var lines = csv.Split('\n');
        for (var changes = 1 + chance.Below(3); changes > 0; changes--)
        {
            var line = 1 + chance.Below(lines.Length - 2);
            var comma = lines[line].IndexOf(',', StringComparison.Ordinal) + 1;
            lines[line] = lines[line][..comma] + Scribble(lines[line][comma..], chance);
        }

        return string.Join('\n', lines);
    }

    /// <summary>A small generator whose numbers are the same everywhere.</summary>
    private sealed class Chance(uint seed)
    {
        private uint _state = unchecked((seed * 2_654_435_761u) + 1u);

        public int Below(int bound)
        {
            _state = unchecked((_state * 1_664_525u) + 1_013_904_223u);
            return (int)((_state >> 8) % (uint)bound);
        }
    }
}
