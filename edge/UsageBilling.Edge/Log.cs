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

    [LoggerMessage(1100, LogLevel.Information, "Connected to {Host}:{Port}")]
    public static partial void Connected(ILogger logger, string host, int port);

    [LoggerMessage(1101, LogLevel.Information, "Stream {Stream}: the cloud has {Through}, sealed are {Sealed}")]
    public static partial void Positioned(ILogger logger, Guid stream, long through, long @sealed);

    [LoggerMessage(1102, LogLevel.Warning, "{Count} batches signed again with key {KeyId}: {Reason}")]
    public static partial void SignedAgain(ILogger logger, int count, string keyId, string reason);

    [LoggerMessage(1103, LogLevel.Debug, "The session failed")]
    public static partial void SessionFailed(ILogger logger, Exception error);

    [LoggerMessage(1104, LogLevel.Warning, "Not connected; the next attempt is in {Seconds:0.0} s: {Why}")]
    public static partial void ReconnectsIn(ILogger logger, double seconds, string why);

    [LoggerMessage(1105, LogLevel.Warning, "An answer of the cloud cannot be read: {Problem}")]
    public static partial void AnswerUnreadable(ILogger logger, string problem);

    [LoggerMessage(1106, LogLevel.Information, "The cloud asks for batches {From} to {Through} again")]
    public static partial void ReplayAsked(ILogger logger, long from, long through);

    [LoggerMessage(1200, LogLevel.Error, "No progress: {Loops}; the watchdog is not fed")]
    public static partial void Stalled(ILogger logger, string loops);
}
