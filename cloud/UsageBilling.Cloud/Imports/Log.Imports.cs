namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(2200, LogLevel.Information, "Import {Import} was left unfinished and is delivered now")]
    public static partial void ImportResumed(this ILogger log, Guid import);

    [LoggerMessage(2201, LogLevel.Error, "Unfinished imports could not be looked for; they will be in a minute")]
    public static partial void ImportsUnknown(this ILogger log, Exception error);

    [LoggerMessage(2202, LogLevel.Error, "Import {Import} could not be delivered for now and will be tried again")]
    public static partial void ImportStuck(this ILogger log, Exception error, Guid import);

    [LoggerMessage(2203, LogLevel.Error, "Import {Import} cannot be delivered and has failed: {Reason}")]
    public static partial void ImportFailed(this ILogger log, Guid import, string reason);
}
