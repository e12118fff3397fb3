using LiteDB;
using NodaTime;
using UsageBilling.Edge.Buffer;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Buffer;

/// <summary>A full buffer, damaged files, other hardware, and a clock that is wrong at first.</summary>
public sealed class LimitsAndDamageTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_full_buffer_drops_acknowledged_batches_first_then_thins_to_hours_then_to_days_and_says_so()
    {
        using var fixture = new BufferFixture(new BufferOptions { Gateway = "gw-1", Fingerprint = "host-a", MaxBytes = 3 << 20 });
        await fixture.StoreCycles(200, readings: 32);
        var sealedBatches = await fixture.SealAll();
        await fixture.Buffer.Acknowledge(sealedBatches[^1].Stream, sealedBatches[^1].Sequence, sealedBatches[^1].ChainHash);
        var stored = await fixture.StoreCycles(2_500, readings: 32);
        Assert.True(fixture.Buffer.IsFull);
        Assert.Empty(await fixture.Buffer.Read(1, 1));
        output.WriteLine($"{fixture.Buffer.Position.ContentBytes} bytes of content in files of {fixture.Buffer.FileBytes}");
        Assert.True(fixture.Buffer.FileBytes < (3 << 20) + (9 << 20), "the limit and a log before its checkpoint");

        var bodies = (await fixture.SealAll()).Select(BufferFixture.Decode).ToList();
        var kinds = bodies.SelectMany(b => b.Events).Select(e => e.Kind).ToHashSet();
        Assert.Superset(new HashSet<string> { "thinned", "kept-batches-dropped" }, kinds);
        var kept = bodies.SelectMany(b => b.Readings).ToHashSet();
        Assert.Subset(stored.ToHashSet(), kept);

        // Of every register the first reading of each UTC day is there, and the newest are all there.
        var firstOfDay = stored.GroupBy(r => (r.Register, r.At.InUtc().Date)).Select(g => g.MinBy(r => r.At));
        Assert.Empty(firstOfDay.Except(kept));
        Assert.Empty(stored.TakeLast(32 * 4).Except(kept));
    }

    [Fact]
    public async Task A_buffer_that_cannot_be_thinned_any_more_refuses_loudly_and_keeps_what_it_has()
    {
        using var fixture = new BufferFixture(new BufferOptions { Gateway = "gw-1", Fingerprint = "host-a", MaxBytes = 1 << 20 });
        var stored = new List<Reading>();
        var error = await Assert.ThrowsAsync<BufferFullException>(async () =>
        {
            while (true)
            {
                fixture.Time.Advance(TimeSpan.FromDays(1));
                var cycle = fixture.Cycle(100);
                await fixture.Buffer.Store(cycle);
                stored.AddRange(cycle.Readings);
            }
        });
        Assert.Contains("raise its limit", error.Message, StringComparison.Ordinal);
        Assert.Equal(stored.ToHashSet(), (await fixture.SealAll()).SelectMany(b => BufferFixture.Decode(b).Readings).ToHashSet());
    }

    [Fact]
    public async Task A_corrupt_database_is_set_aside_reported_and_replaced_by_a_new_stream()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(50);
        var old = fixture.Buffer.Position.Stream;
        fixture.Close();
        var file = Path.Combine(fixture.Folder, "readings.db");
        var bytes = await File.ReadAllBytesAsync(file);
        new Random(1).NextBytes(bytes.AsSpan(0, 3 * 8192));
        await File.WriteAllBytesAsync(file, bytes);

        Assert.NotEqual(old, fixture.Buffer.Position.Stream);
        Assert.Equal(bytes.Length, new FileInfo(Assert.Single(Directory.GetFiles(Path.Combine(fixture.Folder, "set-aside"), "readings.db", SearchOption.AllDirectories))).Length);
        await fixture.StoreCycles(1);
        Assert.Contains("buffer-set-aside", BufferFixture.Decode((await fixture.SealAll())[0]).Events.Select(e => e.Kind));
    }

    [Fact]
    public async Task A_database_that_vanished_is_reported_and_left_overs_of_a_rebuild_are_refused()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1);
        fixture.Close();
        var file = Path.Combine(fixture.Folder, "readings.db");
        File.Move(file, Path.Combine(fixture.Folder, "readings-backup.db"));
        Assert.Contains("rebuild", Assert.ThrowsAny<BufferException>(() => fixture.Buffer).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(file));

        File.Delete(Path.Combine(fixture.Folder, "readings-backup.db"));
        await fixture.StoreCycles(1);
        Assert.Contains("buffer-missing", BufferFixture.Decode((await fixture.SealAll())[0]).Events.Select(e => e.Kind));
    }

    [Fact]
    public async Task A_damaged_cycle_costs_itself_only_and_is_kept_apart()
    {
        using var fixture = new BufferFixture();
        var stored = await fixture.StoreCycles(3);
        fixture.Close();
        using (var database = new LiteDatabase(Path.Combine(fixture.Folder, "readings.db")))
        {
            var cycles = database.GetCollection("cycles");
            var document = cycles.FindById(2L);
            document["data"].AsBinary[20] ^= 1;
            cycles.Update(document);
        }

        var bodies = (await fixture.SealAll()).Select(BufferFixture.Decode).ToList();
        Assert.Equal(stored.Take(8).Concat(stored.Skip(16)).ToHashSet(), bodies.SelectMany(b => b.Readings).ToHashSet());
        Assert.Contains("cycle-damaged", bodies.SelectMany(b => b.Events).Select(e => e.Kind));
        Assert.Equal(1, (await fixture.Buffer.Inspect()).DamagedCycles);
    }

    [Fact]
    public async Task A_copied_memory_card_in_other_hardware_opens_a_stream_that_names_its_predecessor()
    {
        using var fixture = new BufferFixture();
        var stored = await fixture.StoreCycles(2);
        var first = await fixture.Buffer.SealNext(fixture.Terms);
        await fixture.Buffer.Acknowledge(first!.Stream, 1, first.ChainHash);
        var later = await fixture.StoreCycles(2);
        await fixture.Buffer.SealNext(fixture.Terms);
        fixture.Options = fixture.Options with { Fingerprint = "host-b" };
        var moved = fixture.Reopen();
        Assert.Equal(first.Stream, moved.Position.Predecessor);
        var body = BufferFixture.Decode((await fixture.SealAll())[0]);
        Assert.Equal((first.Stream, 1UL), (body.Predecessor!.Value, body.Sequence));
        Assert.Equal(later.ToHashSet(), body.Readings.ToHashSet());
        Assert.DoesNotContain(stored[0], body.Readings);
    }

    [Fact]
    public async Task Readings_taken_before_the_clock_was_trusted_wait_and_are_put_right()
    {
        using var fixture = new BufferFixture(new BufferOptions { Gateway = "gw-1", Fingerprint = "host-a", ClockPatience = TimeSpan.FromHours(2) }, trusted: false);
        var wrong = await fixture.StoreCycles(2);
        Assert.Null(await fixture.Buffer.SealNext(fixture.Terms));

        // The clock was an hour slow; a time daemon sets it.
        fixture.SetClockBy(TimeSpan.FromHours(1));
        fixture.Trusted = true;
        await fixture.Buffer.Store(fixture.Cycle(0));
        var body = BufferFixture.Decode((await fixture.SealAll())[0]);
        Assert.Equal(
            wrong.Select(r => r with { At = r.At + Duration.FromHours(1), Quality = ReadingQuality.ClockUncertain }).ToHashSet(), body.Readings.ToHashSet());
    }

    [Fact]
    public async Task A_clock_that_never_becomes_trusted_blocks_nothing_for_ever()
    {
        using var fixture = new BufferFixture(trusted: false);
        var stored = await fixture.StoreCycles(1);
        Assert.Null(await fixture.Buffer.SealNext(fixture.Terms));
        fixture.Time.Advance(fixture.Options.ClockPatience);
        Assert.Equal(
            stored.Select(r => r with { Quality = ReadingQuality.ClockUncertain }), BufferFixture.Decode((await fixture.Buffer.SealNext(fixture.Terms))!).Readings.OrderBy(r => r.Value));
    }

    [Fact]
    public async Task A_step_of_the_clock_is_an_event()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(1);
        fixture.SetClockBy(TimeSpan.FromMinutes(-5));
        await fixture.StoreCycles(1);
        var step = Assert.Single(BufferFixture.Decode((await fixture.SealAll())[0]).Events, e => e.Kind == "clock-stepped");
        Assert.Contains("-300.0", step.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_buffer_verb_counts_and_changes_nothing()
    {
        using var fixture = new BufferFixture();
        await fixture.StoreCycles(3);
        await fixture.Buffer.SealNext(fixture.Terms);
        await fixture.StoreCycles(2);
        var stream = fixture.Buffer.Position.Stream;
        using var text = new StringWriter();
        Assert.Equal(1, await BufferCommand.Run("gw-1", fixture.Folder, true, text, text, default));
        Assert.Contains("in use", text.ToString(), StringComparison.Ordinal);
        fixture.Close();

        using var json = new StringWriter();
        Assert.Equal(0, await BufferCommand.Run("gw-1", fixture.Folder, true, json, TextWriter.Null, default));
        var root = System.Text.Json.JsonDocument.Parse(json.ToString()).RootElement;
        Assert.Equal(
            (stream, 1, 1, 16, 2),
            (root.GetProperty("stream").GetGuid(), root.GetProperty("sealedThrough").GetInt32(), root.GetProperty("keptBatches").GetInt32(),
                root.GetProperty("unsealedReadings").GetInt32(), root.GetProperty("unsealedCycles").GetInt32()));
        Assert.Equal(stream, fixture.Buffer.Position.Stream);
    }
}
