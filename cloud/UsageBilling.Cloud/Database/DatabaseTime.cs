using NodaTime;

namespace UsageBilling.Cloud.Database;

/// <summary>The clock as the database keeps it.</summary>
internal static class DatabaseTime
{
    /// <summary>Now, to the microsecond that PostgreSQL keeps: what is read back is what was written.</summary>
    public static Instant GetCurrentInstant(this TimeProvider time) =>
        Instant.FromUnixTimeTicks(Instant.FromDateTimeOffset(time.GetUtcNow()).ToUnixTimeTicks() / 10 * 10);
}
