using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Projects what is committed: many batches of many streams in one transaction with their positions. When a group cannot be projected it is cut in
/// halves, so that one bad batch is parked alone and its neighbours commit.
/// </summary>
internal sealed class MeteringProjector(NpgsqlDataSource database, CommitSignal committed, TimeProvider time, ILogger<MeteringProjector> log) : BackgroundService
{
    private const int MostStreams = 1_000;
    private const int MostBatches = 4_000;
    private const int MostParked = 500;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);
    private static readonly Duration LongestTransaction = Duration.FromHours(1);

    private readonly Senders _senders = new();
    private Instant? _partitionsMade;
    private int _mostBatches = MostBatches;

    /// <summary>Projects until nothing is left; returns how many batches.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        var total = 0;
        await MakePartitionsAsync(cancellationToken);
        await ReplayParkedAsync(cancellationToken);
        while (await ProjectAsync(cancellationToken) is var projected and > 0)
        {
            total += projected;
        }

        return total;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await DrainAsync(stoppingToken);
                await committed.WaitAsync(Poll, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The database is away or refused, or something was not foreseen: nothing was committed, the positions say where to go on.
                log.ProjectionInterrupted(e);
                await Task.Delay(AfterTrouble, time, stoppingToken);
            }
        }
    }

    /// <summary>One group in one transaction. Returns how many batches it moved past.</summary>
    private async Task<int> ProjectAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var streams = await Journal.LockUnprojectedAsync(connection, MostStreams, cancellationToken);
        if (streams.IsEmpty)
        {
            return 0;
        }

        var limit = _mostBatches;
        var batches = await Journal.ReadUnprojectedAsync(connection, streams, limit, cancellationToken);
        var positions = Positions(streams, batches, limit);
        var now = time.GetCurrentInstant();
        try
        {
            var parked = await new Projection(connection, now, _senders).ApplyAsync([.. batches.Where(b => b.Kind == BatchKind.Readings)], cancellationToken);
            await Journal.ParkAsync(connection, parked, cancellationToken);
            await Journal.MoveProjectedAsync(connection, positions, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            _senders.Committed();
            _mostBatches = Math.Min(MostBatches, _mostBatches * 2);
            return Math.Max(1, batches.Length);
        }
        catch (Exception e) when (IsAboutTheData(e, cancellationToken))
        {
            await transaction.RollbackAsync(cancellationToken);
            if (batches.Length > 1)
            {
                log.ProjectionBisected(batches.Length, e);
                _mostBatches = Math.Max(1, Math.Min(limit, batches.Length) / 2);
                return 1;
            }

            await ParkAloneAsync(batches[0], e, cancellationToken);
            return 1;
        }
    }

    /// <summary>Where each stream stands after the group. A group cut short ends in the middle of its last stream, and those behind it wait.</summary>
    private static List<(string, Guid, long)> Positions(IReadOnlyList<UnprojectedStream> streams, IReadOnlyList<JournalBatch> batches, int limit)
    {
        if (batches.Count < limit)
        {
            return [.. streams.Select(s => (s.Gateway, s.Stream, s.CommittedThrough))];
        }

        return [.. batches.GroupBy(b => (b.Gateway, b.Stream)).Select(g => (g.Key.Gateway, g.Key.Stream, g.Max(b => b.Sequence)))];
    }

    private async Task ParkAloneAsync(JournalBatch batch, Exception error, CancellationToken cancellationToken)
    {
        log.BatchParked(batch.Gateway, batch.Sequence, error);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await Journal.ParkAsync(connection, [Alone(batch, error)], cancellationToken);
        await Journal.MoveProjectedAsync(connection, [(batch.Gateway, batch.Stream, batch.Sequence)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>
    /// Readings parked because nobody knew their register come back when it is registered. Registers are looked at for as long as a projection that
    /// began before the registration could still be parking.
    /// </summary>
    private async Task ReplayParkedAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var since = time.GetCurrentInstant() - LongestTransaction;
        var recent = await connection.RowsAsync("SELECT manufacturer, serial, obis FROM register WHERE registered_at > $1", r =>
            new RegisterKey(r.GetString(0), r.GetString(1), ObisCode.Parse(r.GetString(2))), cancellationToken, since);
        for (var limit = MostParked; recent.Count > 0 && limit > 0;)
        {
            limit = await ReplayAsync(connection, (l, c) => Journal.TakeParkedAsync(connection, recent, Route.UnknownRegister, l, c), limit, cancellationToken);
        }

        for (var limit = MostParked; limit > 0;)
        {
            limit = await ReplayAsync(connection, (l, c) => Journal.TakeRetriedAsync(connection, l, c), limit, cancellationToken);
        }
    }

    /// <summary>Takes up to <paramref name="limit"/> parked groups; returns how many to take next, zero when there are none.</summary>
    private async Task<int> ReplayAsync(
        NpgsqlConnection connection, Func<int, CancellationToken, Task<ImmutableArray<JournalBatch>>> take, int limit, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var batches = await take(limit, cancellationToken);
        if (batches.IsEmpty)
        {
            return 0;
        }

        const string Attempt = "attempt";
        await transaction.SaveAsync(Attempt, cancellationToken);
        var taken = false;
        try
        {
            var parked = await new Projection(connection, time.GetCurrentInstant(), _senders).ApplyAsync([.. batches.Where(b => b.Kind == BatchKind.Readings)], cancellationToken);
            await Journal.ParkAsync(connection, parked, cancellationToken);
            log.ParkedReplayed(batches.Length);
            taken = true;
        }
        catch (Exception e) when (IsAboutTheData(e, cancellationToken))
        {
            if (limit > 1)
            {
                return limit / 2;
            }

            await transaction.RollbackAsync(Attempt, cancellationToken);
            await Journal.ParkAsync(connection, [.. batches.Select(b => Alone(b, e))], cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        if (taken)
        {
            _senders.Committed();
        }

        return Math.Min(MostParked, limit * 2);
    }

    private ParkedReadings Alone(JournalBatch batch, Exception error) =>
        new(batch.Gateway, batch.Stream, batch.Sequence, "", Route.Unprojectable, error.Message, 0, time.GetCurrentInstant());

    private async Task MakePartitionsAsync(CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        if (_partitionsMade is { } made && now - made < Duration.FromDays(1))
        {
            return;
        }

        await Retention.UpkeepAsync(database, now, cancellationToken);
        await Partitions.EnsureAsync(database, now, cancellationToken);
        _partitionsMade = now;
    }

    // Connection trouble, shutdown, deadlock and cancelled statements pass by themselves: only what the data caused is worth cutting a group for.
    private static bool IsAboutTheData(Exception error, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested
        && error is not OperationCanceledException
        && error switch
        {
            PostgresException p => p.SqlState[..2] is "22" or "23",
            NpgsqlException => false,
            System.IO.IOException or TimeoutException => false,
            _ => true,
        };
}
