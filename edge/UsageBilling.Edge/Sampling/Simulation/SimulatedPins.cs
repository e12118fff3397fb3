using System.Device.Gpio;
using NodaTime;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>
/// Replays the simulator's edges in order of time, with the simulated clock at each edge. Closings up to the instant through which a pin's
/// counter holds already are left out, so that a simulation that is killed and resumed counts each pulse once.
/// </summary>
internal sealed class SimulatedPins(SimulatedGpioDriver driver, SimulatedTime time, IReadOnlyDictionary<int, Instant> countedThrough)
{
    private readonly PriorityQueue<(int Pin, bool Closes), long> _edges = new();

    /// <summary>Takes edges and replays all until <paramref name="to"/>; then it is that time.</summary>
    public void Replay(AdvanceReply reply, Instant to)
    {
        foreach (var pin in reply.Pins)
        {
            Enqueue(pin);
        }

        var end = Microseconds(to);
        while (_edges.TryPeek(out var edge, out var at) && at <= end)
        {
            _edges.Dequeue();
            time.Set(Instant.FromUnixTimeTicks(at * 10));
            driver.Drive(edge.Pin, edge.Closes ? PinValue.Low : PinValue.High);
        }

        time.Set(to);
    }

    private void Enqueue(PinEdges pin)
    {
        var after = countedThrough.TryGetValue(pin.Pin, out var through) ? Microseconds(through) : long.MinValue;
        long at = 0;
        foreach (var step in pin.AtUs)
        {
            at += step;
            if (at > after)
            {
                _edges.Enqueue((pin.Pin, true), at);
                _edges.Enqueue((pin.Pin, false), at + pin.WidthUs);
            }
        }
    }

    private static long Microseconds(Instant instant) => instant.ToUnixTimeTicks() / 10;
}
