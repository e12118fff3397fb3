using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Uplink;
using UsageBilling.Protocols;

namespace UsageBilling.EndToEnd.Tests.Faults;

/// <summary>A gateway's own buffer and uplink under a wall clock that nobody sets right, against the real cloud.</summary>
[Collection(nameof(OneAtATime))]
public sealed class WrongClockTests
{
    private readonly CancellationToken token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_clock_ten_minutes_ahead_is_shown_and_found_with_the_readings_that_it_dated_and_verifies()
    {
        await using var faults = await FaultRoad.StartAsync(token);
        var clock = new GatewayClock(new Ahead(TimeSpan.FromMinutes(10)), ClockTrust.Always);
        using var keys = GatewayKeys.Load(faults.Road.GatewayState);
        using var buffer = ReadingBuffer.Open(BufferCommand.FolderIn(faults.Road.GatewayState), new BufferOptions { Gateway = FaultSite.Gateway }, clock);

        // Sampled two days ago, and kept since then: a backlog tells what the clock was off by when it dated them.
        for (var i = 0; i < 12; i++)
        {
            var ago = Duration.FromDays(2) - (i * FaultSite.Interval);
            var now = clock.Stamp();
            var stamp = now with { At = now.At - ago, MonotonicMs = now.MonotonicMs - (long)ago.TotalMilliseconds };
            var import = new Reading(new RegisterKey("eastron", "21340117", ObisCode.ActiveImport), stamp.At, 1_204_511 + i, 1, ReadingQuality.Good);
            await buffer.Store(new SamplingCycle(stamp, [import], []), token);
        }

        var options = Enrolment.Complete(FaultSite.Gateway, faults.Road.GatewayState, CloudSettings.None) with { StatusEvery = TimeSpan.FromSeconds(1) };
        var supervision = new Supervision(TimeProvider.System);
        using var uplink = new UplinkService(options, buffer, clock, keys, new StatusBoard(buffer, clock, supervision), new LiveFeed(), supervision, NullLogger<UplinkService>.Instance);
        await uplink.StartAsync(token);
        try
        {
            await faults.Road.UntilAsync("the gateway's batches are committed and it tells how far its clock is off", async () =>
                await faults.CommittedAsync(token) > 0
                && (await faults.ShownAsync(FaultSite.Gateway, token)).GetProperty("status") is { ValueKind: JsonValueKind.Object } status
                && status.TryGetProperty("clockOffsetSeconds", out var told) && told.GetDecimal() is > 590 and <= 600, token);
        }
        finally
        {
            await uplink.StopAsync(CancellationToken.None);
        }

        await faults.UntilProjectedAsync(token);
        using var api = new HttpClient { BaseAddress = faults.Road.Url };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await faults.Road.CloudAsync(["token", "create", "clock"], token)).Trim());
        var found = default(JsonElement);
        await faults.Road.UntilAsync("the day is found", async () =>
        {
            var items = (await api.GetFromJsonAsync<JsonElement>("/api/v1/validation/findings?rule=clock&state=any", token)).GetProperty("items");
            found = items.GetArrayLength() == 0 ? default : items[0];
            return items.GetArrayLength() > 0;
        }, token);
        Assert.InRange(found.GetProperty("measured").GetProperty("seconds").GetDecimal(), 590, 600);
        Assert.Contains("ahead of the reference; 180 s are allowed", found.GetProperty("words").GetString(), StringComparison.Ordinal);
        await faults.Road.CloudAsync(["verify"], token);
    }

    private sealed class Ahead(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
