using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A channel to compute from others.</summary>
/// <param name="Key">Its point and measurand.</param>
/// <param name="Zone">IANA zone of its point.</param>
/// <param name="Formula">Over channels of the same quantity and exponent; fixed for ever.</param>
public sealed record VirtualRegistration(ChannelKey Key, string Zone, VirtualFormula Formula);

/// <summary>Puts virtual channels into service. Their days follow the final intervals of their sources: estimates and edits there count here.</summary>
public static class VirtualChannels
{
    /// <summary>
    /// Registers channels in the caller's transaction, in any order, and lists every day that their sources have. Saying the same twice changes nothing.
    /// </summary>
    /// <exception cref="MeteringConfigurationException">
    /// A source is unknown, of another quantity or exponent; formulas read each other in a circle; a channel is there already with another feed or formula.
    /// </exception>
    public static async Task RegisterAsync(NpgsqlConnection connection, IReadOnlyCollection<VirtualRegistration> registrations, Instant now, CancellationToken cancellationToken)
    {
        var wanted = registrations.ToDictionary(r => r.Key.Id);
        var order = VirtualOrder.Of(wanted.ToDictionary(w => w.Key, w => w.Value.Formula), out var circle);
        Registering.Check(circle.Count == 0, $"a virtual channel cannot read itself: {string.Join(" reads ", circle.Select(c => wanted[c].Key))}");
        foreach (var channel in order)
        {
            await RegisterAsync(connection, wanted[channel], now, cancellationToken);
        }
    }

    private static async Task RegisterAsync(NpgsqlConnection connection, VirtualRegistration registration, Instant now, CancellationToken cancellationToken)
    {
        var (key, zone, formula) = registration;
        var sources = await MeasuredLayer.LockAsync(connection, formula.Sources, cancellationToken);
        Registering.Check(formula.Sources.Length > 0, $"channel {key} reads no channel: name at least one");
        Registering.Check(formula.Sources.Distinct().Count() == formula.Sources.Length, $"channel {key} reads a channel twice");
        foreach (var source in formula.Sources)
        {
            Registering.Check(sources.TryGetValue(source, out var terms), $"channel {key} reads {source}, which is not registered: register it first");
            Registering.Check(
                terms!.Key.Measurand.Quantity == key.Measurand.Quantity,
                $"channel {key} reads {terms.Key}: a formula is over channels of one quantity");
            Registering.Check(
                terms.Exponent == sources[formula.Sources[0]].Exponent,
                $"channel {key} reads {terms.Key} with exponent {terms.Exponent} and another with {sources[formula.Sources[0]].Exponent}: give them the same");
        }

        await Registering.RegisterAsync(connection, new ChannelRegistration(key, sources[formula.Sources[0]].Exponent, zone, ChannelFeed.Virtual), now, cancellationToken);
        if ((await ReadAsync(connection, [key.Id], cancellationToken)).TryGetValue(key.Id, out var stored))
        {
            Registering.Check(stored.Equals(formula), $"channel {key} has another formula; its intervals and bills stand on it, so give the new one a point of its own");
            return;
        }

        await AddAsync(connection, key.Id, formula, now, cancellationToken);
        await connection.RunAsync("UPDATE channel SET has_dependants = true WHERE channel_id = ANY($1)", cancellationToken, Ids(formula.Sources));
        await DueDays.AddEndedAsync(connection, formula.Sources, now, cancellationToken);

        // What a channel is judged by changes with what reads it.
        await DueDays.ValidateAgainAsync(connection, formula.Sources, UtcDay.Of(now).PlusDays(-ChannelAlternates.DaysBack), UtcDay.Of(now).PlusDays(-1), now, cancellationToken);
    }

    /// <summary>Formulas of the virtual channels among these.</summary>
    internal static async Task<Dictionary<ChannelId, VirtualFormula>> ReadAsync(NpgsqlConnection connection, IEnumerable<ChannelId> channels, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync("""
            SELECT v.channel_id, v.weights, v.part, s.source_id, s.sign
            FROM virtual_channel v JOIN virtual_source s ON s.channel_id = v.channel_id
            WHERE v.channel_id = ANY($1) ORDER BY v.channel_id, s.position
            """, r => (Channel: new ChannelId(r.GetGuid(0)),
                Weights: r.IsDBNull(1) ? null : r.GetFieldValue<long[]>(1), Part: r.IsDBNull(2) ? 0 : r.GetInt32(2), Source: new ChannelId(r.GetGuid(3)), Sign: r.GetInt16(4)),
            cancellationToken, Ids(channels));
        return rows.GroupBy(r => r.Channel).ToDictionary(g => g.Key, g => g.First().Weights is { } weights
            ? (VirtualFormula)new Share(g.First().Source, [.. weights], g.First().Part)
            : new Combination([.. g.Where(r => r.Sign > 0).Select(r => r.Source)], [.. g.Where(r => r.Sign < 0).Select(r => r.Source)]));
    }

    private static async Task AddAsync(NpgsqlConnection connection, ChannelId channel, VirtualFormula formula, Instant now, CancellationToken cancellationToken)
    {
        var share = formula as Share;
        var plus = (formula as Combination)?.Plus.Length ?? 1;
        await connection.RunAsync(
            "INSERT INTO virtual_channel (channel_id, weights, part, registered_at) VALUES ($1, $2::bigint[], $3::integer, $4)", cancellationToken, channel.Value, share?.Weights.ToArray(), share?.Part, now);
        await connection.RunAsync(
            "INSERT INTO virtual_source (channel_id, position, source_id, sign) SELECT $1, s.place - 1, s.source_id, s.sign FROM unnest($2::uuid[], $3::smallint[]) WITH ORDINALITY AS s (source_id, sign, place)",
            cancellationToken, channel.Value, Ids(formula.Sources), formula.Sources.Select((_, i) => (short)(i < plus ? 1 : -1)).ToArray());
    }

    private static Guid[] Ids(IEnumerable<ChannelId> channels) => [.. channels.Select(c => c.Value)];
}
