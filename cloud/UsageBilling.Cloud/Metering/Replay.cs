using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>How far a replay has come.</summary>
/// <param name="Phase">What is being rebuilt, in words.</param>
/// <param name="Done">Registers or channels done in this phase.</param>
/// <param name="Of">How many there are.</param>
/// <param name="Totals">All so far.</param>
public readonly record struct ReplayProgress(string Phase, int Done, int Of, ReplayTotals Totals);

/// <summary>
/// What a replay found. A row that is not explained is stored, and no evidence says so; a row that failed cannot be computed from its evidence. Both are left as they are
/// and named.
/// </summary>
public readonly record struct ReplayTotals(long Batches, long Same, long Different, long Unexplained, long Failed = 0)
{
    /// <summary>Sum.</summary>
    public static ReplayTotals operator +(ReplayTotals a, ReplayTotals b) =>
        new(a.Batches + b.Batches, a.Same + b.Same, a.Different + b.Different, a.Unexplained + b.Unexplained, a.Failed + b.Failed);
}

/// <summary>
/// Rebuilds register days, off-grid reads, segments and the measured layer of every feed from the journal and the other evidence, in pieces of one transaction each
/// under the locks of what they touch, while the service may run. A row that comes out the same is not touched; one that differs is written, keeps its history and reports
/// billed days, as any other change. Overrides are laid over again. After a kill, the next run goes on behind the last finished piece.
/// </summary>
public sealed class Replay(NpgsqlDataSource database, TimeProvider time)
{
    private const int ChannelsAtOnce = 100;
    private const int MostNamed = 1_000;
    private readonly List<string> _unexplained = [];
    private readonly List<string> _failed = [];

    /// <summary>Register days that are in memory at once, unless what belongs together has more.</summary>
    internal int RegisterDaysAtOnce { get; init; } = 50_000;

    /// <summary>Up to a thousand rows that nothing explains.</summary>
    public IReadOnlyList<string> Unexplained => _unexplained;

    /// <summary>Up to a thousand days that cannot be computed, each with the reason.</summary>
    public IReadOnlyList<string> Failed => _failed;

    /// <summary>Runs, or goes on with a run that was interrupted.</summary>
    public async Task<ReplayTotals> RunAsync(Action<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        var run = await ReplayRun.OpenAsync(database, time.GetCurrentInstant(), cancellationToken);
        if (run.Phase == 0)
        {
            run = await RegistersAsync(run, progress, cancellationToken);
        }

        foreach (var feed in EvidenceDays.OtherFeeds.Where(f => (int)f >= run.Phase))
        {
            run = await FeedAsync(run, feed, progress, cancellationToken);
        }

        await run.FinishAsync(database, time.GetCurrentInstant(), cancellationToken);
        return run.Totals;
    }

    private async Task<ReplayRun> RegistersAsync(ReplayRun run, Action<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        var groups = await ReplayGroups.ReadAsync(database, RegisterDaysAtOnce, cancellationToken);
        var (done, of) = (0, groups.Sum(g => g.Registers.Length));
        foreach (var group in groups)
        {
            done += group.Registers.Length;
            if (group.Key.CompareTo(run.DoneThrough) > 0)
            {
                await using var connection = await database.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                var totals = await new RegisterReplay(connection, time.GetCurrentInstant(), _unexplained).RunAsync(group, cancellationToken);
                run = await run.MoveAsync(connection, 0, group.Key, totals, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }

            progress?.Invoke(new ReplayProgress("registers", done, of, run.Totals));
        }

        return run;
    }

    private async Task<ReplayRun> FeedAsync(ReplayRun run, ChannelFeed feed, Action<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var channels = await EvidenceDays.ChannelsAsync(connection, feed, run.Phase == (int)feed ? run.DoneThrough : Guid.Empty, cancellationToken);
        var done = 0;

        // A formula may read a channel of the same piece: one at a time, each sees what was written for those before it.
        foreach (var piece in channels.Chunk(feed == ChannelFeed.Virtual ? 1 : ChannelsAtOnce))
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var now = time.GetCurrentInstant();
            await MeasuredLayer.LockAsync(connection, piece, cancellationToken);
            var totals = default(ReplayTotals);
            foreach (var days in (await EvidenceDays.ReadAsync(connection, feed, piece, cancellationToken)).Chunk(2_000))
            {
                var failures = new List<(ChannelId Channel, LocalDate Day, string Reason)>();
                var computed = feed == ChannelFeed.Events
                    ? await EventDays.ComputeAsync(connection, days, failures, cancellationToken)
                    : await MeasuredLayer.ComputeAsync(connection, feed, days, now, cancellationToken);
                var different = await new IntervalDays(connection, now, fromBytes: true).SaveAsync(computed, cancellationToken);
                _failed.AddRange(failures.Take(MostNamed - _failed.Count).Select(f => f.Reason));
                totals += new ReplayTotals(0, days.Length - failures.Count - different, different, 0, failures.Count);
            }

            run = await run.MoveAsync(connection, (int)feed, piece[^1].Value, totals, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            progress?.Invoke(new ReplayProgress($"channels fed by {feed.ToString().ToLowerInvariant()}", done += piece.Length, channels.Count, run.Totals));
        }

        return run;
    }
}

/// <summary>The row of a run.</summary>
internal sealed record ReplayRun(Guid Id, int Phase, Guid DoneThrough, ReplayTotals Totals)
{
    public static async Task<ReplayRun> OpenAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var open = await connection.RowsAsync("""
            SELECT replay_id, phase, done_through, batches, rows_same, rows_different, rows_unexplained, rows_failed FROM replay_run WHERE finished_at IS NULL ORDER BY started_at DESC LIMIT 1
            """, r => new ReplayRun(r.GetGuid(0), r.GetInt16(1), r.GetGuid(2), new ReplayTotals(r.GetInt64(3), r.GetInt64(4), r.GetInt64(5), r.GetInt64(6), r.GetInt64(7))), cancellationToken);
        if (open.Count > 0)
        {
            return open[0];
        }

