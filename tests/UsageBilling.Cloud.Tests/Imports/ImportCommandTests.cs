using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary><c>usage-cloud import --dry-run</c>: without database, without network, and nothing is written.</summary>
public sealed class ImportCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("import").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_household_is_reported_with_its_duplicates_and_holes()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        var file = SharedCases.Path("data", "profiles", "uk-halfhourly-2012-2014-LCL-like.csv.gz")!;
        var ran = CloudProgram.Run(_folder, "import", file, "--format", "csv", "--stamps", "end", "--dry-run", "--json", "--database", "Host=127.0.0.1;Port=1;Database=none");
        Assert.Equal(0, ran.Code);
        var root = JsonNode.Parse(ran.Output)!;
        Assert.Empty(root["errors"]!.AsArray());
        var channel = Assert.Single(root["channels"]!.AsArray())!;
        Assert.Equal(15, (int)channel["duplicates"]!);
        Assert.Equal(52, (int)channel["gaps"]!);
        Assert.Equal(22_521, (int)channel["intervals"]!);
        Assert.Equal(30, (int)channel["intervalMinutes"]!);
        Assert.Equal("kWh", (string)channel["unit"]!);
        Assert.Equal(5_554.8740002m, decimal.Parse((string)channel["sum"]!, CultureInfo.InvariantCulture));
        Assert.Equal([1, 1, 1, 1, 48], channel["holes"]!.AsArray().Select(h => (int)h!["intervals"]!).Order());
        Assert.Empty(Directory.GetFileSystemEntries(_folder));

        var text = CloudProgram.Run(_folder, "import", file, "--format", "csv", "--dry-run");
        Assert.Contains("4 single gaps, 1 hole of 48", text.Output, StringComparison.Ordinal);
        Assert.Contains("15 duplicates", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_json_of_a_NEM12_file_has_the_shape_that_other_programs_read()
    {
        var file = Write("day.csv", "100,NEM12,202601020000,MDP,RET", "200,NMI1,E1,1,E1,N1,METER,kWh,30,", $"300,20260101,{string.Join(',', Enumerable.Repeat("1.250", 48))},F14,1,x,20260102000000,", "900");
        var ran = CloudProgram.Run(_folder, "import", file, "--format", "nem12", "--dry-run", "--json");
        Assert.Equal(0, ran.Code);
        var channel = Assert.Single(JsonNode.Parse(ran.Output)!["channels"]!.AsArray())!.AsObject();
        string[] words = ["id", "register", "unit", "intervalMinutes", "days", "intervals", "sum", "gaps", "duplicates", "quality"];
        Assert.Equal(words, channel.Select(p => p.Key).Take(words.Length));
        Assert.Equal(("NMI1", "E1", "60.000"), ((string)channel["id"]!, (string)channel["register"]!, (string)channel["sum"]!));
        Assert.Equal(48, (int)channel["quality"]!["F"]!);
        Assert.Equal("NMI1/ActiveEnergy/Import", (string)channel["channel"]!);
    }

    [Fact]
    public void A_refused_file_is_bad_input_with_line_and_reason_and_without_channels()
    {
        var file = Write("bad.csv", "100,NEM12,202601020000,MDP,RET", "200,NMI1,E1,1,E1,N1,METER,kWh,30,", "300,20260101,1,2,3,A,,,,", "900");
        var ran = CloudProgram.Run(_folder, "import", file, "--format", "nem12", "--dry-run", "--json");
        Assert.Equal(1, ran.Code);
        var root = JsonNode.Parse(ran.Output)!;
        Assert.Empty(root["channels"]!.AsArray());
        Assert.Equal(3, (int)Assert.Single(root["errors"]!.AsArray())!["line"]!);
        Assert.Contains("bad.csv:3:", CloudProgram.Run(_folder, "import", file, "--format", "nem12", "--dry-run").Error, StringComparison.Ordinal);
        Assert.Equal(1, CloudProgram.Run(_folder, "import", Path.Combine(_folder, "none.csv"), "--format", "csv", "--dry-run", "--json").Code);
    }

    [Theory]
    [InlineData("--format", "xlsx")]
    [InlineData("--zone", "Mars/Olympus")]
    [InlineData("--stamps", "middle")]
    [InlineData("--point", "a b")]
    public void A_wrong_option_is_a_wrong_use(string option, string value)
    {
        var options = new Dictionary<string, string> { ["--format"] = "csv", [option] = value };
        var ran = CloudProgram.Run(_folder, ["import", Write("x.csv", "start,kwh"), "--dry-run", .. options.SelectMany(o => new[] { o.Key, o.Value })]);
        Assert.Equal(2, ran.Code);
        Assert.NotEmpty(ran.Error);
    }

    [Theory]
    [InlineData("1969-12-31 23:00,1|1969-12-31 23:30,1", "older than 1970")]
    [InlineData("2199-01-01 00:00,1|2199-01-01 00:30,1", "lies in the future")]
    [InlineData("2026-01-01 00:00,0.0000000000001|2026-01-01 00:30,1", "13 decimals of kWh, more than a channel can keep")]
    [InlineData("2026-01-01 00:00,99999999999999999|2026-01-01 00:30,1", "too large")]
    public void A_dry_run_refuses_what_the_import_would_refuse(string rows, string reason)
    {
        var ran = CloudProgram.Run(_folder, "import", Write("checked.csv", ["start,kwh", .. rows.Split('|')]), "--format", "csv", "--dry-run", "--json");
        Assert.Equal(1, ran.Code);
        Assert.Contains(reason, (string)Assert.Single(JsonNode.Parse(ran.Output)!["errors"]!.AsArray())!["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dry_run_notes_what_only_a_database_knows_and_what_goes_to_no_channel()
    {
        var ran = CloudProgram.Run(_folder, "import", Write("old.csv", "start,kwh,therms", "1999-01-01 00:00,1.500000000000000,2", "1999-01-01 01:00,1,2"), "--format", "csv", "--dry-run", "--json");
        Assert.Equal(0, ran.Code);
        var root = JsonNode.Parse(ran.Output)!;
        Assert.Empty(root["errors"]!.AsArray());
        var notes = root["notes"]!.AsArray().Select(n => (string)n!["reason"]!).ToArray();
        Assert.Equal(3, notes.Length);
        Assert.Contains(notes, n => n.Contains("its 2 values in therm go to no channel", StringComparison.Ordinal));
        Assert.Contains(notes, n => n.Contains("would be parked", StringComparison.Ordinal));
        Assert.Contains(notes, n => n.StartsWith("only the database knows", StringComparison.Ordinal));
        Assert.Contains("old.csv:2: note:", CloudProgram.Run(_folder, "import", Path.Combine(_folder, "old.csv"), "--format", "csv", "--dry-run").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Archives_are_read_through_and_damaged_ones_refused()
    {
        var lines = new[] { "start,kwh", "2026-01-01 00:00,1", "2026-01-01 00:30,2" };
        var zip = Path.Combine(_folder, "one.zip");
        using (var archive = ZipFile.Open(zip, ZipArchiveMode.Create))
        {
            archive.CreateEntryFromFile(Write("one.csv", lines), "one.csv");
        }

        Assert.Contains("\"sum\": \"3\"", CloudProgram.Run(_folder, "import", zip, "--format", "csv", "--dry-run", "--json").Output, StringComparison.Ordinal);
        var cut = Path.Combine(_folder, "cut.csv.gz");
        File.WriteAllBytes(cut, [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        Assert.Equal(1, CloudProgram.Run(_folder, "import", cut, "--format", "csv", "--dry-run", "--json").Code);
    }

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
