using NodaTime;
using UsageBilling.Edge.Simulator.Meters;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Simulator.Serving;

/// <summary>
/// Moves the site through time at a gateway's word. Because a site is a function of time, a gateway that was killed may begin again at its own
/// instant: it names it in the request and gets the pulses from there on.
/// </summary>
public sealed class SimulationControl(SimulatedSite site, SiteClock clock)
{
    private static readonly Duration Farthest = Duration.FromDays(100 * 366);
    private Instant? previous;

    /// <summary>Sets the site to the requested instant and lists the pulses on the way there.</summary>
    public AdvanceReply Advance(AdvanceRequest request)
    {
        if (!TryInstant(request.ToMs, out var to) || !TryInstant(request.FromMs, out var from))
        {
            return new AdvanceReply { Error = $"instants must lie between {site.Site.Epoch} and {site.Site.Epoch + Farthest}" };
        }

        var start = request.FromMs == 0 ? previous ?? to : from;
        if (to < start)
        {
            return new AdvanceReply { Error = $"{to} is before {start}; name an earlier from_ms to begin again there" };
        }

        clock.Set(to);
        previous = to;
        var reply = new AdvanceReply();
        foreach (var meter in site.Meters)
        {
            if (meter.Meter.Connection is PulseConnection pulse && Edges(meter, pulse, start, to) is { } edges)
            {
                reply.Pins.Add(edges);
            }
        }

        return reply;
    }

    private static PinEdges? Edges(SimulatedMeter meter, PulseConnection pulse, Instant from, Instant to)
    {
        PinEdges? edges = null;
        long before = 0;
        foreach (var at in meter.Pulses(from, to))
        {
            edges ??= new PinEdges { Pin = pulse.Pin, WidthUs = pulse.WidthMicroseconds };
            var us = at.ToUnixTimeTicks() / 10;
            edges.AtUs.Add(us - before);
            before = us;
        }

        return edges;
    }

    private bool TryInstant(long unixMs, out Instant instant)
    {
        instant = default;
        if (unixMs == 0)
        {
            return true;
        }

        var (low, high) = (site.Site.Epoch, site.Site.Epoch + Farthest);
        if (unixMs < low.ToUnixTimeMilliseconds() || unixMs > high.ToUnixTimeMilliseconds())
        {
            return false;
        }

        instant = Instant.FromUnixTimeMilliseconds(unixMs);
        return true;
    }
}
