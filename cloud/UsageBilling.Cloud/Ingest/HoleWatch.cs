using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Ingest;

/// <summary>Asks for what is missing when a hole in a stream stays: a short one is normal where instances share a subscription.</summary>
internal sealed class HoleWatch(NpgsqlDataSource source, Replies replies, TimeProvider time, ILogger<HoleWatch> log) : BackgroundService
{
    /// <summary>How long a hole may stay before the gateway is asked to resend.</summary>
    public static readonly Duration Patience = Duration.FromSeconds(5);

    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(2);

    /// <summary>One RESEND for each open stream whose hole is older than <see cref="Patience"/>.</summary>
    public static async Task<IReadOnlyList<IngestReply>> FindAsync(NpgsqlDataSource source, Instant now, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand("""
            SELECT gateway, stream, committed_through, last_hash, hole_since FROM stream
            WHERE hole_since <= $1 AND closed_at IS NULL
            ORDER BY hole_since LIMIT 1000
            """);
        command.Parameters.Add(new() { Value = now - Patience });
        var found = new List<IngestReply>();
        await using var row = await command.ExecuteReaderAsync(cancellation);
        while (await row.ReadAsync(cancellation))
        {
            var position = new StreamPosition(row.GetInt64(2), await row.GetFieldValueAsync<byte[]>(3, cancellation), [], null, false);
            var since = await row.GetFieldValueAsync<Instant>(4, cancellation);
            found.Add(IngestReply.Because(
                new StreamKey(row.GetString(0), row.GetGuid(1)), Ack.Types.Kind.Resend, position.CommittedThrough + 1, $"missing since {since}", position));
        }

        return found;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pace, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                replies.Send(await FindAsync(source, time.GetCurrentInstant(), stoppingToken));
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.HoleSearchFailed(e);
            }
        }
    }
}
