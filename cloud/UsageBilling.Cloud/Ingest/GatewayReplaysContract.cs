using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Asks gateways to send batches again that they keep, and notes what they answer. The journal takes what comes like any other batch: what is known changes nothing.</summary>
public sealed class GatewayReplays(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Most batches of one request.</summary>
    private const long Most = 10_000;

    /// <summary>
    /// Asks for the batches around [from, to] of every stream that carried the register: from the last one before the span to the first one after it. Returns how many
    /// streams were asked.
    /// </summary>
    public async Task<int> AskAsync(RegisterId register, Instant from, Instant to, string actor, string reason, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var asked = new List<(Guid Id, string Gateway, Guid Stream, long From, long Through)>();
        await using (var command = new NpgsqlCommand(
            """
            SELECT b.gateway, b.stream,
              coalesce(max(b.sequence) FILTER (WHERE b.last_at < $2), min(b.sequence)),
              coalesce(min(b.sequence) FILTER (WHERE b.first_at > $3), max(b.sequence))
            FROM reading_batch b JOIN stream s ON s.gateway = b.gateway AND s.stream = b.stream
            WHERE b.register_ids @> ARRAY[$1] AND b.received_at >= $4 AND s.closed_at IS NULL
            GROUP BY b.gateway, b.stream
            """,
            connection))
        {
            command.Parameters.Add(new() { Value = register.Value });
            command.Parameters.Add(new() { Value = from });
            command.Parameters.Add(new() { Value = to });
            command.Parameters.Add(new() { Value = from - Duration.FromDays(2) });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                var (first, last) = (row.GetInt64(2), row.GetInt64(3));
                asked.Add((Guid.CreateVersion7(now.ToDateTimeOffset()), row.GetString(0), row.GetGuid(1), Math.Min(first, last), Math.Min(Math.Max(first, last), first + Most - 1)));
            }
        }

        foreach (var (id, gateway, stream, first, through) in asked)
        {
            await using var insert = new NpgsqlCommand(
                "INSERT INTO gateway_replay (replay_id, gateway, stream, from_sequence, through_sequence, actor, reason, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", connection);
            foreach (var value in new object[] { id, gateway, stream, first, Math.Max(first, through), actor, reason, now })
            {
                insert.Parameters.Add(new() { Value = value });
            }

            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        await AuditLog.WriteAsync(
            connection, now, [.. asked.Select(a => new AuditEntry(actor, "ask-replay", $"gateway/{a.Gateway}", null, new { replay = a.Id, stream = a.Stream, from = a.From, through = a.Through }, reason))], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return asked.Count;
    }

    /// <summary>A gateway has just connected: what it was asked while it was away, it never heard.</summary>
    internal static async Task ListensAgainAsync(NpgsqlDataSource database, string gateway, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("UPDATE gateway_replay SET sent_at = NULL WHERE gateway = $1 AND answered_at IS NULL AND sent_at IS NOT NULL");
        command.Parameters.Add(new() { Value = gateway });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>A gateway says what it sent. Only its own requests are answered.</summary>
    internal static async Task AnsweredAsync(NpgsqlDataSource database, string gateway, byte[] payload, byte[]? correlation, Instant now, CancellationToken cancellationToken)
    {
        if (correlation is not { Length: 16 })
        {
            return; // nothing to match it with
        }

        ReplayReply reply;
        try
        {
            reply = ReplayReply.Parser.ParseFrom(payload);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException e)
        {
            reply = new ReplayReply { Reason = $"the answer cannot be read: {e.Message}" };
        }

        await using var command = database.CreateCommand(
            "UPDATE gateway_replay SET answered_at = $3, batches = $4, answer = $5 WHERE replay_id = $1 AND gateway = $2 AND answered_at IS NULL");
        command.Parameters.Add(new() { Value = new Guid(correlation, bigEndian: true) });
        command.Parameters.Add(new() { Value = gateway });
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = (int)Math.Min(reply.Sent, int.MaxValue) });
        command.Parameters.Add(new() { Value = reply.Reason.Length > 0 ? reply.Reason : $"{reply.Sent} batches sent, the oldest kept is {reply.OldestKept}" });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
