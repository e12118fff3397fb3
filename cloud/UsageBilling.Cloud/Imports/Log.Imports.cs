namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(2200, LogLevel.Information, "Import {Import} was left unfinished and is delivered now")]
    public static partial void ImportResumed(this ILogger log, Guid import);

    [LoggerMessage(2201, LogLevel.Error, "An unfinished import could not be delivered and will be tried again")]
    public static partial void ImportStuck(this ILogger log, Exception error);
}
