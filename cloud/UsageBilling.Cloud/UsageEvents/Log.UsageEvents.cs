namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(2100, LogLevel.Warning, "Days of usage events could not be computed; they stay due")]
    public static partial void EventDaysFailed(this ILogger log, Exception error);
}
