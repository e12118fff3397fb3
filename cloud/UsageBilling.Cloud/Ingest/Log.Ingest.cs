namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "The database would not take a batch of gateway {Gateway} as it is: {Detail}")]
    public static partial void BatchUnstorable(this ILogger log, string gateway, string detail);

    [LoggerMessage(1101, LogLevel.Error, "Partitions of the journal could not be made; trying again tomorrow and when one is missing")]
    public static partial void PartitionUpkeepFailed(this ILogger log, Exception error);

    [LoggerMessage(1102, LogLevel.Warning, "The database does not answer; {Batches} batches wait and are tried again in {Delay}")]
    public static partial void CommitDelayed(this ILogger log, int batches, TimeSpan delay, Exception error);

    [LoggerMessage(1103, LogLevel.Warning, "Gateway {Gateway}: {Reason}: {Detail}")]
    public static partial void BatchRefused(this ILogger log, string gateway, string reason, string detail);

    [LoggerMessage(1104, LogLevel.Information, "Broker listens on {Address}:{Port}")]
    public static partial void BrokerListens(this ILogger log, string address, int port);

    [LoggerMessage(1105, LogLevel.Information, "Connected to broker {Host}:{Port}")]
    public static partial void BrokerConnected(this ILogger log, string host, int port);

    [LoggerMessage(1106, LogLevel.Warning, "Broker {Host}:{Port} is not connected ({Problem}); trying again in {Delay}")]
    public static partial void BrokerDisconnected(this ILogger log, string host, int port, string problem, TimeSpan delay);

    [LoggerMessage(1107, LogLevel.Warning, "A reply to gateway {Gateway} could not be sent; it asks again by resending")]
    public static partial void ReplyFailed(this ILogger log, string gateway, Exception error);

    [LoggerMessage(1108, LogLevel.Warning, "Holes in streams could not be looked for")]
    public static partial void HoleSearchFailed(this ILogger log, Exception error);

    [LoggerMessage(1109, LogLevel.Warning, "A message on {Topic} could not be handled")]
    public static partial void MessageFailed(this ILogger log, string topic, Exception error);
}
