using System.Globalization;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using UsageBilling.Cloud.Exports;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary>Files into channels and out again, on a real database.</summary>
public sealed class ImportRunTests : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly MigratedDatabase _database;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("imports").FullName;

    public ImportRunTests(MigratedDatabase database) => _database = database;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_same_file_twice_is_nothing_new()
    {
        var file = Nem12("TWICE", "1.5", "20260102000000");
        var first = await ImportAsync(file);
        Assert.Equal("done", first.Record.State);
        Assert.Equal((2, 2), (first.Record.DaysDelivered, first.Record.DaysAdded));
        Assert.Equal(72_000_000L, await SumAsync("TWICE"));
        var again = await ImportAsync(file);
        Assert.True(again.Before);
        Assert.Equal(first.Record.Id, again.Record.Id);
        Assert.Equal(72_000_000L, await SumAsync("TWICE"));
        Assert.Equal(1, await CountAsync("SELECT count(*) FROM import_file WHERE file_name LIKE 'TWICE%'"));
    }

    [Fact]
    public async Task A_later_file_replaces_and_an_older_one_does_not_whatever_their_order()
    {
        foreach (var (name, order) in new[] { ("AB", new[] { 0, 1 }), ("BA", [1, 0]) })
        {
            string[] files = [Nem12(name, "1.5", "20260102000000"), Nem12(name, "1.25", "20260105000000")];
            foreach (var i in order)
            {
                await ImportAsync(files[i]);
            }

            Assert.Equal(60_000_000L, await SumAsync(name));
        }
    }

    [Fact]
    public async Task A_rejected_file_is_kept_with_its_reasons_and_nothing_of_it_is_taken()
    {
        var lines = File.ReadAllLines(Nem12("BAD", "1.5", "20260102000000")).ToList();
        lines.Insert(3, "300,20260102,1,2,3,A,,,,");
        var outcome = await ImportAsync(Write("BAD.csv", [.. lines]));
        Assert.Equal("rejected", outcome.Record.State);
        Assert.Null(await ChannelDays.TermsAsync(_database.Source, Key("BAD").Id, default));
        Assert.Contains("\"line\": 4", (await ImportStore.DetailsAsync(_database.Source, outcome.Record.Id, default)).Report, StringComparison.Ordinal);
        using var kept = new MemoryStream();
        ImportStore.Raw(_database.Source, outcome.Record).OpenRaw().CopyTo(kept);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder, "BAD.csv")), kept.ToArray());
    }

    [Theory]
    [InlineData("nem12", 3, "rejected")]
    [InlineData("csv", 4, "done")]
    public async Task A_quantity_below_zero_is_named_with_its_line_and_rejected_where_the_format_knows_none(string format, int line, string state)
    {
        var file = format == "nem12"
            ? Write("NEGATIVE.csv", [.. File.ReadAllLines(Nem12("NEGATIVE0", "1.5", "20260102000000")).Select((l, i) => i == 2 ? l.Replace(",1.5,", ",-1.5,", StringComparison.Ordinal) : l)])
            : Write("NEGATIVE.csv", "start,kwh", "2026-11-18T08:00:00Z,0.500", "2026-11-18T08:15:00Z,0.250", "2026-11-18T08:30:00Z,-0.500");
        var outcome = await new ImportRun(_database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat(format, $"NEGATIVE-{format}.csv"), "test", null, default);
        Assert.Equal(state, outcome.Record.State);
        var report = (await ImportStore.DetailsAsync(_database.Source, outcome.Record.Id, default)).Report;
        Assert.Contains("below zero", report, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"\"line\": {line}"), report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_register_that_tells_its_direction_by_a_sign_is_taken()
    {
        var file = SharedCases.Path("data", "nem12", "nem13", "NEM13#Scenario12#UNITEDDP#NEMMCO.csv");
        Assert.SkipWhen(file is null, SharedCases.Absent);
        var survey = await new ImportRun(_database.Source, _time).TryAsync(RawFile.At(file!), new ImportFormat("nem13", "signs.csv"), default);
        Assert.False(survey.Refused);
        Assert.DoesNotContain(survey.Notes, n => n.Reason.Contains("below zero", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_import_that_died_half_way_is_finished_from_its_kept_file()
    {
        var file = Nem12("DIED", "0.001", "20260102000000");
        var read = new ImportFormat("nem12", "DIED.csv");
        var run = new ImportRun(_database.Source, _time);
        var raw = RawFile.At(file);
        var dying = new ImportRun(_database.Source, new DyingTime(_time, after: 4));
        await Assert.ThrowsAsync<TimeoutException>(() => dying.RunAsync(raw, read, "test", null, default));
        var (sha256, _) = await ImportStore.HashAsync(raw, default);
        var left = (await ImportStore.FindAsync(_database.Source, ImportRun.IdOf(sha256, read), default))!;
        Assert.Equal("delivering", left.State);
        File.Delete(file);
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Contains(left.Id, await ImportStore.AbandonedAsync(_database.Source, Instant.FromDateTimeOffset(_time.GetUtcNow()) - Duration.FromMinutes(5), default));
        await run.ResumeAsync(left.Id, default);
        Assert.Equal("done", (await ImportStore.FindAsync(_database.Source, left.Id, default))!.State);
        Assert.Equal(48_000L, await SumAsync("DIED"));
    }

    [Fact]
    public async Task A_channel_that_registers_feed_is_refused_with_the_reason()
    {
        await new RegisterAdministration(_database.Source, _time).RegisterAsync(new ChannelRegistration(Key("METERED"), 0, "Australia/Brisbane"), default);
        var outcome = await ImportAsync(Nem12("METERED", "1.5", "20260102000000"));
        Assert.Equal("rejected", outcome.Record.State);
        Assert.Contains("fed by registers", outcome.Survey!.Problems[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Numbers_finer_than_the_channel_counts_and_days_to_come_are_refused()
    {
        await ImportAsync(Nem12("FINE", "1.5", "20260102000000"));
        var finer = await ImportAsync(Nem12("FINE", "1.1234567", "20260103000000"));
        Assert.Contains("7 decimals", Assert.Single(finer.Survey!.Problems).Reason, StringComparison.Ordinal);
        _time.SetUtcNow(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
        var future = await ImportAsync(Write("future.csv", "start,kwh", "2027-01-01 00:00,1", "2027-01-01 00:30,1"), "csv");
        Assert.Contains("future", Assert.Single(future.Survey!.Problems).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_file_of_market_data_ends_in_its_channels_to_the_unit()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        await KeepAllYearsAsync();
        string[] files = ["aemo-examples/Example_NEM12_month_solar.csv", "aemo-examples/Example_NEM12_multiple_quality.csv", "scenarios/nem12_SCENARIO05_TCAUSTM_NEMMCO/nem12#SCENARIO05#TCAUSTM#NEMMCO.csv"];
        foreach (var file in files)
        {
            var outcome = await ImportAsync(SharedCases.Path("data", "nem12", file)!);
            Assert.Equal("done", outcome.Record.State);
            foreach (var streams in outcome.Survey!.Streams.GroupBy(s => ImportTarget.Of(s.Channel)!.Key))
            {
                Assert.Equal(streams.Sum(s => s.Sum), await SumAsync(streams.Key) * 0.000001m);
            }
        }
    }

    [Fact]
    public async Task The_household_ends_in_its_channel_with_its_holes_missing()
    {
        Assert.SkipUnless(SharedCases.Root is not null, SharedCases.Absent);
        await KeepAllYearsAsync();
        var outcome = await new ImportRun(_database.Source, _time).RunAsync(
            RawFile.At(SharedCases.Path("data", "profiles", "uk-halfhourly-2012-2014-LCL-like.csv.gz")!), new ImportFormat("csv", "uk.csv.gz", Point: "HOUSEHOLD", Stamps: "end"), "test", null, default);
        Assert.Equal(("done", 0, 0), (outcome.Record.State, outcome.Record.Problems, outcome.Record.DaysParked));
        // The file has seven decimals of a kWh, so the channel counts in ten-thousandths of a Wh.
        Assert.Equal(55_548_740_002L, await SumAsync("HOUSEHOLD"));
        var (missing, days) = (0, 0);
        await foreach (var day in ChannelDays.ReadAsync(_database.Source, Key("HOUSEHOLD").Id, new LocalDate(2012, 10, 13), new LocalDate(2014, 1, 25), default))
        {
            missing += day.Intervals.Qualities.Count((byte)IntervalQuality.Missing);
            days++;
        }

        // The hole of 48 is the whole of 8 November 2012, of which nothing is known; one of the four single gaps is on the first day.
        Assert.Equal((3, 469 - 1), (missing, days));
    }

    [Fact]
    public async Task Years_that_are_not_kept_are_parked_and_told()
    {
        var outcome = await ImportAsync(Write("old.csv", "start,kwh", "1999-01-01 00:00,1", "1999-01-01 00:30,1"), "csv");
        Assert.Equal((1, 1), (outcome.Record.DaysDelivered, outcome.Record.DaysParked));
    }

    [Fact]
    public async Task Monthly_figures_are_spread_over_their_days_and_keep_their_sum()
    {
        var file = Write("monthly.csv", "start,kwh", "2026-01-01T00:00:00Z,310.5", "2026-02-01T00:00:00Z,280", "2026-03-01T00:00:00Z,");
        var outcome = await new ImportRun(_database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat("csv", "monthly.csv", Point: "MONTHLY"), "test", null, default);
        Assert.Equal("done", outcome.Record.State);
        Assert.Equal(590_500_000L, await SumAsync("MONTHLY"));
    }

    [Theory]
    [InlineData("csv")]
    [InlineData("nem12")]
    [InlineData("greenbutton")]
    public async Task What_is_exported_comes_back_the_same(string format)
    {
        var source = $"OUT-{format}";
        await ImportAsync(Nem12(source, "1.234", "20260102000000"));
        var path = Path.Combine(_folder, source + ".out");
        var (request, _) = ExportRequest.Read(format, $"{source}/ActiveEnergy/Import", "2026-01-01", "2026-01-02");
        await using (var stream = File.Create(path))
        {
            Assert.Equal(new ExportOutcome(true, null), await new Export(_database.Source, _time).WriteAsync(request!, () => stream, default));
        }

        var outcome = await new ImportRun(_database.Source, _time).RunAsync(RawFile.At(path), new ImportFormat(format, "out", Point: format == "csv" ? null : source + "-back"), "test", null, default);
        Assert.Equal("done", outcome.Record.State);
        var back = outcome.Survey!.Streams.Single().Channel.Point;
        if (format == "csv")
        {
            // CSV names its channel: what comes back is what is there already.
            Assert.Equal((source, 59_232_000L), (back, await SumAsync(source)));
        }
        else
        {
            Assert.Equal(await DaysAsync(source), await DaysAsync(back));
        }
    }

    [Fact]
    public async Task Substitutes_are_exported_with_the_flag_method_and_reason_that_they_came_with()
    {
        string[] parts = ["400,1,20,A,,", "400,21,30,F14,76,Meter fault", "400,31,40,S17,,", "400,41,48,E52,1,"];
        await ImportAsync(Write("flags.csv", ["100,NEM12,202601020000,MDP,RET", "200,FLAGS,E1,1,E1,N1,METER,kWh,30,", $"300,20260101,{string.Join(',', Enumerable.Repeat("1.5", 48))},V,,,20260102000000,", .. parts, "900"]));
        var (request, _) = ExportRequest.Read("nem12", "FLAGS", "2026-01-01", "2026-01-02");
        using var stream = new MemoryStream();
        await new Export(_database.Source, _time).WriteAsync(request!, () => stream, default);
        var lines = Encoding.UTF8.GetString(stream.ToArray()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("200,FLAGS,E1,E1,E1,,,kWh,30,", lines[1]);
        Assert.Equal(parts, lines.Where(l => l.StartsWith("400", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_day_that_a_file_states_in_two_lengths_is_refused_before_anything_is_delivered()
    {
        string Day(int slots, string value) => $"300,20260101,{string.Join(',', Enumerable.Repeat(value, slots))},A,,,20260102000000,";
        var file = Write("lengths.csv", "100,NEM12,202601020000,MDP,RET", "200,LENGTHS,E1,1,E1,N1,M,kWh,30,", Day(48, "1.5"), "200,LENGTHS,E1,1,E1,N1,M,kWh,5,", Day(288, "0.25"), "900");
        var outcome = await ImportAsync(file);
        Assert.Equal("rejected", outcome.Record.State);
        Assert.Contains("(line 3)", Assert.Single(outcome.Survey!.Problems).Reason, StringComparison.Ordinal);
        Assert.Null(await ChannelDays.TermsAsync(_database.Source, Key("LENGTHS").Id, default));
    }

    [Theory]
    [InlineData("csv")]
    [InlineData("nem12")]
    [InlineData("greenbutton")]
    public async Task An_export_without_an_interval_says_so_and_writes_nothing(string format)
    {
        var point = "EMPTY-" + format;
        await ImportAsync(Write($"{point}.csv", "start,kwh", "1999-01-01 00:00,1", "1999-01-01 00:30,1"), "csv");
        async Task<ExportOutcome> ExportAsync(string from, string to) => await new Export(_database.Source, _time).WriteAsync(ExportRequest.Read(format, point, from, to).Request!, () => throw new InvalidOperationException("opened"), default);
        var parked = await ExportAsync("1999-01-01", "1999-01-02");
        Assert.Equal((false, true), (parked.Written, parked.IsKnown));
        Assert.Contains("1 UTC days of it are older than what is kept", parked.Reason, StringComparison.Ordinal);
        Assert.Equal($"channel {point}/ActiveEnergy/Import has no interval from 2026-01-01 to 2026-01-02", (await ExportAsync("2026-01-01", "2026-01-02")).Reason);
        var ran = CloudProgram.Run(_folder, "export", "--format", format, "--channel", point, "--from", "1999-01-01", "--to", "1999-01-02", "--output", "none.out", "--database", _database.Postgres.ServiceConnectionString);
        Assert.Equal((3, "", false), (ran.Code, ran.Output, File.Exists(Path.Combine(_folder, "none.out"))));
        Assert.StartsWith("Nothing was written: channel", ran.Error, StringComparison.Ordinal);
        Assert.Equal(1, CloudProgram.Run(_folder, "export", "--format", format, "--channel", "NOWHERE", "--from", "1999-01-01", "--to", "1999-01-02", "--database", _database.Postgres.ServiceConnectionString).Code);
    }

    [Fact]
    public async Task A_Green_Button_export_comes_back_to_its_own_channel_also_where_the_interval_length_changes()
    {
        await ImportAsync(Nem12("GB-BACK", "1.5", "20260102000000"));
        await ImportAsync(Write("GB-BACK.csv", ["start,kwh", .. Enumerable.Range(0, 24).Select(h => $"2026-01-03 {h:00}:00,2.5")]), "csv");
        var before = await DaysAsync("GB-BACK");
        var path = Path.Combine(_folder, "back.xml");
        await using (var stream = File.Create(path))
        {
            await new Export(_database.Source, _time).WriteAsync(ExportRequest.Read("greenbutton", "GB-BACK", "2026-01-01", "2026-01-05").Request!, () => stream, default);
        }

        var outcome = await ImportAsync(path, "greenbutton");
        Assert.Equal("done", outcome.Record.State);
        Assert.Equal(["GB-BACK", "GB-BACK"], outcome.Survey!.Streams.Select(s => s.Channel.Point));
        Assert.Equal(before, await DaysAsync("GB-BACK"));
    }

    private Task KeepAllYearsAsync() => Retention.KeepAsync(_database.Source, 25, "test", Instant.FromDateTimeOffset(_time.GetUtcNow()), default);

    private Task<ImportOutcome> ImportAsync(string file, string format = "nem12") =>
        new ImportRun(_database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat(format, Path.GetFileName(file)), "test", null, default);

    private static ChannelKey Key(string point) => new(point, new Measurand(Quantity.ActiveEnergy, Direction.Import));

    private Task<long> SumAsync(string point) => SumAsync(Key(point));

    private async Task<long> SumAsync(ChannelKey key)
    {
        var sum = 0L;
        await foreach (var day in ChannelDays.ReadAsync(_database.Source, key.Id, new LocalDate(2000, 1, 1), new LocalDate(2027, 1, 1), default))
        {
            sum += day.Intervals.Quantities.ToArray().Sum();
        }

        return sum;
    }

    private async Task<string> DaysAsync(string point)
    {
        var text = new StringBuilder();
        await foreach (var day in ChannelDays.ReadAsync(_database.Source, Key(point).Id, new LocalDate(2000, 1, 1), new LocalDate(2027, 1, 1), default))
        {
            text.Append(CultureInfo.InvariantCulture, $"{day.Day} {Convert.ToHexString(day.Intervals.Hash().AsSpan())}\n");
        }

        Assert.NotEqual(0, text.Length);
        return text.ToString();
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var command = _database.Source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private string Nem12(string nmi, string value, string updated) => Write(
        $"{nmi}-{value}.csv", "100,NEM12,202601020000,MDP,RET", $"200,{nmi},E1,1,E1,N1,METER,kWh,30,", $"300,20260101,{string.Join(',', Enumerable.Repeat(value, 48))},A,,,{updated},", "900");

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    /// <summary>A clock that stops the process, as far as the import can tell, at its n-th look.</summary>
    private sealed class DyingTime(TimeProvider time, int after) : TimeProvider
    {
        private int _looks;

        public override DateTimeOffset GetUtcNow() => ++_looks < after ? time.GetUtcNow() : throw new TimeoutException("killed");
    }
}
