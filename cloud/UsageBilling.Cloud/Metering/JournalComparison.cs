using System.Collections.Immutable;
using System.Data;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Recomputes what projection stored, with the same pure functions but in one go and from the journal alone, in one snapshot. Registers are taken
/// in groups, so that memory does not grow with their number; the journal is read once a group.
/// </summary>
internal sealed class JournalComparison(NpgsqlDataSource database)
{
    private const int GroupSize = 2_000;
    private readonly ImmutableArray<MeteringDifference>.Builder _differences = ImmutableArray.CreateBuilder<MeteringDifference>();

    /// <summary>Batches whose place in the chain was checked.</summary>
    public int Batches { get; private set; }

    /// <summary>Stored register days that were compared.</summary>
    public int RegisterDays { get; private set; }

    /// <summary>Interval days of channels without registers that were compared.</summary>
    public int DaysWithoutRegisters { get; private set; }

    public async Task<ImmutableArray<MeteringDifference>> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await CheckChainsAsync(connection, cancellationToken);
        var ids = await connection.RowsAsync("SELECT register_id FROM register ORDER BY register_id", r => r.GetGuid(0), cancellationToken);
        foreach (var group in ids.Chunk(GroupSize))
        {
            var registers = await RegisterCatalog.ReadAsync(connection, group, cancellationToken);
            var journal = await RebuiltRegisters.ReadAsync(connection, registers, null, cancellationToken);
            await CompareDaysAsync(connection, journal, cancellationToken);
            await CompareReadsAsync(connection, journal, cancellationToken);
            await CompareNotesAsync(connection, journal, cancellationToken);
            await new IntervalComparison(connection, registers, journal, _differences).RunAsync([.. group.Select(g => new RegisterId(g))], cancellationToken);
        }

        // Usage events are checked by who verifies across slices, beside the days that wait to be computed.
        foreach (var feed in EvidenceDays.OtherFeeds.Where(f => f != ChannelFeed.Events))
        {
            await CompareFeedAsync(connection, feed, cancellationToken);
        }

