using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Reads where channels stood at an instant, from the same histories that the intervals came from.</summary>
internal static class RegisterStatements
{
    public static async Task<ImmutableDictionary<ChannelId, RegisterStatement>> ReadAsync(
        NpgsqlDataSource database, IReadOnlyCollection<ChannelId> channels, Instant at, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var ids = channels.Select(c => c.Value).ToArray();
        var feeding = await connection.RowsAsync("SELECT DISTINCT register_id FROM installation WHERE channel_id = ANY($1)", r => r.GetGuid(0), cancellationToken, ids);
        var registers = await RegisterCatalog.ReadAsync(connection, [.. feeding], cancellationToken);
        var wanted = channels.ToHashSet();
        var installations = registers.Values.SelectMany(r => r.Installations).Where(i => wanted.Contains(i.Channel) && i.Terms.From <= at).ToArray();
        var loader = new HistoryLoader(new RegisterDayStore(connection), new SegmentStore(connection), now);
        var histories = await loader.LoadAsync([.. installations.Select(i => Request(i.Terms, at))], cancellationToken);
        return installations.Zip(histories)
            .GroupBy(p => p.First.Channel)
            .Select(g => (Channel: g.Key, Statement: Describe([.. g.Select(p => p.Second).OrderBy(h => h.Terms.From)], at, registers)))
            .Where(s => s.Statement is not null)
            .ToImmutableDictionary(s => s.Channel, s => s.Statement!);
    }

    private static HistoryRequest Request(InstalledRegister terms, Instant at)
    {
        var day = UtcDay.Of(terms.To < at ? terms.To.Value : at);
        return new HistoryRequest(terms, day, day);
    }

    private static RegisterStatement? Describe(List<RegisterHistory> histories, Instant at, Dictionary<RegisterId, KnownRegister> registers)
    {
        var current = histories[^1];
        var index = current.LastAtOrBefore(at);
        if (index < 0)
        {
            return null;
        }

        var quality = current[index].At == at ? IntervalQuality.Measured
            : index == current.Count - 1 ? IntervalQuality.Missing
            : IntervalQuality.Interpolated;
        var register = registers[current.Terms.Register];
        return new RegisterStatement(register.Key, at, current[index].Value, register.Scale, current.Terms.Digits, quality, histories.Sum(h => h.ScaledAt(at)));
    }
}
