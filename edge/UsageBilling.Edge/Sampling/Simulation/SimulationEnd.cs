using Microsoft.Extensions.Hosting;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>Ends a simulation that has a last instant: at once where there is no uplink, otherwise when the cloud has committed all.</summary>
internal sealed class SimulationEnd(ReadingBuffer buffer, IHostApplicationLifetime lifetime, bool hasUplink)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    public async Task ReachedAsync(CancellationToken stoppingToken)
    {
        while (hasUplink && buffer.Position is var position && (position.UnsealedReadings > 0 || position.AcknowledgedThrough < position.SealedThrough))
        {
            await Task.Delay(Look, stoppingToken);
        }

        lifetime.StopApplication();
    }
}
