using System.Text.Json;
using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>
/// Batches that no good gateway sends, to a running cloud over its embedded broker. Each is refused or parked where people see it with its reason, the
/// neighbours commit, and the stream goes on.
/// </summary>
[Collection(nameof(OneAtATime))]
public sealed class StrangeBatchTests(StrangeBatchTests.Running running) : IClassFixture<StrangeBatchTests.Running>
{
    private static readonly RegisterKey Home = FaultSite.Oracle.Registers.First(r => r.Serial == "21340117");
    private static readonly Instant Quiet = Instant.FromUtc(2026, 5, 1, 0, 0);

    private readonly CancellationToken token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readings_of_1970_and_2099_are_parked_their_neighbours_are_not()
    {
        await using var gateway = await ScriptedGateway.ConnectAsync(running.Road, "clockless", token);
        await gateway.SendAsync(gateway.Next(Read(Quiet, 100), Read(Instant.FromUnixTimeSeconds(0), 7), Read(Quiet + FaultSite.Interval, 101), Read(Instant.FromUtc(2099, 1, 1, 0, 0), 9)), 1, token);
        await gateway.SendAsync(gateway.Next(Read(Quiet + (FaultSite.Interval * 2), 102)), 2, token);
        await gateway.HearAsync(a => a.CommittedThrough == 2, token);
        await running.Faults.UntilProjectedAsync(token);
        var (parked, detail) = await running.Faults.ShownAsync("clockless", "parked", "implausible-time", token);
        Assert.Equal(2, parked);
        Assert.Contains("is not between", detail, StringComparison.Ordinal);
        Assert.Equal<long[]>([100L, 101, 102], await SlotsAsync(Quiet, 3));
    }

    [Fact]
    public async Task A_body_that_cannot_be_read_is_parked_and_the_stream_goes_on()
    {
        await using var gateway = await ScriptedGateway.ConnectAsync(running.Road, "poisoner", token);
        var day = Quiet + Duration.FromDays(1);
        await gateway.SendAsync(gateway.Next(Read(day, 200)), 1, token);
        await gateway.SendAsync(gateway.Poison([0xFF, 0xFF, 0xFF, 0x01]), 2, token);
        await gateway.SendAsync(gateway.Next(Read(day + FaultSite.Interval, 201)), 3, token);
        await gateway.HearAsync(a => a.CommittedThrough == 3, token);
        await running.Faults.UntilProjectedAsync(token);
        var parked = Single(await running.Faults.ShownAsync("poisoner", token), "parked");
        Assert.Equal(("unparseable", 1), (parked.GetProperty("reason").GetString(), parked.GetProperty("batches").GetInt64()));
        Assert.Equal<long[]>([200L, 201], await SlotsAsync(day, 2));
    }

    [Fact]
    public async Task Another_gateways_name_in_a_body_or_a_topic_is_refused_under_the_senders_own()
    {
        await using var gateway = await ScriptedGateway.ConnectAsync(running.Road, "pretender", token);
        var day = Quiet + Duration.FromDays(2);
        var before = await running.Faults.ScalarAsync<long>("SELECT count(*) FROM reading_batch WHERE gateway = $1", token, FaultSite.Gateway);
        await gateway.SendAsync(gateway.Pretend(FaultSite.Gateway, Read(day, 1)), 1, token);
        await gateway.SendAsync(gateway.Pretend(FaultSite.Gateway, Read(day, 2)), 1, token, Topics.Batches(FaultSite.Gateway));
        await gateway.SendAsync(gateway.Next(Read(day, 300)), 1, token);
        await gateway.HearAsync(a => a.CommittedThrough == 1, token);
        await running.Faults.UntilProjectedAsync(token);
        var (refused, detail) = await running.Faults.ShownAsync("pretender", "refusals", "foreign-gateway", token);
        Assert.Equal(2, refused);
        Assert.Contains(FaultSite.Gateway, detail, StringComparison.Ordinal);
        Assert.Equal(before, await running.Faults.ScalarAsync<long>("SELECT count(*) FROM reading_batch WHERE gateway = $1", token, FaultSite.Gateway));
        Assert.Equal<long[]>([300L], await SlotsAsync(day, 1));
    }

    [Fact]
    public async Task The_same_place_in_a_stream_with_other_bytes_is_evidence_answered_forked_and_never_projected()
    {
        await using var gateway = await ScriptedGateway.ConnectAsync(running.Road, "twin", token);
        var day = Quiet + Duration.FromDays(3);
        var first = gateway.Next(Read(day, 400));
        await gateway.SendAsync(first, 1, token);
        await gateway.HearAsync(a => a.CommittedThrough == 1, token);
        await gateway.SendAsync(gateway.Again(first, Read(day, 999)), 1, token);
        var answer = await gateway.HearAsync(a => a.Kind == Ack.Types.Kind.Forked, token);
        Assert.Contains("other bytes", answer.Reason, StringComparison.Ordinal);
        await gateway.SendAsync(gateway.Next(Read(day + FaultSite.Interval, 401)), 2, token);
        await gateway.HearAsync(a => a.CommittedThrough == 2, token);
        await running.Faults.UntilProjectedAsync(token);
        Assert.Equal(1, (await running.Faults.ShownAsync("twin", "refusals", "forked", token)).Count);
        Assert.Equal(1L, await running.Faults.ScalarAsync<long>("SELECT count(*) FROM refused_batch WHERE gateway = 'twin' AND reason = 'forked' AND octet_length(message) > 0", token));
        Assert.Equal<long[]>([400L, 401], await SlotsAsync(day, 2));
    }

    [Fact]
    public async Task A_signature_that_does_not_hold_is_answered_re_sign_and_the_same_body_is_taken_when_it_does()
    {
        await using var gateway = await ScriptedGateway.ConnectAsync(running.Road, "forger", token);
        var day = Quiet + Duration.FromDays(4);
        var body = gateway.Next(Read(day, 500));
        await gateway.SendForgedAsync(body, 1, token);
        await gateway.HearAsync(a => a.Kind == Ack.Types.Kind.ReSign && a.From == 1, token);
        await gateway.SendAsync(body, 1, token);
        await gateway.HearAsync(a => a.CommittedThrough == 1, token);
        await running.Faults.UntilProjectedAsync(token);
        Assert.Equal(1, (await running.Faults.ShownAsync("forger", "refusals", "bad-signature", token)).Count);
        Assert.Equal<long[]>([500L], await SlotsAsync(day, 1));
    }

    private static JsonElement Single(JsonElement gateway, string kind) => Assert.Single(gateway.GetProperty(kind).EnumerateArray());

    private static Reading Read(Instant at, long value) => new(Home, at, value, 1, ReadingQuality.Good);

    private Task<long[]> SlotsAsync(Instant from, int count) => OracleCheck.ReadSlotsAsync(running.Faults, Home, from, count, token);

    /// <summary>One running cloud for all of them.</summary>
    public sealed class Running : IAsyncLifetime
    {
        internal FaultRoad Faults { get; private set; } = null!;

        internal Road Road => Faults.Road;

        public async ValueTask InitializeAsync() => Faults = await FaultRoad.StartAsync(TestContext.Current.CancellationToken);

        public ValueTask DisposeAsync() => Faults.DisposeAsync();
    }
}
