using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Meters.Pulses;

namespace UsageBilling.Edge.Sampling;

/// <summary>Begins to watch a pulse meter and says through what, and what a power cut can cost.</summary>
internal static class PulseStart
{
    public static void Begin(PulseMeter meter, ILogger logger)
    {
        try
        {
            meter.Begin();
            Log.PulsesWatched(logger, meter.Settings.Id, meter.Through!, (int)PulseCounters.SaveAfter.TotalSeconds, PulseCounters.SavePulses);
        }
        catch (MeterException e)
        {
            // Tried again at each cycle; the other meters go on.
            Log.PulsesNotWatched(logger, meter.Settings.Id, e.Message);
        }
    }
}
