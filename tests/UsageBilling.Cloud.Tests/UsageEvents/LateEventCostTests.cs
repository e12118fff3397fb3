using System.Diagnostics;

namespace UsageBilling.Cloud.Tests.UsageEvents;

/// <summary>What one late event costs where a day has a million.</summary>
public sealed class LateEventCostTests(ITestOutputHelper output) : IAsyncLifetime
{
    private EventSite site = null!;

    public async ValueTask InitializeAsync() => site = await EventSite.CreateAsync();

    public ValueTask DisposeAsync() => site.DisposeAsync();

    [Fact]
    [Trait("Form", "long")]
    public async Task A_late_event_of_a_day_with_a_million_is_computed_within_seconds()
    {
        const int Events = 1_000_000;
        await site.BatchAsync(EventSite.Event(EventSite.Traffic, "first", "2026-10-05T08:00:00Z", gigabytes: 1m));
        var upkeep = site.Upkeep;
        await upkeep.RunAsync(default);
        var channel = EventSite.Channel("P0001", Protocols.Quantity.Data);
        await site.AdminAsync($$"""
            INSERT INTO usage_event (channel_id, source, event_id, event_at, received_at, value, attributes)
            SELECT '{{channel}}', '/edge/' || n % 20, 'e' || n, timestamptz '2026-10-05 00:00:00+00' + n * interval '86.4 milliseconds' - interval '80 milliseconds', now(), 0.001,
              '{"id":"x","source":"/edge/1","type":"com.example.traffic"}' FROM generate_series(1, {{Events}}) AS n
            """);
        await site.AdminAsync("ANALYZE usage_event");
        for (var round = 1; round <= 3; round++)
        {
            await site.BatchAsync(EventSite.Event(EventSite.Traffic, $"late-{round}", "2026-10-05T09:00:00Z", gigabytes: 1m));
            var watch = Stopwatch.StartNew();
            await upkeep.RunAsync(default);
            output.WriteLine($"round {round}: {watch.ElapsedMilliseconds} ms for one late event of a day with {Events} events");
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        }
    }
}
