using Microsoft.Extensions.Logging;
using NodaTime;

namespace UsageBilling.Edge;

/// <summary>Messages of sampling and meters: event ids from 1300.</summary>
internal static partial class Log
{
    [LoggerMessage(1300, LogLevel.Information, "Boundary {Boundary}: {Readings} readings stored, {Failing} meters failing")]
    public static partial void Sampled(ILogger logger, Instant boundary, int readings, int failing);

    [LoggerMessage(1301, LogLevel.Warning, "{Missed} boundaries before {Boundary} passed unsampled")]
    public static partial void BoundariesMissed(ILogger logger, int missed, Instant boundary);

    [LoggerMessage(1302, LogLevel.Error, "The cycle of {Boundary} could not be stored")]
    public static partial void NotStored(ILogger logger, Instant boundary, Exception error);

    [LoggerMessage(1303, LogLevel.Error, "The pulse counters could not be saved")]
    public static partial void CountersNotSaved(ILogger logger, Exception error);

    [LoggerMessage(1304, LogLevel.Warning, "{Kind}: {Detail}")]
    public static partial void MeterEvent(ILogger logger, string kind, string detail);

    [LoggerMessage(1305, LogLevel.Information, "Meter {Meter} counts pulses through {Through}; a power cut costs at most the pulses of {Seconds} s, or {Pulses} and those of one second")]
    public static partial void PulsesWatched(ILogger logger, string meter, string through, int seconds, int pulses);

    [LoggerMessage(1306, LogLevel.Warning, "Meter {Meter} does not count: {Reason}")]
    public static partial void PulsesNotWatched(ILogger logger, string meter, string reason);

    [LoggerMessage(1307, LogLevel.Error, "The pulse counters were damaged and set aside as {File}; counting begins at the configured registers")]
    public static partial void CountersSetAside(ILogger logger, string file);

    [LoggerMessage(1309, LogLevel.Information, "Simulation caught up at {Now} and follows the clock from here")]
    public static partial void SimulationLive(ILogger logger, Instant now);

    [LoggerMessage(1310, LogLevel.Warning, "Gateway {Gateway} is not enrolled: readings are kept here and not forwarded; run 'usage-gateway enroll', then start again")]
    public static partial void NotEnrolled(ILogger logger, string gateway);

    [LoggerMessage(1311, LogLevel.Error, "The cycle of {Boundary} could not be stored; it is sampled again")]
    public static partial void SampledAgain(ILogger logger, Instant boundary, Exception error);
}