        var run = new ReplayRun(Guid.CreateVersion7(), 0, Guid.Empty, default);
        await connection.RunAsync("""
            INSERT INTO replay_run (replay_id, started_at, phase, done_through, batches, rows_same, rows_different, rows_unexplained, rows_failed) VALUES ($1, $2, 0, $3, 0, 0, 0, 0, 0)
            """, cancellationToken, run.Id, now, Guid.Empty);
        return run;
    }

    /// <summary>In the transaction of a piece: what is done is done once.</summary>
    public async Task<ReplayRun> MoveAsync(NpgsqlConnection connection, int phase, Guid through, ReplayTotals totals, CancellationToken cancellationToken)
    {
        var moved = this with { Phase = phase, DoneThrough = through, Totals = Totals + totals };
        await connection.RunAsync("""
            UPDATE replay_run SET phase = $2, done_through = $3, batches = $4, rows_same = $5, rows_different = $6, rows_unexplained = $7, rows_failed = $8 WHERE replay_id = $1
            """, cancellationToken, Id, (short)phase, through, moved.Totals.Batches, moved.Totals.Same, moved.Totals.Different, moved.Totals.Unexplained, moved.Totals.Failed);
        return moved;
    }

    public async Task FinishAsync(NpgsqlDataSource database, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.RunAsync("UPDATE replay_run SET finished_at = $2 WHERE replay_id = $1", cancellationToken, Id, now);
    }
}

/// <summary>Registers that are rebuilt together, with the gateways that ever sent them; <paramref name="Key"/> orders groups and never falls.</summary>
internal sealed record ReplayGroup(Guid Key, ImmutableArray<Guid> Registers, ImmutableArray<string> Gateways);

/// <summary>
/// Cuts the registers into groups so that each gateway's batches are read once and memory does not grow with their number: what shares a gateway or a channel
/// stays together.
/// </summary>
internal static class ReplayGroups
{
    public static async Task<List<ReplayGroup>> ReadAsync(NpgsqlDataSource database, int registerDays, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var senders = await Ingest.Journal.ReadSendersAsync(connection, cancellationToken);
        var days = (await connection.RowsAsync("""
            SELECT r.register_id, (SELECT count(*) FROM register_day d WHERE d.register_id = r.register_id) FROM register r ORDER BY r.register_id
            """, r => (Id: r.GetGuid(0), Days: r.GetInt64(1)), cancellationToken)).ToDictionary(r => r.Id, r => r.Days);
        var channels = await connection.RowsAsync("SELECT channel_id, register_id FROM installation", r => (r.GetGuid(0), r.GetGuid(1)), cancellationToken);
        var sets = new DisjointSets();
        foreach (var register in days.Keys)
        {
            sets.Find(register);
        }

        foreach (var (gateway, register) in senders.Where(s => days.ContainsKey(s.Register)))
        {
            sets.Join(register, gateway);
        }

        foreach (var (channel, register) in channels)
        {
            sets.Join(register, channel);
        }

        var gateways = senders.Where(s => days.ContainsKey(s.Register)).ToLookup(s => sets.Find(s.Register), s => s.Gateway);
        var parts = days.Keys.GroupBy(r => sets.Find(r)).Select(g => (Key: g.Max(), Registers: g.ToArray(), Days: g.Sum(r => days[r]), Gateways: gateways[g.Key].Distinct()));
        var groups = new List<ReplayGroup>();
        var (registers, names, open, key) = (new List<Guid>(), new List<string>(), 0L, Guid.Empty);
        foreach (var part in parts.OrderBy(p => p.Key))
        {
            registers.AddRange(part.Registers);
            names.AddRange(part.Gateways);
            open += part.Days;
            key = part.Key;
            if (open >= registerDays)
            {
                Close();
            }
        }

        Close();
        return groups;

        void Close()
        {
            if (registers.Count > 0)
            {
                groups.Add(new ReplayGroup(key, [.. registers], [.. names]));
                registers.Clear();
                names.Clear();
                open = 0;
            }
        }
    }

    private sealed class DisjointSets
    {
        private readonly Dictionary<object, object> _above = [];

        public object Find(object item)
        {
            if (!_above.TryGetValue(item, out var above))
            {
                _above.Add(item, above = item);
            }

            while (!above.Equals(item))
            {
                item = above;
                above = _above[item];
            }

            return item;
        }

        public void Join(object a, object b) => _above[Find(a)] = Find(b);
    }
}
