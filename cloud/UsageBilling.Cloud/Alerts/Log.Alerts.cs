namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(3100, LogLevel.Warning, "Alerts were interrupted and go on with the next turn")]
    public static partial void AlertsFailed(this ILogger log, Exception error);

    [LoggerMessage(3101, LogLevel.Warning, "Alert {Alert} was not delivered to {Target} at attempt {Attempt}: {Problem}")]
    public static partial void AlertNotDelivered(this ILogger log, Guid alert, string target, int attempt, string problem);

    [LoggerMessage(3102, LogLevel.Warning, "Alert rule {Rule} cannot be judged: {Problem}")]
    public static partial void AlertRuleFailed(this ILogger log, string rule, string problem);
}
