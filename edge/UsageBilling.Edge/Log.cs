using Microsoft.Extensions.Logging;

namespace UsageBilling.Edge;

/// <summary>The gateway's log messages. Event ids: 1000 buffer, 1100 uplink, 1200 health; other slices have their own <c>Log.*.cs</c>.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Warning, "{Kind}: {Detail}")]
    public static partial void BufferAlarm(ILogger logger, string kind, string detail);

    [LoggerMessage(1001, LogLevel.Error, "The buffer failed and is opened again")]
    public static partial void BufferReopens(ILogger logger, Exception error);

    [LoggerMessage(1002, LogLevel.Warning, "The buffer was closed with an error; what was stored is safe")]
    public static partial void BufferClosedLate(ILogger logger, Exception error);

    [LoggerMessage(1003, LogLevel.Warning, "The cloud stands at {Through}, before our {Acknowledged}: kept batches are sent again")]
    public static partial void MovedBack(ILogger logger, long acknowledged, long through);

    [LoggerMessage(1004, LogLevel.Warning, "Batches {From} to {Through} are replaced by a gap: {Reason}")]
    public static partial void GapMade(ILogger logger, long from, long through, string reason);
}
