namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(3200, LogLevel.Information, "Validated {Days} days of {Channels} channels that had become ripe; {Estimates} gaps estimated")]
    public static partial void ValidationSwept(this ILogger log, int channels, int days, int estimates);

    [LoggerMessage(3201, LogLevel.Error, "Validation failed and will be tried again")]
    public static partial void ValidationFailed(this ILogger log, Exception error);

    [LoggerMessage(3203, LogLevel.Error, "{Channel}, {First} to {Last}, could not be validated: a finding says so, and for an hour it is tried again every minute")]
    public static partial void ChannelNotValidated(this ILogger log, Exception error, string channel, NodaTime.LocalDate first, NodaTime.LocalDate last);

    [LoggerMessage(3202, LogLevel.Warning, "Gateway {Gateway} could not be asked to replay; it is tried again")]
    public static partial void ReplayNotSent(this ILogger log, string gateway, Exception error);
}
