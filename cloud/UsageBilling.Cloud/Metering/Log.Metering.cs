namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(2000, LogLevel.Warning, "Projection was interrupted and goes on where it stood")]
    public static partial void ProjectionInterrupted(this ILogger log, Exception error);

    [LoggerMessage(2001, LogLevel.Warning, "A group of {Batches} batches could not be projected; trying half of it")]
    public static partial void ProjectionBisected(this ILogger log, int batches, Exception error);

    [LoggerMessage(2002, LogLevel.Error, "Batch {Sequence} of gateway {Gateway} cannot be projected and is parked")]
    public static partial void BatchParked(this ILogger log, string gateway, long sequence, Exception error);

    [LoggerMessage(2003, LogLevel.Information, "{Batches} parked batches were taken up again")]
    public static partial void ParkedReplayed(this ILogger log, int batches);

    [LoggerMessage(2004, LogLevel.Warning, "Computing virtual channels was interrupted and goes on where it stood")]
    public static partial void DerivedDaysInterrupted(this ILogger log, Exception error);
}
