using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Imports;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.Imports;

/// <summary><c>usage-cloud import</c> killed with signal nine in each of its phases: afterwards everything is as if nobody had.</summary>
public sealed class ImportKillTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    // Pieces are of 100,000 intervals: some 350 days of five minutes.
    private const int Days = 800;

    private readonly string _folder = Directory.CreateTempSubdirectory("killed").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("KEEPING", true)]
    [InlineData("BETWEEN", true)]
    [InlineData("WITHIN", true)]
    [InlineData("RESUMED", false)]
    public async Task A_killed_import_leaves_nothing_half_and_is_finished_by_the_same_command_or_by_the_worker(string nmi, bool byCommand)
    {
        var file = Nem12(nmi);
        if (nmi == "KEEPING")
        {
            await using var hold = await HoldAsync("LOCK TABLE import_chunk IN ACCESS EXCLUSIVE MODE");
            await KillAsync(file, pieces: 0, untilLocked: true);
            await hold.RollbackAsync();
            Assert.Equal(0, await ScalarAsync("SELECT count(*) FROM import_file WHERE file_name = $1", Path.GetFileName(file)));
        }
        else if (nmi == "BETWEEN")
        {
            await KillAsync(file, pieces: 1, untilLocked: false);
        }
        else
        {
            // The second piece waits for its channel and dies waiting.
            await KillAsync(file, pieces: 1, untilLocked: true, "SELECT FROM channel WHERE point = $1 FOR NO KEY UPDATE", nmi);
        }

        if (nmi != "KEEPING")
        {
            var delivered = await ScalarAsync("SELECT count(DISTINCT day) FROM delivered_day WHERE channel_id = $1", Key(nmi).Id.Value);
            Assert.InRange(delivered, 300, Days);
            Assert.Equal(delivered, await ScalarAsync("SELECT count(*) FROM interval_day WHERE channel_id = $1", Key(nmi).Id.Value));
            Assert.Equal(1, await ScalarAsync("SELECT count(*) FROM import_file WHERE file_name = $1 AND state = 'delivering'", Path.GetFileName(file)));
        }

        if (byCommand)
        {
            var again = CloudProgram.Run(_folder, "import", file, "--format", "nem12", "--database", database.Postgres.ServiceConnectionString);
            Assert.Equal((0, false), (again.Code, again.Output.Contains("nothing new", StringComparison.Ordinal)));
        }
        else
        {
            File.Delete(file);
            var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddMinutes(10));
            var left = Assert.Single(await ImportStore.AbandonedAsync(database.Source, Instant.FromDateTimeOffset(time.GetUtcNow()) - Duration.FromMinutes(5), default));
            await new ImportRun(database.Source, time).ResumeAsync(left, default);
        }

        await AssertAsUninterruptedAsync(nmi, Path.GetFileName(file));
    }

    // A file that differs in its NMI alone, imported without being killed, is what it must look like.
    private async Task AssertAsUninterruptedAsync(string nmi, string file)
    {
        var control = Nem12("CONTROL");
        CloudProgram.Run(_folder, "import", control, "--format", "nem12", "--database", database.Postgres.ServiceConnectionString);
        Assert.Equal(await StateAsync("CONTROL"), await StateAsync(nmi));
        Assert.Equal(await RecordAsync(Path.GetFileName(control)), await RecordAsync(file));
        Assert.Equal(0, await ScalarAsync("SELECT count(*) FROM import_file WHERE state <> 'done'"));
    }

    private async Task KillAsync(string file, int pieces, bool untilLocked, string? hold = null, string? point = null)
    {
        using var child = CloudProgram.Start(_folder, "import", file, "--format", "nem12", "--database", database.Postgres.ServiceConnectionString);
        var output = child.StandardOutput.ReadToEndAsync();
        for (var piece = 0; piece < pieces; piece++)
        {
            var said = await child.StandardError.ReadLineAsync();
            Assert.Contains("days delivered", said ?? "it ended", StringComparison.Ordinal);
        }

        await using var held = hold is null ? null : await HoldAsync(hold, point!);
        if (untilLocked)
        {
            await UntilLockedAsync(child);
        }

        Assert.False(child.HasExited, "the import ended before it could be killed");
        child.Kill();
        await child.WaitForExitAsync();
        Assert.Equal(128 + 9, child.ExitCode);
        await output;
    }

    private async Task<NpgsqlTransaction> HoldAsync(string sql, params object[] values)
    {
        var connection = new NpgsqlConnection(database.Postgres.AdminConnectionString);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await command.ExecuteNonQueryAsync();
        return transaction;
    }

    private async Task UntilLockedAsync(Process child)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        do
        {
            Assert.False(child.HasExited, "the import ended before it could be killed");
            await pulse.WaitForNextTickAsync(limit.Token);
        }
        while (await ScalarAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0);
    }

    /// <summary>Everything that is stored of a channel's evidence and days, but for names and times of the import.</summary>
    private async Task<string> StateAsync(string nmi)
    {
        await using var connection = new NpgsqlConnection(database.Postgres.AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT (SELECT md5(string_agg(concat_ws(' ', day, stated_at, encode(hash, 'hex'), kind, meter), ',' ORDER BY day, stated_at, hash)) FROM delivered_day WHERE channel_id = $1)
              || (SELECT md5(string_agg(concat_ws(' ', day, version, encode(hash, 'hex'), encode(quantities, 'hex'), encode(qualities, 'hex')), ',' ORDER BY day)) FROM interval_day WHERE channel_id = $1)
              || (SELECT count(*) FROM delivered_day WHERE channel_id = $1) || '/' || (SELECT count(*) FROM interval_day WHERE channel_id = $1)
              || '/' || (SELECT sum(version) FROM interval_day WHERE channel_id = $1) || '/' || (SELECT count(DISTINCT import_id) FROM import_method WHERE channel_id = $1)
              || '/' || (SELECT count(*) FROM import_method WHERE channel_id = $1)
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter { Value = Key(nmi).Id.Value });
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task<(string State, long Delivered, long Added, long Parked)> RecordAsync(string file)
    {
        var record = (await ImportStore.ListAsync(database.Source, null, 100, default)).Single(r => r.FileName == file);
        return (record.State, record.DaysDelivered, record.DaysAdded, record.DaysParked);
    }

    private async Task<long> ScalarAsync(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(database.Postgres.AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static ChannelKey Key(string nmi) => new(nmi, new Measurand(Quantity.ActiveEnergy, Direction.Import));

    // Every second day a part is substituted, so that methods are delivered too.
    private string Nem12(string nmi)
    {
        var path = Path.Combine(_folder, $"{nmi}.csv");
        using var text = new StreamWriter(path);
        text.WriteLine("100,NEM12,202607020000,MDP,RET");
        text.WriteLine($"200,{nmi},E1,1,E1,N1,METER,kWh,5,");
        for (var day = 0; day < Days; day++)
        {
            var date = new LocalDate(2024, 1, 1).PlusDays(day).ToString("uuuuMMdd", CultureInfo.InvariantCulture);
            text.WriteLine($"300,{date},{string.Join(',', Enumerable.Range(0, 288).Select(i => $"0.{(i * 7) + day:0000}"))},{(day % 2 == 0 ? "A" : "V")},,,20260701000000,");
            if (day % 2 == 1)
            {
                text.WriteLine("400,1,200,A,,");
                text.WriteLine("400,201,288,S14,1,no answer");
            }
        }

        text.WriteLine("900");
        return path;
    }
}
