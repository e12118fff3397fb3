using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Uplink;

namespace UsageBilling.Edge.Sampling;

/// <summary>Reads all meters for people who watch: latest values to the live topic, states to the status document. Nothing of it is billed.</summary>
public sealed class LiveValues(MeterPoller poller, LiveFeed feed, StatusBoard board, GatewayClock clock)
{
    /// <summary>Takes the values once.</summary>
    public async Task TakeAsync(CancellationToken cancellationToken)
    {
        var polls = await poller.PollAsync(forBilling: false, cancellationToken);
        var values = polls
            .SelectMany(p => p.Read is { } read ? read.Readings.Select(r => new LiveValue(r.Register, r.Value, r.Scale, read.Watts)) : [])
            .ToList();
        if (values.Count > 0)
        {
            feed.Show(clock.Now, values);
        }

        Report();
    }

    /// <summary>Tells the status document how each meter does.</summary>
    public void Report()
    {
        foreach (var status in poller.Statuses)
        {
            board.Report(status);
        }
    }
}