        return _differences.ToImmutable();
    }

    private async Task CheckChainsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var anchors = await Journal.ReadAnchorsAsync(connection, cancellationToken);
        var missing = await Journal.ReadProjectedThroughAsync(connection, cancellationToken);
        var (stream, through, hash) = (("", Guid.Empty), 0L, Array.Empty<byte>());
        await foreach (var journal in Journal.ReadProjectedAsync(connection, cancellationToken))
        {
            Batches++;
            if (stream != (journal.Gateway, journal.Stream))
            {
                (through, hash) = (0L, []);
            }

            var subject = $"{journal.Gateway}/{journal.Stream}/{journal.Sequence}";
            stream = (journal.Gateway, journal.Stream);
            var decoded = BatchCodec.TryDecode(journal.Body, out var batch, out _);
            var from = decoded && batch.Gap is { } gap ? (long)gap.From : journal.Sequence;
            if (anchors.TryGetValue((journal.Gateway, journal.Stream, from - 1), out var anchor) && from > through + 1)
            {
                hash = anchor;
            }
            else if (from > through + 1)
            {
                Add("sequence", subject, $"batches {through + 1} to {from - 1} are not in the journal");
            }

            if (decoded && (batch.Gateway != journal.Gateway || batch.Stream != journal.Stream || (long)batch.Sequence != journal.Sequence))
            {
                Add("hash chain", subject, $"the body says {batch.Gateway}/{batch.Stream}/{batch.Sequence}");
            }

            // A gap record stands for batches whose hashes nobody has; where the oldest months were dropped, the chain goes on from its anchor.
            if (decoded && batch.Gap is null && !batch.PreviousHash.AsSpan().SequenceEqual(hash))
            {
                Add("hash chain", subject, $"names {Convert.ToHexStringLower(batch.PreviousHash.AsSpan())} as its predecessor, which is {Convert.ToHexStringLower(hash)}");
            }

            through = journal.Sequence;
            hash = decoded && batch.Gap is { } lost ? [.. lost.NextPreviousHash] : BatchSignature.Hash(journal.Body);
            if (missing.TryGetValue(stream, out var projected) && through >= projected)
            {
                missing.Remove(stream);
            }
        }

        foreach (var ((gateway, id), projected) in missing.Where(m => m.Value > 0 && !anchors.ContainsKey((m.Key.Gateway, m.Key.Stream, m.Value))))
        {
            Add("sequence", $"{gateway}/{id}/{projected}", "the stream is projected up to here, and the journal ends before");
        }
    }

    private async Task CompareDaysAsync(NpgsqlConnection connection, RebuiltRegisters journal, CancellationToken cancellationToken)
    {
        var unseen = journal.Days.Keys.ToHashSet();
        await using var command = new NpgsqlCommand("""
            SELECT register_id, day, interval_minutes, slot_values, qualities, distances FROM register_day WHERE register_id = ANY($1) ORDER BY register_id, day
            """, connection) { Parameters = { new() { Value = journal.Ids } } };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            RegisterDays++;
            var key = (new RegisterId(row.GetGuid(0)), row.GetFieldValue<LocalDate>(1));
            unseen.Remove(key);
            var subject = journal.Name(key.Item1, key.Item2);
            if (!journal.Days.TryGetValue(key, out var day))
            {
                Add("register day", subject, "stored, and no batch says so");
            }
            else if (day.IntervalMinutes != row.GetInt16(2)
                || !day.PackValues().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(3))
                || !day.PackQualities().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(4))
                || !day.PackDistances().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(5)))
            {
                Add("register day", subject, "differs from what the batches say");
            }
        }

        foreach (var (register, day) in unseen)
        {
            Add("register day", journal.Name(register, day), "in the journal, and not stored");
        }
    }

    private async Task CompareReadsAsync(NpgsqlConnection connection, RebuiltRegisters journal, CancellationToken cancellationToken)
    {
        var unseen = journal.OffGrid.SelectMany(r => r.Value.Select(p => (r.Key, p))).ToHashSet();
        var rows = await connection.RowsAsync("SELECT register_id, at, value, quality, kind FROM register_read WHERE register_id = ANY($1)", r => (
            Register: new RegisterId(r.GetGuid(0)), Point: new RegisterPoint(r.GetFieldValue<Instant>(1), r.GetInt64(2), (ReadingQuality)r.GetInt16(3)), Kind: r.GetString(4)), cancellationToken, journal.Ids);
        foreach (var (register, point, kind) in rows)
        {
            if (kind != "off-boundary")
            {
                journal.AddOther(register, point);
            }
            else if (!unseen.Remove((register, point)))
            {
                Add("register read", journal.Name(register, UtcDay.Of(point.At)), $"{point.Value} at {point.At} is stored, and no batch says so");
            }
        }

        foreach (var (register, point) in unseen)
        {
            Add("register read", journal.Name(register, UtcDay.Of(point.At)), $"{point.Value} at {point.At} is in the journal, and not stored");
        }
    }

    private async Task CompareNotesAsync(NpgsqlConnection connection, RebuiltRegisters journal, CancellationToken cancellationToken)
    {
        var (_, missing, unexplained) = journal.Notes.Compare(await RegisterNotes.ReadAsync(connection, journal.Ids, cancellationToken));
        foreach (var (register, day, what) in missing)
        {
            Add($"register {what}", journal.Name(register, day), "differs from what the batches say");
        }

        foreach (var (register, day, what) in unexplained)
        {
            Add($"register {what}", journal.Name(register, day), "stored, and no batch says so");
        }
    }

    /// <summary>Channels that no register feeds: each day as its evidence says, with what was laid over it.</summary>
    private async Task CompareFeedAsync(NpgsqlConnection connection, ChannelFeed feed, CancellationToken cancellationToken)
    {
        var channels = await EvidenceDays.ChannelsAsync(connection, feed, Guid.Empty, cancellationToken);
        foreach (var chunk in channels.Chunk(100))
        {
            var waiting = (await EvidenceDays.ReadWaitingAsync(connection, chunk, cancellationToken)).ToHashSet();
            foreach (var days in (await EvidenceDays.ReadAsync(connection, feed, chunk, cancellationToken)).Where(d => !waiting.Contains(d)).Chunk(2_000))
            {
                DaysWithoutRegisters += days.Length;
                var computed = await MeasuredLayer.ComputeAsync(connection, feed, days, Instant.MaxValue, cancellationToken);
                foreach (var (channel, day) in await new IntervalDays(connection, Instant.MaxValue, fromBytes: true).DifferencesAsync(computed, cancellationToken))
                {
                    Add("interval day", $"{channel} {day:uuuu-MM-dd}", $"differs from what its {feed.ToString().ToLowerInvariant()} say");
                }
            }
        }
    }

    private void Add(string kind, string subject, string detail) => _differences.Add(new MeteringDifference(kind, subject, detail));
}
