using NodaTime;

namespace UsageBilling.Cloud.Imports;

/// <summary>Now, to the microsecond that PostgreSQL keeps: what is read back is what was written.</summary>
internal static class ImportClock
{
    public static Instant Now(TimeProvider time) => Instant.FromUnixTimeTicks(Instant.FromDateTimeOffset(time.GetUtcNow()).ToUnixTimeTicks() / 10 * 10);
}
