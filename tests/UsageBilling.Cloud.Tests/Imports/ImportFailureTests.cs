using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary>What cannot be delivered ends with its reason, and nothing else waits for it.</summary>
public sealed class ImportFailureTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private static readonly string[] Colliding = ["Meter,Start,kWh", "M 1,2026-05-01 00:00,1.1", "M 1,2026-05-01 00:15,1", "M/1,2026-05-01 00:00,2.1", "M/1,2026-05-01 00:15,2"];

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("failed").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("collide", "csv", "Meter,Start,kWh|M 1,2026-05-01 00:00,1.1|M 1,2026-05-01 00:15,1|M/1,2026-05-01 00:00,2.1|M/1,2026-05-01 00:15,2", 4, "would both be channel M-1/ActiveEnergy/Import")]
    [InlineData("tou", "csv", "Start,Peak kWh,Off Peak kWh|2026-05-01 00:00,1.1,0|2026-05-01 00:15,0,4.8", 1, "--column")]
    [InlineData("zs", "csv", "Datum;Zählerstand (kWh)|01.05.2026 00:00;12345,1|01.05.2026 01:00;12346,3", 1, "has readings of a register")]
    public void The_command_refuses_dry_and_in_earnest_alike_and_delivers_nothing(string name, string format, string lines, int line, string reason)
    {
        var file = Write(name + ".csv", lines.Split('|'));
        foreach (string[] how in new[] { ["--dry-run"], new[] { "--database", database.Postgres.ServiceConnectionString } })
        {
            var ran = CloudProgram.Run(_folder, ["import", file, "--format", format, .. how]);
            Assert.Equal(1, ran.Code);
            Assert.Contains($"{name}.csv:{line}: ", ran.Error, StringComparison.Ordinal);
            Assert.Contains(reason, ran.Error, StringComparison.Ordinal);
            Assert.Contains("nothing of it was taken", ran.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_command_takes_the_column_that_it_is_told()
    {
        var file = Write("two.csv", "Start,Peak kWh,Off Peak kWh", "2026-05-01 00:00,1.1,0", "2026-05-01 00:15,0,4.8");
        var ran = CloudProgram.Run(_folder, "import", file, "--format", "csv", "--point", "TOU", "--column", "off peak kwh", "--database", database.Postgres.ServiceConnectionString);
        Assert.Equal(0, ran.Code);
        Assert.NotNull(await ChannelDays.TermsAsync(database.Source, new ChannelKey("TOU", new Measurand(Quantity.ActiveEnergy, Direction.Import)).Id, default));
        Assert.Contains("4.8 kWh", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_delivery_that_the_database_refuses_ends_as_failed_with_the_reason_and_can_be_done_again()
    {
        var key = new ChannelKey("REFUSED", new Measurand(Quantity.ActiveEnergy, Direction.Import));
        var file = Write("REFUSED.csv", "start,kwh", "2026-05-01 00:00,1.5", "2026-05-01 00:15,1");
        await ExecuteAsync($"ALTER TABLE delivered_day ADD CONSTRAINT no_refused CHECK (channel_id <> '{key.Id.Value}')");
        var failed = await ImportAsync(file);
        Assert.Equal(("failed", 0L), (failed.Record.State, failed.Record.DaysDelivered));
        Assert.Contains("could not be delivered", failed.Report, StringComparison.Ordinal);
        Assert.Contains("no_refused", (await ImportStore.DetailsAsync(database.Source, failed.Record.Id, default)).Report, StringComparison.Ordinal);
        using var kept = new MemoryStream();
        ImportStore.Raw(database.Source, failed.Record).OpenRaw().CopyTo(kept);
        Assert.Equal(File.ReadAllBytes(file), kept.ToArray());
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.DoesNotContain(failed.Record.Id, await ImportStore.AbandonedAsync(database.Source, Now, default));

        await ExecuteAsync("ALTER TABLE delivered_day DROP CONSTRAINT no_refused");
        var again = await ImportAsync(file);
        Assert.Equal((failed.Record.Id, "done", 0), (again.Record.Id, again.Record.State, again.Record.Problems));
    }

    [Fact]
    public async Task Imports_that_an_older_program_left_undeliverable_fail_and_the_worker_goes_on_with_the_next()
    {
        var broken = new List<Guid>();
        for (var i = 0; i < 12; i++)
        {
            broken.Add(await LeaveAsync($"broken{i}.csv", [.. Colliding, $"M 1,2026-05-01 00:30,{i}"]));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        var good = await LeaveAsync("good.csv", "start,kwh", "2026-05-01 00:00,1.5", "2026-05-01 00:15,1");
        _time.Advance(TimeSpan.FromMinutes(10));
        var log = new Waiting(good);
        using var worker = new ImportWorker(database.Source, new ImportRun(database.Source, _time), _time, log);
        await worker.StartAsync(default);

        // Ten at a time, and the rest a minute later.
        await log.Tenth.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        while (!log.Good.Task.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            await Task.WhenAny(log.Good.Task, Task.Delay(50, TestContext.Current.CancellationToken));
        }

        Assert.False(worker.ExecuteTask!.IsCompleted);
        await worker.StopAsync(default);
        Assert.Equal("done", (await ImportStore.FindAsync(database.Source, good, default))!.State);
        foreach (var id in broken)
        {
            var record = (await ImportStore.FindAsync(database.Source, id, default))!;
            Assert.Equal(("failed", 1), (record.State, record.Problems));
            Assert.NotNull(record.FinishedAt);
            Assert.Contains("would both be channel M-1", (await ImportStore.DetailsAsync(database.Source, id, default)).Report, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_import_that_is_tried_lets_others_come_first_and_nobody_else_takes_it()
    {
        var (one, other) = (await LeaveAsync("one.csv", "start,kwh", "2026-05-02 00:00,1", "2026-05-02 00:15,1"), await LeaveAsync("other.csv", "start,kwh", "2026-05-02 00:00,1", "2026-05-02 00:15,1.5"));
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await ImportStore.TakeUpAsync(database.Source, one, Now - Duration.FromMinutes(5), Now, default));
        Assert.False(await ImportStore.TakeUpAsync(database.Source, one, Now - Duration.FromMinutes(5), Now, default));
        _time.Advance(TimeSpan.FromMinutes(10));
        var order = await ImportStore.AbandonedAsync(database.Source, Now - Duration.FromMinutes(5), default);
        Assert.True(order.IndexOf(other) < order.IndexOf(one));
        foreach (var id in new[] { one, other })
        {
            Assert.Null(await new ImportRun(database.Source, _time).ResumeAsync(id, default));
        }
    }

    private Instant Now => _time.GetCurrentInstant();

    // As a process leaves it that dies right after it kept the file.
    private async Task<Guid> LeaveAsync(string name, params string[] lines)
    {
        var file = RawFile.At(Write(name, lines));
        var (sha256, bytes) = await ImportStore.HashAsync(file, default);
        var read = new ImportFormat("csv", name);
        var record = new ImportRecord(ImportRun.IdOf(sha256, read), name, "csv", sha256, bytes, "test", Now, "delivering", 0, 0, 0, 0, null);
        Assert.True(await ImportStore.KeepAsync(database.Source, record, System.Text.Json.JsonSerializer.Serialize(read, Cloud.Api.ApiJson.Options), "{}", file, Now, default));
        return record.Id;
    }

    private Task<ImportOutcome> ImportAsync(string file) =>
        new ImportRun(database.Source, _time).RunAsync(RawFile.At(file), new ImportFormat("csv", Path.GetFileName(file)), "test", null, default);

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(database.Postgres.OwnerConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    private sealed class Waiting(Guid good) : ILogger<ImportWorker>
    {
        private int _failed;

        public TaskCompletionSource Tenth { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Good { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 2203 && Interlocked.Increment(ref _failed) == 10)
            {
                Tenth.TrySetResult();
            }

            if (eventId.Id == 2200 && formatter(state, exception).Contains(good.ToString(), StringComparison.Ordinal))
            {
                Good.TrySetResult();
            }
        }
    }
}
