using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Tariffs;

/// <summary><c>usage-cloud rate</c> as other programs call it: a process of its own, without database and network.</summary>
public sealed class RateCommandTests : IDisposable
{
    private const string EveryKind = """
        {"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2025-01-01"},
         "tax":{"classes":{"standard":{"category":"S","rate":19}}},"components":[
          {"kind":"usage","id":"energy","description":"Energy","price":0.3},
          {"kind":"demand","id":"demand","description":"Demand","price":5},
          {"kind":"standing","id":"fixed","description":"Fixed","price":1,"per":"day"},
          {"kind":"usage","id":"export","description":"Export","measure":"export","credit":true,"price":0.08},
          {"kind":"usage","id":"reactive","description":"Reactive","measure":"reactive","unit":"kvarh","category":"reactive","price":0.01},
          {"kind":"percentage","id":"fuel","description":"Fuel","percent":2,"of":["energy"]},
          {"kind":"percentage","id":"discount","description":"Discount","percent":-1,"of":["energy"]},
          {"kind":"maximum","id":"most","description":"Most","amount":10,"of":["demand"]},
          {"kind":"minimum","id":"least","description":"Least","amount":100,"of":["fixed"]},
          {"kind":"credit","id":"prepaid","description":"Prepaid"}]}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("rate").FullName;

    private static string Example(string name) => Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs/examples", name + ".json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Two_months_come_out_as_json_whose_sums_agree()
    {
        var (code, output, _) = Run("--tariff", Example("household-time-of-use"), "--usage", Usage(59), "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-03-01", "--json");
        Assert.Equal(0, code);
        var root = JsonNode.Parse(output)!;
        Assert.Equal("EUR", (string)root["currency"]!);
        Assert.Equal(["2025-01-01", "2025-02-01"], root["periods"]!.AsArray().Select(period => (string)period!["from"]!));
        foreach (var period in root["periods"]!.AsArray())
        {
            var lines = period!["lines"]!.AsArray();
            decimal Sum(bool tax) => lines.Where(line => (string)line!["kind"]! == "tax" == tax).Sum(line => Number(line!["amount"]!));
            Assert.Equal(Number(period["net"]!), Sum(false));
            Assert.Equal(Number(period["tax"]!), Sum(true));
            Assert.Equal(Number(period["total"]!), Sum(true) + Sum(false));
        }

        Assert.Equal(Number(root["total"]!), root["periods"]!.AsArray().Sum(period => Number(period!["total"]!)));
    }

    [Fact]
    public void Explained_lines_say_how_they_come_about()
    {
        var (code, output, _) = Run("--tariff", Example("household-flat"), "--usage", Usage(31), "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--explain");
        Assert.Equal(0, code);
        Assert.Contains("31 days × 0.4785 GBP/day = 14.8335 → 14.83 GBP", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Rating_again_prints_the_same_bytes()
    {
        string[] arguments = ["--tariff", Example("household-tiered"), "--usage", Usage(31), "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--json", "--explain"];
        Assert.Equal(Run(arguments), Run(arguments));
    }

    [Fact]
    public void A_missing_interval_is_an_error_with_file_and_line()
    {
        var usage = Usage(31);
        var lines = File.ReadAllLines(usage).ToList();
        lines.RemoveAt(10);
        File.WriteAllLines(usage, lines);
        string[] arguments = ["--tariff", Example("household-flat"), "--usage", usage, "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--json"];
        var (code, output, _) = Run(arguments);
        Assert.Equal(1, code);
        var error = Assert.Single(JsonNode.Parse(output)!["errors"]!.AsArray())!;
        Assert.Equal(11, (int)error["line"]!);
        Assert.Equal(usage, (string)error["file"]!);
        Assert.Equal(0, Run([.. arguments, "--gaps", "zero"]).Code);
    }

    [Theory]
    [InlineData("--zone", "Mars/Olympus")]
    [InlineData("--from", "yesterday")]
    [InlineData("--tier-allocation", "whatever")]
    public void A_wrong_option_is_a_wrong_use(string option, string value)
    {
        var arguments = new Dictionary<string, string> { ["--tariff"] = Example("household-flat"), ["--usage"] = Usage(31), ["--zone"] = "Europe/Berlin", ["--from"] = "2025-01-01", ["--to"] = "2025-02-01", [option] = value };
        var (code, _, error) = Run([.. arguments.SelectMany(pair => new[] { pair.Key, pair.Value })]);
        Assert.Equal(2, code);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void A_file_that_is_not_there_is_bad_input()
    {
        var (code, _, error) = Run("--tariff", Example("household-flat"), "--usage", Path.Combine(_folder, "none.csv"), "--zone", "UTC", "--from", "2025-01-01", "--to", "2025-02-01");
        Assert.Equal(1, code);
        Assert.Contains("none.csv", error, StringComparison.Ordinal);
    }

    /// <summary>Both nights on which the clock is changed; stamps with an offset, in UTC and local ones say the same.</summary>
    [Theory]
    [InlineData("2025-03-30", 92)]
    [InlineData("2025-10-26", 100)]
    public void Stamps_with_offset_in_utc_and_local_ones_bill_the_same_on_the_days_of_the_clock(string day, int quarters)
    {
        var zone = NodaTime.DateTimeZoneProviders.Tzdb["Europe/Berlin"];
        var date = NodaTime.Text.LocalDatePattern.Iso.Parse(day).Value;
        var start = zone.AtStartOfDay(date).ToInstant();
        string File(string name, Func<NodaTime.Instant, string> stamp, string newLine = "\n", string mark = "")
        {
            var rows = Enumerable.Range(0, quarters).Select(i => $"{stamp(start + NodaTime.Duration.FromMinutes(15L * i))},{i}.000001");
            return Write(name, mark + string.Join(newLine, rows.Prepend("start,import_wh")) + newLine);
        }

        string[] files =
        [
            File("utc.csv", at => NodaTime.Text.InstantPattern.General.Format(at)),
            File("offset.csv", at => at.InZone(zone).ToOffsetDateTime().ToString("uuuu-MM-dd'T'HH:mm:sso<+HH:mm>", CultureInfo.InvariantCulture), "\r\n", "\uFEFF"),
            File("local.csv", at => at.InZone(zone).LocalDateTime.ToString("uuuu-MM-dd'T'HH:mm", CultureInfo.InvariantCulture), "\r\n"),
        ];
        var outputs = files.Select(file => Run("--tariff", Example("household-flat"), "--usage", file, "--zone", "Europe/Berlin", "--from", day, "--to", $"{date.PlusDays(1):uuuu-MM-dd}", "--json")).ToList();
        Assert.All(outputs, output => Assert.Equal(0, output.Code));
        Assert.Single(outputs.Select(output => output.Output).Distinct());
        var energy = JsonNode.Parse(outputs[0].Output)!["periods"]![0]!["lines"]!.AsArray().First(line => (string)line!["kind"]! == "energy")!;
        Assert.Equal(((quarters * (quarters - 1) / 2) + (quarters * 0.000001m)) / 1000m, Number(energy["quantity"]!));
    }

    [Theory]
    [InlineData(29, "2025-01-29", "2025-02-28", "2025-03-29")]
    [InlineData(30, "2025-01-30", "2025-02-28", "2025-03-30")]
    [InlineData(31, "2025-01-31", "2025-02-28", "2025-03-31")]
    public void Anchor_days_that_february_lacks_end_with_it_and_come_back(int anchor, params string[] bounds)
    {
        var (code, output, _) = Run("--tariff", Example("household-flat"), "--usage", Usage(100), "--zone", "Europe/Berlin", "--from", bounds[0], "--to", bounds[^1], "--anchor", anchor.ToString(CultureInfo.InvariantCulture), "--json");
        Assert.Equal(0, code);
        var periods = JsonNode.Parse(output)!["periods"]!.AsArray();
        Assert.Equal(bounds[..^1], periods.Select(period => (string)period!["from"]!));
        Assert.Equal(bounds[1..], periods.Select(period => (string)period!["to"]!));
    }

    /// <summary>A series that ends or begins inside the period leaves intervals without a price.</summary>
    [Fact]
    public void A_series_that_begins_too_late_is_an_error_that_names_it()
    {
        var (code, output, _) = Run("--tariff", Example("household-dynamic"), "--usage", Usage(31), "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01",
            "--series", $"day-ahead={Write("prices.csv", "start,value\n2025-01-05T00:00+01:00,0.1\n")}", "--json");
        Assert.Equal(1, code);
        var error = Assert.Single(JsonNode.Parse(output)!["errors"]!.AsArray())!.AsObject();
        Assert.Equal(["file", "line", "path", "message"], error.Select(field => field.Key));
        Assert.Equal("series day-ahead", (string)error["path"]!);
        Assert.Equal(Path.Combine(_folder, "prices.csv"), (string)error["file"]!);
    }

    [Fact]
    public void Every_mistake_of_every_file_is_listed_with_its_file_and_place()
    {
        var tariff = Write("tariff.json", """{"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2025-01-01"},"components":[{"kind":"usage","id":"e","description":"E"}]}""");
        var contract = Write("contract.json", """{"contractedKw":-1,"surprise":1}""");
        var usage = Write("usage.csv", "start,import_wh\n2025-01-01T00:00,1\n2025-01-01T00:00,2\n2024-12-31T00:00,x\n");
        var history = Write("history.csv", "month,kw\n2024-12,5\n2024-12,6\n2024-13,1\n");
        var (code, output, _) = Run("--tariff", tariff, "--usage", usage, "--contract", contract, "--demand-history", history, "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--json");
        Assert.Equal(1, code);
        var errors = JsonNode.Parse(output)!["errors"]!.AsArray().Select(error => ((string?)error!["file"], (int?)error["line"], (string)error["path"]!)).ToList();
        Assert.Contains((tariff, null, "$.components[0].price"), errors);
        Assert.Contains((contract, null, "$.contractedKw"), errors);
        Assert.Contains((contract, null, "$.surprise"), errors);
        Assert.Contains(errors, error => error.Item1 == usage && error.Item2 == 3);
        Assert.Contains(errors, error => error.Item1 == usage && error.Item2 == 4);
        Assert.Contains(errors, error => error.Item1 == history && error.Item2 == 3);
        Assert.Contains(errors, error => error.Item1 == history && error.Item2 == 4);
    }

    [Fact]
    public void Json_that_is_broken_tells_its_line()
    {
        var tariff = Write("tariff.json", "{\n\"format\":\n}");
        var (code, output, _) = Run("--tariff", tariff, "--usage", Usage(31), "--zone", "UTC", "--from", "2025-01-01", "--to", "2025-02-01", "--json");
        Assert.Equal(1, code);
        Assert.Equal(3, (int)JsonNode.Parse(output)!["errors"]![0]!["line"]!);
    }

    [Fact]
    public void A_name_of_the_contract_that_the_tariff_does_not_know_is_said_beside_the_bill()
    {
        var usage = Write("usage.csv", "start,import_wh\n2025-01-01T00:00,100\n2025-01-01T01:00,100\n");
        var contract = Write("contract.json", """{"eventDays":{"crtical":["2025-01-07"]},"coincidentHours":{"winter":[]},"yearToDateUse":{"enery":5,"energy":1},"urdb":{"rollover":true} }""");
        var (code, output, error) = Run("--tariff", Example("household-critical-peak"), "--usage", usage, "--contract", contract, "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--gaps", "zero", "--json");
        Assert.Equal(0, code);
        Assert.NotNull(JsonNode.Parse(output)!["total"]);
        Assert.Equal(["$.eventDays.crtical:", "$.coincidentHours.winter:", "$.yearToDateUse.enery:", "$.urdb:"], error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1]));
    }

    [Fact]
    public void A_series_and_a_capacity_that_the_tariff_does_not_bill_are_said_beside_the_bill()
    {
        var usage = Write("usage.csv", "start,import_wh\n2025-01-01T00:00,100\n2025-01-01T01:00,100\n");
        var prices = Write("prices.csv", "start,value\n2025-01-01T00:00Z,0.1\n2025-02-01T00:00Z,0.1\n2025-03-01T00:00Z,0.1\n");
        var contract = Write("contract.json", """{"contractedKw":30}""");
        var (code, _, error) = Run(
            "--tariff", Example("household-flat"), "--usage", usage, "--contract", contract, "--series", $"dayahead={prices}", "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--gaps", "zero");
        Assert.Equal(0, code);
        Assert.Contains("$.contractedKw: is billed by no component of household-flat@", error, StringComparison.Ordinal);
        Assert.Contains("--series: dayahead is no series of household-flat@", error, StringComparison.Ordinal);
        (code, _, error) = Run(
            "--tariff", Example("grid-capacity"), "--usage", Write("full.csv", File.ReadAllText(Usage(31)).Replace(".25\n", ".25,10\n").Replace("import_wh\n", "import_wh,import_varh\n")), "--contract", contract, "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--gaps", "zero");
        Assert.Equal((0, ""), (code, error));
    }

    [Theory]
    [InlineData("household-flat", "energy,fixed,tax")]
    [InlineData("factory-time-of-use-demand", "demand,energy,fixed,reactive,tax")]
    [InlineData("every-kind", "adjustment,credit,demand,discount,energy,export,fixed,maximum,minimum,reactive,tax")]
    [InlineData("solar-money-credits", "credit,energy,export,fixed")]
    public void Kinds_are_those_of_the_contract(string tariff, string kinds)
    {
        var usage = Write("all.csv", "start,import_wh,export_wh,import_varh\n" + string.Concat(Enumerable.Range(0, 59 * 96).Select(quarter =>
            $"{new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.FromHours(1)).AddMinutes(15 * quarter):yyyy-MM-ddTHH:mm:sszzz},{9000 + (quarter % 96 * 20)},{(quarter % 96 is > 44 and < 50 ? 90_000 : 0)},8000\n")));
        var contract = Write("contract.json", """{"contractedKw":50,"eventDays":{"critical":["2025-01-07"]},"openingBalances":{"credit:prepaid":5}}""");
        var (code, output, error) = Run("--tariff", tariff == "every-kind" ? Write("tariff.json", EveryKind) : Example(tariff), "--usage", usage, "--contract", contract, "--zone", "Europe/Berlin", "--from", "2025-01-01", "--to", "2025-02-01", "--json");
        Assert.True(code == 0, output + error);
        var found = JsonNode.Parse(output)!["periods"]![0]!["lines"]!.AsArray().Select(line => (string)line!["kind"]!).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(kinds, string.Join(',', found));
    }

    private string Write(string name, string text)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, text);
        return file;
    }

    /// <summary>Quarter-hours of 2025 from local midnight of 1 January in Berlin.</summary>
    private string Usage(int days)
    {
        var text = new StringBuilder("start,import_wh\n");
        var start = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.FromHours(1));
        for (var i = 0; i < days * 96; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{start.AddMinutes(15 * i):yyyy-MM-ddTHH:mm:sszzz},{100 + (i % 50)}.25\n");
        }

        var file = Path.Combine(_folder, $"{days}.csv");
        File.WriteAllText(file, text.ToString());
        return file;
    }

    private static decimal Number(JsonNode node) => decimal.Parse((string)node!, CultureInfo.InvariantCulture);

    private (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(SharedCases.RepositoryRoot, "artifacts/bin/UsageBilling.Cloud/release/usage-cloud"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        start.ArgumentList.Add("rate");
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
