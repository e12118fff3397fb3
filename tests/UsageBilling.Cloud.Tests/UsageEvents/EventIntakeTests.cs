using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Tests.UsageEvents;

/// <summary>Usage by CloudEvents over HTTP, from the request to the bill.</summary>
public sealed class EventIntakeTests : IAsyncLifetime
{
    private static readonly ChannelId Traffic = EventSite.Channel("P0001", Quantity.Data);
    private static readonly ChannelId Calls = EventSite.Channel("P0001", Quantity.Count);

    private EventSite site = null!;

    public async ValueTask InitializeAsync() => site = await EventSite.CreateAsync();

    public ValueTask DisposeAsync() => site.DisposeAsync();

    [Fact]
    public async Task One_event_in_structured_mode_becomes_an_interval()
    {
        var (status, answer) = await site.PostAsync(EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:59:59.9999999Z", gigabytes: 0.000123m), "application/cloudevents+json; charset=utf-8");
        Assert.Equal(200, status);
        Assert.Equal("accepted", answer["results"]![0]!["status"]!.GetValue<string>());
        await site.Upkeep.RunAsync(default);
        Assert.Equal([0, 123, 0], await site.QuantitiesAsync(Traffic, "2026-10-05T07:00:00Z", "2026-10-05T10:00:00Z"));
    }

    [Fact]
    public async Task A_replay_rebuilds_days_of_events_into_the_same_bytes()
    {
        await site.BatchAsync([.. Enumerable.Range(0, 9).Select(i => EventSite.Event(EventSite.Traffic, $"{i}", $"2026-10-0{1 + i}T08:00:00Z", gigabytes: 1.25m))]);
        await site.Upkeep.RunAsync(default);
        const string Bytes = "SELECT string_agg(channel_id || ' ' || day || ' ' || version || ' ' || encode(quantities || qualities || hash, 'hex'), ',' ORDER BY channel_id, day) FROM interval_day";
        var before = await site.Billing.ScalarAsync<string>(Bytes);
        var replay = new Replay(site.Database, site.Billing.Metering.Time);
        var healthy = await replay.RunAsync(null, default);
        Assert.Equal((0, before), (healthy.Different, await site.Billing.ScalarAsync<string>(Bytes)));
        await using (var damage = site.Database.CreateCommand("UPDATE interval_day SET quantities = set_byte(quantities, 3, 77)"))
        {
            Assert.Equal(healthy.Same, await damage.ExecuteNonQueryAsync());
        }

        Assert.Equal(healthy.Same, (await replay.RunAsync(null, default)).Different);
        Assert.Equal(before, await site.Billing.ScalarAsync<string>(Bytes));

        // A day without events is zero by its definition, and comes back too.
        Assert.True(await site.AdminAsync("DELETE FROM interval_day WHERE day = '2026-10-20'") > 0);
        Assert.All((await site.Billing.VerifyAsync()).Differences, d => Assert.Contains("2026-10-20", d.Subject, StringComparison.Ordinal));
        Assert.NotEmpty((await site.Billing.VerifyAsync()).Differences);
        await replay.RunAsync(null, default);
        Assert.Equal(before, await site.Billing.ScalarAsync<string>(Bytes));
        Assert.Empty((await site.Billing.VerifyAsync()).Differences);
    }

    [Fact]
    public async Task A_replay_names_a_day_whose_events_leave_64_bits_and_goes_on()
    {
        await site.BatchAsync([.. Enumerable.Range(0, 9).Select(i => EventSite.Event(EventSite.Traffic, $"{i}", $"2026-10-0{1 + i}T08:00:00Z", gigabytes: 1.25m))]);
        await site.Upkeep.RunAsync(default);
        var before = await site.BytesAsync(versions: true);
        Assert.Equal(1, await site.AdminAsync("UPDATE usage_event SET value = 99999999999999999 WHERE event_id = '3'"));
        await site.AdminAsync("UPDATE interval_day SET quantities = set_byte(quantities, 3, 77) WHERE day > '2026-10-04'");

        var ran = Imports.CloudProgram.Run(Path.GetTempPath(), "replay", "--database", site.ServiceConnectionString);
        Assert.Equal(1, ran.Code);
        Assert.Contains($"NOT COMPUTED  {Traffic} on 2026-10-04", ran.Error, StringComparison.Ordinal);
        Assert.EndsWith("0 are not explained, 1 cannot be computed\n", ran.Output, StringComparison.Ordinal);

        // Verifying names it too, and goes on.
        var difference = Assert.Single((await site.Billing.VerifyAsync()).Differences);
        Assert.Equal($"{Traffic} 2026-10-04", difference.Subject);
        Assert.Contains("cannot have the value", difference.Detail, StringComparison.Ordinal);

        // Its neighbours, also those behind it, are right again; the day stays as it was.
        Assert.Equal(before, await site.BytesAsync(versions: true));
        await site.AdminAsync("UPDATE usage_event SET value = 1.25 WHERE event_id = '3'");
        Assert.Equal(0, Imports.CloudProgram.Run(Path.GetTempPath(), "replay", "--database", site.ServiceConnectionString).Code);
    }

    [Fact]
    public async Task What_is_refused_is_counted_by_what_is_wrong_and_by_source_with_the_latest_example()
    {
        async Task<List<string>> RefusalsAsync() =>
            [.. JsonNode.Parse(await site.Client.GetStringAsync("/api/v1/usage-refusals"))!["items"]!.AsArray().Select(r => $"{r!["kind"]} {r["source"]} {r["eventType"]} {r["times"]}").Order(StringComparer.Ordinal)];
        await site.BatchAsync(
            EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:00:00Z", gigabytes: 1m),
            EventSite.Event(EventSite.Traffic, "2", "2026-10-05T08:00:00Z", gigabytes: -1m),
            EventSite.Event(EventSite.Traffic, "3", "2026-10-05T08:00:00Z", gigabytes: -2m),
            EventSite.Event(EventSite.Traffic, "4", "2036-10-05T08:00:00Z", gigabytes: 1m, source: "/edge/2"),
            EventSite.Event(EventSite.Traffic, "5", "2026-10-05T08:00:00Z", subject: "nobody", gigabytes: 1m),
            EventSite.Event("com.example.typo", "6", "2026-10-05T08:00:00Z"),
            new JsonObject { ["no"] = "event" });
        await site.BatchAsync(EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:00:00Z", gigabytes: 9m));
        string[] expected =
        [
            $"customer /edge/1 {EventSite.Traffic} 1", $"id /edge/1 {EventSite.Traffic} 1", "no-cloud-event   1", $"time /edge/2 {EventSite.Traffic} 1", "unknown-type /edge/1 com.example.typo 1", $"value /edge/1 {EventSite.Traffic} 2",
        ];
        Assert.Equal(expected, await RefusalsAsync());
        var value = JsonNode.Parse(await site.Client.GetStringAsync("/api/v1/usage-refusals"))!["items"]!.AsArray().Single(r => (string)r!["kind"]! == "value")!;
        Assert.StartsWith("-2 is negative", (string)value["lastReason"]!, StringComparison.Ordinal);
        Assert.Equal("3", (string)JsonNode.Parse((string)value["lastEvent"]!)!["id"]!);
    }

    [Fact]
    public async Task A_sender_of_ever_new_names_and_large_events_fills_nothing_with_what_is_refused()
    {
        for (var batch = 0; batch < 2; batch++)
        {
            await site.BatchAsync([.. Enumerable.Range(0, 600).Select(i => EventSite.Event("com.example.typo", "x", "2026-10-05T08:00:00Z", source: $"/bad/{batch}/{i}"))]);
        }

        var large = EventSite.Event(EventSite.Traffic, "large", "2026-10-05T08:00:00Z", subject: new string('é', 20_000), source: "/\u0001");
        await site.BatchAsync(large);
        Assert.Equal((1_002L, 1_201m), (await site.Billing.ScalarAsync<long>("SELECT count(*) FROM usage_refusal"), await site.Billing.ScalarAsync<decimal>("SELECT sum(times) FROM usage_refusal")));
        Assert.Equal(200L, await site.Billing.ScalarAsync<long>("SELECT times FROM usage_refusal WHERE source = '(others)' AND kind = 'unknown-type'"));
        Assert.True(await site.Billing.ScalarAsync<int>("SELECT max(octet_length(last_event)) FROM usage_refusal") <= 8_192);
    }

    [Fact]
    public async Task One_event_in_binary_mode_is_the_same_event()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events") { Content = new StringContent("{\"gigabytes\": \"1.5\"}", Encoding.UTF8, "application/json") };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["ce-specversion"] = "1.0", ["ce-type"] = EventSite.Traffic, ["ce-source"] = "/edge/1", ["ce-id"] = "caf%C3%A9", ["ce-time"] = "2026-10-05T10:00:00+02:00", ["ce-subject"] = "acme", ["ce-region"] = "eu",
        })
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await site.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(1.5m, await site.Billing.ScalarAsync<decimal>("SELECT value FROM usage_event WHERE event_id = 'café' AND attributes->>'region' = 'eu'"));
        var again = EventSite.Event(EventSite.Traffic, "café", "2026-10-05T08:00:00Z", gigabytes: 1.5m);
        Assert.Equal("duplicate", (await site.PostAsync(again, "application/cloudevents+json")).Answer["results"]![0]!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Of_a_batch_what_can_be_taken_is_taken_and_the_answer_says_which_and_why_not()
    {
        var noTime = EventSite.Event(EventSite.Traffic, "3", "2026-10-05T08:00:00Z", gigabytes: 1);
        noTime.Remove("time");
        var twice = JsonNode.Parse("""{"specversion":"1.0","type":"t","source":"s","id":"a","time":"2026-10-05T08:00:00Z"}""")!;
        var (status, answer) = await site.BatchAsync(
            EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:00:00Z", gigabytes: 1),
            EventSite.Event(EventSite.Traffic, "2", "2026-10-05T08:00:00Z", gigabytes: 0.0000001m),
            noTime,
            new JsonObject { ["specversion"] = "1.0", ["type"] = EventSite.Calls },
            EventSite.Event(EventSite.Traffic, "5", "2026-10-05T08:00:00Z", subject: "nobody", gigabytes: 1),
            twice,
            EventSite.Event(EventSite.Traffic, "7", "2026-10-05T08:00:00Z", gigabytes: 2_000_000m),
            EventSite.Event(EventSite.Traffic, "8", "2026-09-29T08:00:00Z", gigabytes: 1),
            EventSite.Event(EventSite.Traffic, "9", "2099-09-29T08:00:00Z", gigabytes: 1),
            JsonValue.Create(5),
            EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:00:00Z", gigabytes: 1),
            EventSite.Event(EventSite.Traffic, "1", "2026-10-05T08:00:00Z", gigabytes: 7),
            EventSite.Event(EventSite.Calls, "1", "2026-10-05T08:00:00Z"));
        Assert.Equal(200, status);
        Assert.Equal((2, 1, 10), ((int)answer["accepted"]!, (int)answer["duplicates"]!, (int)answer["refused"]!));
        var results = answer["results"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, 13), results.Select(r => (int)r!["index"]!));
        string[] words =
        [
            "", "finer than", "is missing: usage needs the instant", "no CloudEvent", "'nobody' is neither a service point nor a subject", "no usage definition takes events of type t", "most that one event may carry",
            "is before 2026-09-30", "is in the future", "no CloudEvent", "", "used this id for 1 at", "",
        ];
        foreach (var (result, word) in results.Zip(words))
        {
            Assert.Equal(word.Length > 0, result!["status"]!.GetValue<string>() == "refused");
            Assert.Contains(word, result["reason"]?.GetValue<string>() ?? "", StringComparison.Ordinal);
        }

        Assert.Equal("data.gigabytes", results[1]!["path"]!.GetValue<string>());
        await site.Upkeep.RunAsync(default);
        Assert.Equal([1_000_000], await site.QuantitiesAsync(Traffic, "2026-10-05T08:00:00Z", "2026-10-05T09:00:00Z"));
    }

    [Fact]
    public async Task An_event_that_comes_twice_at_the_same_moment_counts_once()
    {
        var batch = Enumerable.Range(0, 40).Select(i => (JsonNode)EventSite.Event(EventSite.Calls, $"{i % 20}", "2026-10-05T08:00:00Z")).ToArray();
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => site.BatchAsync(batch)));
        Assert.All(answers, a => Assert.Equal(200, a.Status));
        Assert.Equal(20, answers.Sum(a => (int)a.Answer["accepted"]!));
        Assert.Equal((6 * 40) - 20, answers.Sum(a => (int)a.Answer["duplicates"]!));
        await site.Upkeep.RunAsync(default);
        Assert.Equal([20], await site.QuantitiesAsync(Calls, "2026-10-05T08:00:00Z", "2026-10-05T09:00:00Z"));
    }

    [Fact]
    public async Task A_late_event_is_counted_and_changes_the_days_that_it_touches_only()
    {
        await site.BatchAsync(EventSite.Event(EventSite.Calls, "1", "2026-10-05T08:00:00Z"), EventSite.Event(EventSite.Calls, "2", "2026-10-06T08:00:00Z"));
        await site.Upkeep.RunAsync(default);
        var before = (await site.BytesAsync(versions: true)).Split('\n');
        var (_, answer) = await site.BatchAsync(EventSite.Event(EventSite.Calls, "3", "2026-10-05T09:30:00Z"));
        Assert.True((bool)answer["results"]![0]!["late"]!);
        Assert.Equal(1, (int)answer["late"]!);
        Assert.Equal(1, await site.Upkeep.RunAsync(default));
        var changed = (await site.BytesAsync(versions: true)).Split('\n').Except(before).ToList();
        Assert.Contains($"{Calls} 2026-10-05 2 ", Assert.Single(changed), StringComparison.Ordinal);
        Assert.Equal([1, 1], await site.QuantitiesAsync(Calls, "2026-10-05T08:00:00Z", "2026-10-05T10:00:00Z"));
        Assert.Equal(1L, await site.Billing.ScalarAsync<long>($"SELECT late_events FROM usage_channel WHERE channel_id = '{Calls}'"));
    }

    [Fact]
    public async Task Events_in_another_order_and_in_other_batches_and_sent_again_give_the_same_intervals()
    {
        var random = new Random(4711);
        var events = Enumerable.Range(0, 400).Select(i => (JsonNode)EventSite.Event(
            EventSite.Traffic, $"{i}", EventSite.At("2026-10-04T00:00:00Z").Plus(Duration.FromSeconds(random.Next(4 * 86_400))).ToString("uuuu-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            subject: i % 3 == 0 ? "bolt" : "acme", gigabytes: random.Next(1, 5_000_000) / 1_000_000m)).ToArray();
        foreach (var batch in events.Chunk(150))
        {
            Assert.Equal(200, (await site.BatchAsync(batch)).Status);
            await site.Upkeep.RunAsync(default);
        }

        var first = await site.BytesAsync(versions: true);
        random.Shuffle(events);
        foreach (var batch in events.Chunk(90))
        {
            await site.BatchAsync(batch);
        }

        await site.Upkeep.RunAsync(default);
        Assert.Equal(first, await site.BytesAsync(versions: true)); // replay changes nothing, not even a version

        await using var other = await EventSite.CreateAsync();
        foreach (var batch in events.Chunk(31))
        {
            await other.BatchAsync(batch);
        }

        await other.Upkeep.RunAsync(default);
        Assert.Equal(await site.BytesAsync(), await other.BytesAsync());
        var sum = (await site.QuantitiesAsync(Traffic, "2026-10-04T00:00:00Z", "2026-10-08T00:00:00Z")).Sum() + (await site.QuantitiesAsync(EventSite.Channel("P0002", Quantity.Data), "2026-10-04T00:00:00Z", "2026-10-08T00:00:00Z")).Sum();
        Assert.Equal(events.Sum(e => e["data"]!["gigabytes"]!.GetValue<decimal>()) * 1_000_000m, sum);
    }

    [Fact]
    public async Task A_channel_day_of_twenty_thousand_events_is_taken_and_computed_and_the_speed_is_said()
    {
        var batches = Enumerable.Range(0, 20).Select(b => Enumerable.Range(0, 1000)
            .Select(i => (JsonNode)EventSite.Event(EventSite.Traffic, $"{b}-{i}", $"2026-10-05T{i % 24:D2}:{i % 60:D2}:00Z", gigabytes: 0.000001m)).ToArray()).ToList();
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        foreach (var batch in batches)
        {
            Assert.Equal(1000, (int)(await site.BatchAsync(batch)).Answer["accepted"]!);
        }

        var taken = System.Diagnostics.Stopwatch.GetElapsedTime(started);
        started = System.Diagnostics.Stopwatch.GetTimestamp();
        await site.Upkeep.RunAsync(default);
        var computed = System.Diagnostics.Stopwatch.GetElapsedTime(started);
        Assert.Equal(20_000, (await site.QuantitiesAsync(Traffic, "2026-10-05T00:00:00Z", "2026-10-06T00:00:00Z")).Sum());
        await site.BatchAsync(EventSite.Event(EventSite.Traffic, "late", "2026-10-05T23:00:00Z", gigabytes: 0.000001m));
        started = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.Equal(1, await site.Upkeep.RunAsync(default));
        var again = System.Diagnostics.Stopwatch.GetElapsedTime(started);
        TestContext.Current.TestOutputHelper!.WriteLine($"taken: {20_000 / taken.TotalSeconds:0} events/s by one sender; all due days of four channels: {computed.TotalMilliseconds:0} ms; the day of 20,001 events again: {again.TotalMilliseconds:0} ms");
    }

    [Fact]
    public async Task Computing_days_again_from_the_events_changes_nothing()
    {
        await site.BatchAsync(EventSite.Event(EventSite.Calls, "1", "2026-10-05T08:00:00Z"));
        await site.Upkeep.RunAsync(default);
        var before = await site.BytesAsync(versions: true);
        await using var connection = await site.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await MeasuredLayer.RecomputeAsync(connection, [(Calls, new(2026, 10, 5)), (Calls, new(2026, 10, 6))], site.Billing.Metering.Time.GetCurrentInstant(), default);
        await transaction.CommitAsync();
        Assert.Equal(before, await site.BytesAsync(versions: true));
    }

    [Fact]
    public async Task Verification_finds_an_event_that_the_intervals_do_not_know()
    {
        await site.BatchAsync(EventSite.Event(EventSite.Calls, "1", "2026-10-05T08:00:00Z"));
        Assert.Contains((await site.Billing.VerifyAsync()).Pending, p => p.Kind == "event-day" && p.Detail == "its events are not computed yet");
        await site.Upkeep.RunAsync(default);
        Assert.Empty((await site.Billing.VerifyAsync()).Differences);
        await using var command = site.Database.CreateCommand(
            $"INSERT INTO usage_event SELECT channel_id, source, 'slipped in', event_at, received_at, value, attributes FROM usage_event WHERE channel_id = '{Calls}'");
        await command.ExecuteNonQueryAsync();
        var found = Assert.Single((await site.Billing.VerifyAsync()).Differences);
        Assert.Equal(("event-day", $"{Calls} 2026-10-05", "the intervals are not those that its events make"), (found.Kind, found.Subject, found.Detail));
    }

    [Fact]
    public async Task Calls_and_traffic_are_billed_as_any_other_channel()
    {
        // 12,001 calls: 10,000 are free, 2,001 make three packages. Twenty events of 5 GB are 100 GB.
        for (var i = 0; i < 12_001; i += 1000)
        {
            var batch = Enumerable.Range(i, Math.Min(1000, 12_001 - i)).Select(n => (JsonNode)EventSite.Event(EventSite.Calls, $"{n}", $"2026-10-{(n % 28) + 1:D2}T{n % 24:D2}:00:00Z")).ToArray();
            Assert.Equal(200, (await site.BatchAsync(batch)).Status);
        }

        await site.BatchAsync([.. Enumerable.Range(1, 20).Select(n => (JsonNode)EventSite.Event(EventSite.Traffic, $"{n}", $"2026-10-{n:D2}T10:00:00Z", gigabytes: 5))]);
        await site.Upkeep.RunAsync(default);
        var run = await site.Billing.BillAsync(issue: false);
        Assert.Equal((2, 0), (run.Billed, run.Failed));
        var content = await site.Billing.ScalarAsync<string>("SELECT content FROM bill WHERE account_id = 'A0001'");
        var bill = BillSnapshot.Parse(Encoding.UTF8.GetBytes(content));
        Assert.Equal(1.2m, bill.Charges.Lines.Where(l => l.Description.Contains("Calls", StringComparison.Ordinal)).Sum(l => l.Amount));
        Assert.Equal(9m, bill.Charges.Lines.Where(l => l.Description.Contains("Traffic", StringComparison.Ordinal)).Sum(l => l.Amount));
        Assert.Equal([12_001m, 100_000_000_000m], bill.Usage.Select(u => u.Quantity));
        Assert.All(bill.Usage.SelectMany(u => u.Days), d => Assert.Equal(0, d.Missing)); // October in Berlin began on 30 September in UTC
        var verified = await site.Billing.VerifyAsync();
        Assert.Empty(verified.Differences);
        Assert.Empty(verified.Pending);
        Assert.InRange(verified.Checked["event days"], 4 * 80, 4 * 82); // four channels, 30 September to 19 December
    }

    [Fact]
    public async Task A_channel_with_a_register_takes_no_events_and_one_of_events_takes_no_register()
    {
        var administration = site.Billing.Metering.Administration;
        var key = new ChannelKey("P0001", new Measurand(Quantity.Data, Direction.Import));
        var refusal = await Assert.ThrowsAsync<MeteringConfigurationException>(() => administration.RegisterAsync(new ChannelRegistration(key, 3, "Europe/Berlin"), default));
        Assert.Contains("one channel has one feed", refusal.Message, StringComparison.Ordinal);
        await administration.RegisterAsync(new ChannelRegistration(new ChannelKey("P0001", new Measurand(Quantity.Duration, Direction.Import)), 0, "Europe/Berlin"), default);
        using var registered = await site.Client.PostAsync("/api/v1/usage-definitions", new StringContent("""
            {"eventType": "call.ended", "measure": "duration", "aggregation": "sum", "value": "data.s", "from": "2026-10-01"}
            """, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, registered.StatusCode);
        var e = EventSite.Event("call.ended", "1", "2026-10-05T08:00:00Z", subject: "P0001");
        e["data"]!["s"] = 12;
        var (status, answer) = await site.PostAsync(e, "application/cloudevents+json");
        Assert.Equal(422, status);
        Assert.Contains("is fed by registers, not by usage events", answer["results"]![0]!["reason"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Provisioning_the_same_definitions_again_changes_nothing_and_a_new_subject_is_added()
    {
        var document = site.Document();
        var again = await site.Billing.Provision.RunAsync(document.ToJsonString(), null, "test", false, default);
        Assert.Equal((0, 0, 2), again.Counts.Where(c => c.Kind == "usageDefinitions").Select(c => (c.Added, c.Changed, c.Unchanged)).Single());
        document["usageDefinitions"]![0]!["subjects"]!["acme-old"] = "P0001";
        var more = await site.Billing.Provision.RunAsync(document.ToJsonString(), null, "test", false, default);
        Assert.Equal((0, 1, 1), more.Counts.Where(c => c.Kind == "usageDefinitions").Select(c => (c.Added, c.Changed, c.Unchanged)).Single());
        document["usageDefinitions"]![1]!["value"] = "data.";
        var wrong = await site.Billing.Provision.RunAsync(document.ToJsonString(), null, "test", false, default);
        Assert.Equal("$.usageDefinitions[1].value", Assert.Single(wrong.Problems).Path);
    }

    [Fact]
    public async Task Too_much_at_once_is_refused_whole_and_the_answer_says_how_much_is_allowed()
    {
        var many = Enumerable.Range(0, 1001).Select(i => (JsonNode)EventSite.Event(EventSite.Calls, $"{i}", "2026-10-05T08:00:00Z")).ToArray();
        var (status, answer) = await site.BatchAsync(many);
        Assert.Equal(413, status);
        Assert.Contains("at most 1000 events, not 1001", answer["detail"]!.GetValue<string>(), StringComparison.Ordinal);
        using var large = new ByteArrayContent(new byte[(4 * 1024 * 1024) + 1]);
        large.Headers.ContentType = new MediaTypeHeaderValue("application/cloudevents+json");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await site.Client.PostAsync("/api/v1/events", large)).StatusCode);
        Assert.Equal(0L, await site.Billing.ScalarAsync<long>("SELECT count(*) FROM usage_event"));
        using var plain = new StringContent("{}", Encoding.UTF8, "application/json");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await site.Client.PostAsync("/api/v1/events", plain)).StatusCode);
        using var broken = new StringContent("[{", Encoding.UTF8, "application/cloudevents-batch+json");
        Assert.Equal(HttpStatusCode.BadRequest, (await site.Client.PostAsync("/api/v1/events", broken)).StatusCode);
    }

    [Fact]
    public async Task More_requests_than_can_wait_are_told_to_come_back()
    {
        // The events of one channel wait for its lock, which the test holds; four requests are at work and 64 wait.
        await using var connection = await site.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await MeasuredLayer.LockAsync(connection, [Calls], ChannelFeed.Events, default);
        var requests = Enumerable.Range(0, 80).Select(i => site.BatchAsync(EventSite.Event(EventSite.Calls, $"{i}", "2026-10-05T08:00:00Z"))).ToList();
        var refused = new List<Task<(int Status, JsonObject Answer)>>();
        while (refused.Count < 12)
        {
            var first = await Task.WhenAny(requests.Except(refused));
            Assert.Equal(429, (await first).Status);
            refused.Add(first);
        }

        await transaction.RollbackAsync();
        var answers = await Task.WhenAll(requests);
        Assert.Equal((68, 12), (answers.Count(a => a.Status == 200), answers.Count(a => a.Status == 429)));
        Assert.Equal(68L, await site.Billing.ScalarAsync<long>("SELECT count(*) FROM usage_event"));
    }
}
