using NodaTime;

namespace UsageBilling.Invoicing.Documents;

/// <summary>
/// Local times as customers read them. A read at midnight that ends a period belongs to the day before: a bill for October runs from 1 to 31 October.
/// </summary>
internal sealed class ReadTime(string zone)
{
    private readonly DateTimeZone zone = DateTimeZoneProviders.Tzdb[zone];

    public LocalDateTime Local(Instant at) => at.InZone(zone).LocalDateTime;

    /// <summary>The offset in force, to tell the two passes of a repeated hour apart.</summary>
    public Offset Offset(Instant at) => zone.GetUtcOffset(at);

    public LocalDate StartDate(Instant at) => Local(at).Date;

    public LocalDate EndDate(Instant at) => IsMidnight(at) ? Local(at).Date.PlusDays(-1) : Local(at).Date;

    /// <summary>True where a date alone says it all: at the first instant of a day.</summary>
    public bool IsMidnight(Instant at) => zone.AtStartOfDay(Local(at).Date).ToInstant() == at;
}
