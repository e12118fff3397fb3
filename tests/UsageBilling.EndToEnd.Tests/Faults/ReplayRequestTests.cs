using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Formatter;
using NodaTime;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>Somebody works through the exceptions list and asks for a day's batches again: over a real broker, of a real gateway.</summary>
[Collection(nameof(OneAtATime))]
public sealed class ReplayRequestTests(ITestOutputHelper output)
{
    private static readonly Instant End = FaultSite.From + Duration.FromHours(36);

    private readonly CancellationToken token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_finding_asks_through_Mosquitto_and_the_gateway_sends_its_batches_again_byte_for_byte_now_or_when_it_is_back()
    {
        await using var faults = await StartAsync(road => Mosquitto.Start(road));
        var (committed, heard) = (await faults.CommittedAsync(token), new ConcurrentQueue<byte[]>());
        using var ear = await ListenAsync(faults.Broker!, heard);
        await StartGatewayAsync(faults);
        await faults.Road.UntilAsync("the gateway is online", async () => (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("online").GetBoolean(), token);

        var answered = await AnsweredAsync(faults, await AskAsync(faults));
        var sent = answered.GetProperty("batches").GetInt32();
        output.WriteLine(answered.GetRawText());
        Assert.Equal(answered.GetProperty("through").GetInt64() - answered.GetProperty("from").GetInt64() + 1, sent);
        await JudgeAsync(faults, heard, sent, committed);

        // Away: it hears of it when it is back, at once and not at the next minute.
        await faults.Road.StopAsync("gateway");
        await faults.Road.UntilAsync("the gateway is offline", async () => !(await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("online").GetBoolean(), token);
        heard.Clear();
        var away = await AskAsync(faults);
        await faults.Road.UntilAsync("the request went out into the void", async () => (await ReplayAsync(faults, away)).GetProperty("sentAt").ValueKind == JsonValueKind.String, token);
        Assert.Equal(JsonValueKind.Null, (await ReplayAsync(faults, away)).GetProperty("answeredAt").ValueKind);
        await StartGatewayAsync(faults);
        var later = await AnsweredAsync(faults, away, TimeSpan.FromSeconds(30));
        Assert.Equal(sent, later.GetProperty("batches").GetInt32());
        await JudgeAsync(faults, heard, sent, committed);
    }

    [Fact]
    public async Task A_gateway_that_keeps_the_batches_no_more_says_so_and_the_answer_is_shown()
    {
        await using var faults = await StartAsync(null);
        var committed = await faults.CommittedAsync(token);
        await ForgetAsync(faults);
        await StartGatewayAsync(faults);
        var answer = await AnsweredAsync(faults, await AskAsync(faults));
        output.WriteLine(answer.GetRawText());
        Assert.Equal((0, "none of these batches is kept any more"), (answer.GetProperty("batches").GetInt32(), answer.GetProperty("answer").GetString()));

        // The stream goes on: what was sealed in the two weeks arrived, and nothing was doubled.
        await faults.Road.UntilAsync("the batches of the weeks between are committed", async () => await faults.CommittedAsync(token) >= committed + 2, token);
        await faults.UntilProjectedAsync(token);
        Assert.Empty(await OracleCheck.JournalAsync(faults, token));
        await faults.Road.CloudAsync(["verify"], token);
    }

    /// <summary>A day and a half of the fault site, all of it committed and validated.</summary>
    private async Task<FaultRoad> StartAsync(Func<Road, Mosquitto>? broker)
    {
        var faults = await FaultRoad.StartAsync(token, broker);
        try
        {
            await faults.RunGatewayAsync(End, token);
            await faults.UntilProjectedAsync(token);
            return faults;
        }
        catch
        {
            await faults.DisposeAsync();
            throw;
        }
    }

    /// <summary>A gateway that goes on for as long as it is let, and reads nothing more: its meters' bus is dead.</summary>
    private async Task StartGatewayAsync(FaultRoad faults)
    {
        var yaml = FaultSite.GatewayYaml(Road.FreePort(), faults.Road.GatewayState);
        await File.WriteAllTextAsync(faults.Road.GatewayFile, yaml[..yaml.IndexOf("  - id: water", StringComparison.Ordinal)], token);
        faults.Road.StartGateway();
    }

    /// <summary>Asks for the first finding's day, as the exceptions page does, and returns the request.</summary>
    private async Task<Guid> AskAsync(FaultRoad faults)
    {
        using var api = new HttpClient { BaseAddress = faults.Road.Url };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await faults.Road.CloudAsync(["token", "create", $"worklist-{Guid.NewGuid():n}"], token)).Trim());
        var findings = new List<JsonElement>();
        await faults.Road.UntilAsync("a day is found wanting", async () =>
        {
            findings = [.. (await api.GetFromJsonAsync<JsonElement>("/api/v1/validation/findings?state=any", token)).GetProperty("items").EnumerateArray()];
            return findings.Count > 0;
        }, token);
        var before = (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("replays").EnumerateArray().Select(r => r.GetProperty("replay").GetGuid()).ToHashSet();
        var finding = findings.MinBy(f => f.GetProperty("day").GetString(), StringComparer.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/validation/actions")
        {
            Content = JsonContent.Create(new
            {
                action = "replay",
                reason = "the day is incomplete",
                findings = new[] { new { channel = finding.GetProperty("channel").GetGuid(), day = finding.GetProperty("day").GetString(), rule = finding.GetProperty("rule").GetString() } },
            }),
        };
        request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        using var done = await api.SendAsync(request, token);
        Assert.True(done.IsSuccessStatusCode, await done.Content.ReadAsStringAsync(token));
        return Assert.Single((await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("replays").EnumerateArray(), r => !before.Contains(r.GetProperty("replay").GetGuid())).GetProperty("replay").GetGuid();
    }

    private async Task<JsonElement> ReplayAsync(FaultRoad faults, Guid id) =>
        (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("replays").EnumerateArray().Single(r => r.GetProperty("replay").GetGuid() == id);

    private async Task<JsonElement> AnsweredAsync(FaultRoad faults, Guid id, TimeSpan? patience = null)
    {
        var answered = default(JsonElement);
        await faults.Road.UntilAsync("the gateway's answer is stored", async () =>
        {
            answered = await ReplayAsync(faults, id);
            return answered.GetProperty("answeredAt").ValueKind == JsonValueKind.String;
        }, token, patience);
        return answered;
    }

    /// <summary>What travelled again is what the journal holds, and the journal holds it once.</summary>
    private async Task JudgeAsync(FaultRoad faults, ConcurrentQueue<byte[]> heard, int sent, long committed)
    {
        // A batch may be new: one that says that the meters do not answer.
        const string Known = "SELECT count(*) FROM reading_batch WHERE sequence <= $1 AND chain_hash = ANY($2)";
        Task<long> Again() => faults.ScalarAsync<long>(Known, token, committed, heard.Select(SHA256.HashData).ToArray());
        await faults.Road.UntilAsync($"{sent} batches travelled again", async () => await Again() >= sent, token);
        Assert.Equal(sent, await Again());
        await faults.UntilProjectedAsync(token);
        Assert.Equal(await faults.CommittedAsync(token), await faults.ScalarAsync<long>("SELECT count(*) FROM reading_batch", token));
        Assert.Empty(await OracleCheck.JournalAsync(faults, token));
        var check = await OracleCheck.RunAsync(faults, token);
        Assert.Empty(check.Differences.Take(10));
        Assert.Equal(End, check.Last);
        Assert.Equal(0, (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("refusals").GetArrayLength());
        await faults.Road.CloudAsync(["verify"], token);
    }

    private async Task<IMqttClient> ListenAsync(Mosquitto broker, ConcurrentQueue<byte[]> heard)
    {
        var ear = new MqttClientFactory().CreateMqttClient();
        ear.ApplicationMessageReceivedAsync += e =>
        {
            heard.Enqueue(SignedBatch.Parser.ParseFrom(e.ApplicationMessage.Payload).Body.ToByteArray());
            return Task.CompletedTask;
        };
        await ear.ConnectAsync(
            new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithClientId("ear").WithCredentials(Mosquitto.CloudUser, Mosquitto.CloudPassword)
                .WithTcpServer("127.0.0.1", broker.Port).Build(),
            token);
        await ear.SubscribeAsync(Topics.Batches(FaultSite.Gateway), cancellationToken: token);
        return ear;
    }

    /// <summary>The gateway's own buffer, two and three weeks on: it marks what was acknowledged, and what is older than it keeps goes.</summary>
    private async Task ForgetAsync(FaultRoad faults)
    {
        foreach (var days in new[] { 1, 22 })
        {
            using var keys = GatewayKeys.Load(faults.Road.GatewayState);
            var options = new BufferOptions { Gateway = FaultSite.Gateway, RetentionTime = new Later(TimeSpan.FromDays(days)) };
            var clock = new GatewayClock(TimeProvider.System, ClockTrust.Always);
            using var buffer = ReadingBuffer.Open(BufferCommand.FolderIn(faults.Road.GatewayState), options, clock);
            // A gateway that was stopped may have left the last acknowledgement to its next transaction; in the weeks between it was told.
            await buffer.Acknowledge(
                await faults.ScalarAsync<Guid>("SELECT stream FROM stream", token), await faults.ScalarAsync<long>("SELECT committed_through FROM stream", token),
                await faults.ScalarAsync<byte[]>("SELECT last_hash FROM stream", token), token);
            await buffer.Store(new SamplingCycle(clock.Stamp(), [], [new EventNote(clock.Now, "test", null, string.Create(CultureInfo.InvariantCulture, $"{days} days later"))]), token);
            Assert.NotNull(await buffer.SealNext(new SealTerms(keys.Sign), token));
            output.WriteLine($"after {days} days the oldest batch kept is {await buffer.OldestKept(token)} of {buffer.Position.SealedThrough}");
        }
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
