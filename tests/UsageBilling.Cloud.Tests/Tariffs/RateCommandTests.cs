using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Tariffs;

/// <summary><c>usage-cloud rate</c> as other programs call it: a process of its own, without database and network.</summary>
public sealed class RateCommandTests : IDisposable
{
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
