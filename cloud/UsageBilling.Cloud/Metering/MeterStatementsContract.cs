using NodaTime;
using Npgsql;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>One register while it fed a channel within a span: where it stood at the beginning (or its installation) and at the end (or its removal).</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Register">The register.</param>
/// <param name="Multiplier">On top of the scale.</param>
/// <param name="Start">At the beginning.</param>
/// <param name="End">At the end.</param>
/// <param name="StartIsExchange">The register was installed within the span.</param>
/// <param name="EndIsExchange">The register was removed within the span.</param>
public sealed record MeterStatement(
    ChannelId Channel, RegisterKey Register, Fraction Multiplier, RegisterStatement Start, RegisterStatement End, bool StartIsExchange, bool EndIsExchange);

/// <summary>What meters showed over a span, installation by installation.</summary>
public sealed class MeterStatements(NpgsqlDataSource database, IntervalStore intervals)
{
    private sealed record Installed(ChannelId Channel, RegisterKey Register, Instant From, Instant? To, long? EndRegister, Fraction Multiplier);

    /// <summary>Every installation of the channels within [from, to), in order of time; those of which nothing was read are left out.</summary>
    public async Task<List<MeterStatement>> ReadAsync(IReadOnlyCollection<ChannelId> channels, Instant from, Instant to, CancellationToken cancellationToken)
    {
        var statements = new List<MeterStatement>();
        var atStart = await intervals.ReadRegistersAsync(channels, from, cancellationToken);
        var atEnd = await intervals.ReadRegistersAsync(channels, to, cancellationToken);
        foreach (var installed in await InstallationsAsync(channels, from, to, cancellationToken))
        {
            var exchangedIn = installed.From > from;
            var removed = installed.To is { } until && until <= to ? until : (Instant?)null;
            var start = exchangedIn ? await intervals.ReadRegisterAsync(installed.Channel, installed.From, cancellationToken) : atStart.GetValueOrDefault(installed.Channel);
            var end = removed is { } at ? await RemovedAsync(installed, at, cancellationToken) : atEnd.GetValueOrDefault(installed.Channel);
            if (start is null || end is null)
            {
                continue;
            }

            statements.Add(new MeterStatement(installed.Channel, installed.Register, installed.Multiplier, start, end, exchangedIn, removed < to));
        }

        return statements;
    }

    // At the instant of an exchange the next register answers, so the display of the one before is asked for just before; the channel's total is one.
    private async Task<RegisterStatement?> RemovedAsync(Installed installed, Instant at, CancellationToken cancellationToken)
    {
        var before = await intervals.ReadRegisterAsync(installed.Channel, at - Duration.FromMilliseconds(1), cancellationToken);
        var after = await intervals.ReadRegisterAsync(installed.Channel, at, cancellationToken);
        return before is null ? null : before with { At = at, Display = installed.EndRegister ?? before.Display, Total = after?.Total ?? before.Total };
    }

    private async Task<List<Installed>> InstallationsAsync(IReadOnlyCollection<ChannelId> channels, Instant from, Instant to, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT i.channel_id, r.manufacturer, r.serial, r.obis, i.from_at, i.to_at, i.end_register, i.multiplier_num, i.multiplier_den
            FROM installation i JOIN register r ON r.register_id = i.register_id
            WHERE i.channel_id = ANY($1) AND i.from_at < $3 AND (i.to_at IS NULL OR i.to_at > $2)
            ORDER BY i.channel_id, i.from_at
            """);
        command.Parameters.Add(new() { Value = channels.Select(c => c.Value).ToArray() });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = to });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var installed = new List<Installed>();
        while (await row.ReadAsync(cancellationToken))
        {
            installed.Add(new Installed(
                new ChannelId(row.GetGuid(0)),
                new RegisterKey(row.GetString(1), row.GetString(2), ObisCode.Parse(row.GetString(3))),
                row.GetFieldValue<Instant>(4),
                row.IsDBNull(5) ? null : row.GetFieldValue<Instant>(5),
                row.IsDBNull(6) ? null : row.GetInt64(6),
                new Fraction(row.GetInt64(7), row.GetInt64(8))));
        }

        return installed;
    }
}
