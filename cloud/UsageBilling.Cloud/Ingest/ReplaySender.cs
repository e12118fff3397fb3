using Google.Protobuf;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Passes replay requests on to gateways until each is answered, or a day is over: a gateway may be away.</summary>
internal sealed class ReplaySender(NpgsqlDataSource database, IBroker broker, TimeProvider time, ILogger<ReplaySender> log) : BackgroundService
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(2);
    private static readonly Duration AskAgainAfter = Duration.FromMinutes(1);
    private static readonly Duration GiveUpAfter = Duration.FromDays(1);

    /// <summary>Sends what is due; returns how many.</summary>
    public async Task<int> SendAsync(CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        var sent = 0;
        foreach (var (id, gateway, request) in await DueAsync(now, cancellationToken))
        {
            try
            {
                await broker.PublishAsync(Topics.Replay(gateway), request.ToByteArray(), id.ToByteArray(bigEndian: true), cancellationToken);
                sent++;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // Whatever the client library throws: it is asked for again.
                log.ReplayNotSent(gateway, e);
            }
        }

        return sent;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pace, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SendAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.ReplayNotSent("", e);
            }
        }
    }

    /// <summary>Marks and returns requests that nobody sent within the last minute.</summary>
    private async Task<List<(Guid Id, string Gateway, ReplayRequest Request)>> DueAsync(Instant now, CancellationToken cancellationToken)
    {
        await using var expire = database.CreateCommand("UPDATE gateway_replay SET answered_at = $1, batches = 0, answer = 'the gateway did not answer within a day' WHERE answered_at IS NULL AND asked_at < $2");
        expire.Parameters.Add(new() { Value = now });
        expire.Parameters.Add(new() { Value = now - GiveUpAfter });
        await expire.ExecuteNonQueryAsync(cancellationToken);
        await using var command = database.CreateCommand(
            """
            UPDATE gateway_replay SET sent_at = $1
            WHERE replay_id IN (SELECT replay_id FROM gateway_replay WHERE answered_at IS NULL AND (sent_at IS NULL OR sent_at < $2) ORDER BY asked_at LIMIT 100 FOR UPDATE SKIP LOCKED)
            RETURNING replay_id, gateway, stream, from_sequence, through_sequence
            """);
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = now - AskAgainAfter });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var due = new List<(Guid, string, ReplayRequest)>();
        while (await row.ReadAsync(cancellationToken))
        {
            due.Add((row.GetGuid(0), row.GetString(1), new ReplayRequest { Stream = BatchCodec.Bytes(row.GetGuid(2)), From = (ulong)row.GetInt64(3), Through = (ulong)row.GetInt64(4) }));
        }

        return due;
    }
}
