using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Days whose intervals nobody chose for their zone: files and formulas. An hour that a local midnight cuts belongs to two local days, so such days are kept on the finer grid that the zone allows; the cut
/// hours are flagged as any other cut, and the sum stays.
/// </summary>
internal static class ZonedDays
{
    public static async Task<IReadOnlyList<ComputedDay>> FitAsync(NpgsqlConnection connection, IReadOnlyList<ComputedDay> days, CancellationToken cancellationToken)
    {
        var zones = (await connection.RowsAsync(
            "SELECT channel_id, zone FROM channel WHERE channel_id = ANY($1)", r => (Id: new ChannelId(r.GetGuid(0)), Zone: r.GetString(1)),
            cancellationToken, days.Select(d => d.Channel.Value).Distinct().ToArray())).ToDictionary(r => r.Id, r => r.Zone);
        var longest = new Dictionary<(string Zone, int Minutes, YearMonth Month), int>();
        return [.. days.Select(d => d.Intervals is { } intervals ? d with { Intervals = DeliveredSlots.OnGrid(intervals, Longest(zones[d.Channel], intervals.IntervalMinutes, d.Day)) } : d)];

        int Longest(string zone, int minutes, LocalDate day)
        {
            if (!longest.TryGetValue((zone, minutes, day.ToYearMonth()), out var found))
            {
                longest.Add((zone, minutes, day.ToYearMonth()), found = ZoneRule.Longest(DateTimeZoneProviders.Tzdb[zone], minutes, day));
            }

            return found;
        }
    }
}
