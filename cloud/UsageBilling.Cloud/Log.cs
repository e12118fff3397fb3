namespace UsageBilling.Cloud;

/// <summary>
/// Every message of the host. Slices keep theirs in <c>Log.Slice.cs</c> beside their code; event ids:
/// 1000 database, 1100 ingest, 1200 gateways, 2000 metering, 2200 imports, 3000 billing, 4000 web.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "Private PostgreSQL runs in {Folder}")]
    public static partial void PrivateClusterRuns(this ILogger log, string folder);

    [LoggerMessage(1001, LogLevel.Error, "Private PostgreSQL in {Folder} is gone; starting it again")]
    public static partial void PrivateClusterGone(this ILogger log, string folder);

    [LoggerMessage(1002, LogLevel.Error, "Private PostgreSQL in {Folder} could not be started again")]
    public static partial void PrivateClusterStaysDown(this ILogger log, string folder, Exception error);
}
