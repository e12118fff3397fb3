using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Days of channels that registers feed, computed from what is stored of the registers. The caller holds the channels' locks.</summary>
internal static class RegisterIntervals
{
    public static async Task<IReadOnlyList<ComputedDay>> ComputeAsync(
        NpgsqlConnection connection, IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, Instant now, CancellationToken cancellationToken)
    {
        var feeding = await connection.RowsAsync(
            "SELECT DISTINCT register_id FROM installation WHERE channel_id = ANY($1)", r => r.GetGuid(0), cancellationToken, days.Select(d => d.Channel.Value).Distinct().ToArray());
        var registers = await RegisterCatalog.ReadAsync(connection, [.. feeding], cancellationToken);
        var installed = registers.Values.SelectMany(r => r.Installations).Select(i => i.Channel).ToHashSet();
        var computed = await new Recomputation(connection, new RegisterDayStore(connection), registers, now).ComputeAsync([.. days.Where(d => installed.Contains(d.Channel))], cancellationToken);
        return [.. computed, .. days.Where(d => !installed.Contains(d.Channel)).Select(d => new ComputedDay(d.Channel, d.Day, null))];
    }
}
