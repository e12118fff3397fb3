using NodaTime;

namespace UsageBilling.Cloud.Metering;

internal static class MeteringTime
{
    /// <summary>Now, to the microsecond that PostgreSQL keeps.</summary>
    public static Instant GetCurrentInstant(this TimeProvider time) =>
        Instant.FromUnixTimeTicks(Instant.FromDateTimeOffset(time.GetUtcNow()).ToUnixTimeTicks() / 10 * 10);
}
