using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Verification;

/// <summary>Every contract has its supply, over exactly its local days; every supply has its contract.</summary>
internal sealed class SupplyChecks(Verification report, NpgsqlConnection connection)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (var row in connection.StreamAsync("""
            SELECT coalesce(c.account_id, s.account_id), coalesce(c.contract_id, s.contract_id), c.from_date, c.to_date, lower(s.valid), upper(s.valid), p.zone
            FROM contract c FULL JOIN supply s ON s.account_id = c.account_id AND s.contract_id = c.contract_id
            LEFT JOIN service_point p ON p.service_point_id = s.service_point_id
            """,
            cancellationToken))
        {
            report.Count("contracts");
            var subject = $"{row.GetString(0)}/{row.GetString(1)}";
            if (row.IsDBNull(2))
            {
                report.Differs("supply", subject, "the supply names a contract that does not exist");
                continue;
            }

            if (row.IsDBNull(4))
            {
                report.Differs("supply", subject, "the contract supplies no service point");
                continue;
            }

            var zone = DateTimeZoneProviders.Tzdb[row.GetString(6)];
            Instant? until = row.IsDBNull(3) ? null : LocalPeriod.StartOfDay(row.GetFieldValue<LocalDate>(3), zone);
            Instant? supplied = row.IsDBNull(5) ? null : row.GetFieldValue<Instant>(5);
            if (LocalPeriod.StartOfDay(row.GetFieldValue<LocalDate>(2), zone) != row.GetFieldValue<Instant>(4) || until != supplied)
            {
                report.Differs("supply", subject, "the supply does not begin and end at the contract's local midnights");
            }
        }
    }
}
