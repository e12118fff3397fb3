using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A channel that gateways feed, for as long as a register is installed.</summary>
public sealed record FedChannel(ChannelId Channel, string Zone, Instant From, Instant? To);

/// <summary>A register that feeds a channel, by name.</summary>
public sealed record FeedingRegister(RegisterId Register, RegisterKey Key, int Scale, Instant From, Instant? To);

/// <summary>What validation reads of metering: days as they are billed, and the registers behind them.</summary>
public static class ValidationEvidence
{
    /// <summary>Why readings are parked whose register nobody registered.</summary>
    public const string UnknownRegister = Route.UnknownRegister;

    /// <summary>Why readings are parked that do not fit the register's scale.</summary>
    public const string WrongScale = Route.WrongScale;

    /// <summary>Current days of a channel.</summary>
    public static async Task<SortedDictionary<LocalDate, IntervalDay>> ReadDaysAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync(
            "SELECT day, interval_minutes, quantities, qualities FROM interval_day WHERE channel_id = $1 AND day >= $2 AND day <= $3",
            r => (Day: r.GetFieldValue<LocalDate>(0), Intervals: IntervalDay.Unpack(r.GetInt16(1), r.GetFieldValue<byte[]>(2), r.GetFieldValue<byte[]>(3))),
            cancellationToken, channel.Value, first, last);
        return new SortedDictionary<LocalDate, IntervalDay>(rows.ToDictionary(r => r.Day, r => r.Intervals));
    }

    /// <summary>The measured layer of days, without overrides.</summary>
    public static async Task<SortedDictionary<LocalDate, IntervalDay>> ReadMeasuredAsync(
        NpgsqlConnection connection, ChannelId channel, ChannelFeed feed, IEnumerable<LocalDate> days, Instant now, CancellationToken cancellationToken)
    {
        var computed = await MeasuredLayer.ComputeAsync(connection, feed, [.. days.Select(d => (channel, d))], now, cancellationToken);
        return new SortedDictionary<LocalDate, IntervalDay>(computed.Where(c => c.Intervals is not null).ToDictionary(c => c.Day, c => c.Intervals!));
    }

    /// <summary>Intervals of UTC days [first, last] of which deliveries said different things, in order of time.</summary>
    public static async Task<List<DeliveredDispute>> ReadDisputesAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken)
    {
        var days = Enumerable.Range(0, Period.DaysBetween(first, last) + 1).Select(i => (channel, first.PlusDays(i)));
        return [.. (await DeliveredDays.ReadDisputesAsync(connection, days, cancellationToken)).Select(d => d.Dispute)];
    }

    /// <summary>The registers of a channel over UTC days: unwrapped, each with the point before and after; and what was read on each grid, for conflicts.</summary>
    public static async Task<(IReadOnlyList<RegisterHistory> Histories, IReadOnlyList<RegisterDay> Blocks)> ReadRegistersAsync(
        NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, Instant now, CancellationToken cancellationToken)
    {
        var feeding = await connection.RowsAsync("SELECT DISTINCT register_id FROM installation WHERE channel_id = $1", r => r.GetGuid(0), cancellationToken, channel.Value);
        var registers = await RegisterCatalog.ReadAsync(connection, [.. feeding], cancellationToken);
        var (start, end) = (UtcDay.StartOf(first), UtcDay.StartOf(last.PlusDays(1)));
        var terms = registers.Values.SelectMany(r => r.Installations).Where(i => i.Channel == channel && i.Terms.From < end && !(i.Terms.To <= start)).Select(i => i.Terms).OrderBy(t => t.From).ToArray();
        var store = new RegisterDayStore(connection);
        var histories = await new HistoryLoader(store, new SegmentStore(connection), now).LoadAsync([.. terms.Select(t => new HistoryRequest(t, first, last))], cancellationToken);
        return ([.. histories.Where(h => h.Count > 0)], [.. terms.Select(t => t.Register).Distinct().SelectMany(r => store.Blocks(r, first, last))]);
    }

    /// <summary>Channels fed by registers, in order of their ids, after one.</summary>
    public static Task<List<FedChannel>> ReadFedAsync(NpgsqlConnection connection, ChannelId after, int limit, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT c.channel_id, c.zone, min(i.from_at), CASE WHEN bool_or(i.to_at IS NULL) THEN NULL ELSE max(i.to_at) END
            FROM channel c JOIN installation i ON i.channel_id = c.channel_id
            WHERE c.channel_id > $1 AND c.feed = 1 GROUP BY c.channel_id, c.zone ORDER BY c.channel_id LIMIT $2
            """, r => new FedChannel(new ChannelId(r.GetGuid(0)), r.GetString(1), r.GetFieldValue<Instant>(2), r.IsDBNull(3) ? null : r.GetFieldValue<Instant>(3)),
            cancellationToken, after.Value, limit);

    /// <summary>The registers that feed a channel in [from, to).</summary>
    public static Task<List<FeedingRegister>> ReadFeedingAsync(NpgsqlConnection connection, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT r.register_id, r.manufacturer, r.serial, r.obis, i.from_at, i.to_at, r.scale FROM installation i JOIN register r ON r.register_id = i.register_id
            WHERE i.channel_id = $1 AND i.from_at < $3 AND (i.to_at IS NULL OR i.to_at > $2) ORDER BY i.from_at
            """, r => new FeedingRegister(
                new RegisterId(r.GetGuid(0)), new RegisterKey(r.GetString(1), r.GetString(2), ObisCode.Parse(r.GetString(3))), r.GetInt16(6), r.GetFieldValue<Instant>(4), r.IsDBNull(5) ? null : r.GetFieldValue<Instant>(5)),
            cancellationToken, channel.Value, from, to);

    /// <summary>How far clocks were off that dated readings of the channel's registers in [first, last].</summary>
    public static Task<List<RegisterClock>> ReadClocksAsync(NpgsqlConnection connection, ChannelId channel, LocalDate first, LocalDate last, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT c.ahead_ms, c.behind_ms, c.first_at, c.last_at FROM installation i JOIN register_clock c ON c.register_id = i.register_id
            WHERE i.channel_id = $1 AND c.day >= $2 AND c.day <= $3 AND c.last_at >= i.from_at AND (i.to_at IS NULL OR c.first_at <= i.to_at) ORDER BY c.first_at
            """, r => new RegisterClock(r.GetInt64(0), r.GetInt64(1), r.GetFieldValue<Instant>(2), r.GetFieldValue<Instant>(3)), cancellationToken, channel.Value, first, last);

    /// <summary>When another meter answered where these registers are configured, up to an instant, and its serial number; in order of time.</summary>
    public static Task<List<(RegisterId Register, Instant At, string Serial)>> ReadOtherMetersAsync(
        NpgsqlConnection connection, IReadOnlyCollection<RegisterId> registers, Instant to, CancellationToken cancellationToken) =>
        connection.RowsAsync(
            "SELECT register_id, at, serial FROM register_other_meter WHERE register_id = ANY($1) AND at <= $2 ORDER BY at, serial",
            r => (new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1), r.GetString(2)), cancellationToken, registers.Select(r => r.Value).ToArray(), to);

    /// <summary>Gateways that ever delivered a register of the point.</summary>
    public static async Task<string[]> ReadGatewaysAsync(NpgsqlConnection connection, string point, CancellationToken cancellationToken)
    {
        var registers = await connection.RowsAsync(
            "SELECT DISTINCT i.register_id FROM channel c JOIN installation i ON i.channel_id = c.channel_id WHERE c.point = $1", r => r.GetGuid(0), cancellationToken, point);
        return [.. await connection.RowsAsync(
            "SELECT DISTINCT gateway FROM register_gateway WHERE register_id = ANY($1)", r => r.GetString(0), cancellationToken, registers.ToArray())];
    }

    /// <summary>The channels of a point.</summary>
    public static Task<List<(ChannelId Channel, Measurand Measurand, int Exponent)>> ReadPointAsync(NpgsqlConnection connection, string point, CancellationToken cancellationToken) =>
        connection.RowsAsync(
            "SELECT channel_id, quantity, direction, exponent FROM channel WHERE point = $1",
            r => (new ChannelId(r.GetGuid(0)), new Measurand((Quantity)r.GetInt16(1), (Direction)r.GetInt16(2)), (int)r.GetInt16(3)), cancellationToken, point);

    /// <summary>
    /// Advance of a register that feeds no channel, such as the export register of a meter at a point without export: difference of its last and first display in [from, to], in
    /// base units scaled by 10^−<paramref name="exponent"/>; null where it is not registered or was read less than twice.
    /// </summary>
    public static async Task<long?> ReadUninstalledAdvanceAsync(NpgsqlConnection connection, RegisterKey register, Instant from, Instant to, int exponent, CancellationToken cancellationToken)
    {
        var known = await connection.RowsAsync("""
            SELECT r.scale FROM register r WHERE r.register_id = $1 AND NOT EXISTS (SELECT FROM installation i WHERE i.register_id = r.register_id)
            """, r => (int)r.GetInt16(0), cancellationToken, register.Id.Value);
        if (known.Count == 0)
        {
            return null;
        }

        var store = new RegisterDayStore(connection);
        var (first, last) = (UtcDay.Of(from), UtcDay.Of(to));
        await store.LoadAsync(Enumerable.Range(0, Period.DaysBetween(first, last) + 1).Select(i => (register.Id, first.PlusDays(i))), cancellationToken);
        var points = store.Points(register.Id, first, last, []).Where(p => p.At >= from && p.At <= to).ToArray();
        return points.Length < 2 ? null : new Fraction(1, 1).TimesPowerOfTen(known[0] - exponent).Scale(Math.Max(0, points[^1].Value - points[0].Value));
    }
}
