using NodaTime;

namespace UsageBilling.Cloud;

internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Information, "Bill run {Period}: {Contracts} contracts, {Billed} billed, {Held} held, {Failed} failed, {Issued} issued")]
    public static partial void BillRunDone(this ILogger log, LocalDate period, int contracts, int billed, int held, int failed, int issued);

    [LoggerMessage(3001, LogLevel.Error, "Billing work failed and will be tried again")]
    public static partial void BillingWorkFailed(this ILogger log, Exception error);
}
