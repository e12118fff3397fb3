using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Rebuilds one group of registers, and the channels that they feed, in the caller's transaction.</summary>
internal sealed class RegisterReplay(NpgsqlConnection connection, Instant now, List<string> unexplained)
{
    private const int MostNamed = 1_000;
    private const int DaysAtOnce = 2_000;
    private ReplayTotals _totals;

    public async Task<ReplayTotals> RunAsync(ReplayGroup group, CancellationToken cancellationToken)
    {
        // With the registers locked nothing more of theirs is projected; what was is in the journal before the positions.
        var registers = await RegisterCatalog.LockAsync(connection, group.Registers.Select(r => new RegisterId(r)), cancellationToken);
        var rebuilt = await RebuiltRegisters.ReadAsync(connection, registers, group.Gateways, cancellationToken);
        _totals += new ReplayTotals(rebuilt.Batches, 0, 0, 0);
        await DaysAsync(registers, rebuilt, cancellationToken);
        await ReadsAsync(rebuilt, cancellationToken);
        await NotesAsync(rebuilt, cancellationToken);
        await ChannelsAsync(registers, rebuilt, cancellationToken);
        return _totals;
    }

    private async Task DaysAsync(Dictionary<RegisterId, KnownRegister> registers, RebuiltRegisters rebuilt, CancellationToken cancellationToken)
    {
        var different = rebuilt.Days.Keys.ToHashSet();
        await using (var command = new NpgsqlCommand("""
            SELECT register_id, day, interval_minutes, slot_values, qualities, distances FROM register_day WHERE register_id = ANY($1)
            """, connection) { Parameters = { new() { Value = rebuilt.Ids } } })
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                var key = (new RegisterId(row.GetGuid(0)), row.GetFieldValue<LocalDate>(1));
                if (!rebuilt.Days.TryGetValue(key, out var day))
                {
                    Unexplained($"register day {rebuilt.Name(key.Item1, key.Item2)}");
                }
                else if (day.IntervalMinutes == row.GetInt16(2)
                    && day.PackValues().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(3))
                    && day.PackQualities().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(4))
                    && day.PackDistances().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(5)))
                {
                    different.Remove(key);
                }
            }
        }

        _totals += new ReplayTotals(0, rebuilt.Days.Count - different.Count, different.Count, 0);
        foreach (var chunk in different.Chunk(DaysAtOnce))
        {
            await RegisterDayStore.WriteAsync(connection, registers, [.. chunk.Select(key => (key.Register, rebuilt.Days[key]))], cancellationToken);
        }
    }

    private async Task ReadsAsync(RebuiltRegisters rebuilt, CancellationToken cancellationToken)
    {
        var missing = rebuilt.OffGrid.SelectMany(r => r.Value.Select(p => (r.Key, Point: p))).ToHashSet();
        var expected = missing.Count;
        foreach (var (register, point, kind) in await connection.RowsAsync("SELECT register_id, at, value, quality, kind FROM register_read WHERE register_id = ANY($1)", r => (
            new RegisterId(r.GetGuid(0)), new RegisterPoint(r.GetFieldValue<Instant>(1), r.GetInt64(2), (ReadingQuality)r.GetInt16(3)), r.GetString(4)), cancellationToken, rebuilt.Ids))
        {
            if (kind != "off-boundary")
            {
                rebuilt.AddOther(register, point);
            }
            else if (!missing.Remove((register, point)))
            {
                Unexplained($"read of {rebuilt.Name(register, UtcDay.Of(point.At))}: {point.Value} at {point.At}");
                rebuilt.AddOther(register, point);
            }
        }

        _totals += new ReplayTotals(0, expected - missing.Count, missing.Count, 0);
        await new RegisterDayStore(connection).AddReadsAsync([.. missing.Select(m => (m.Key, m.Point, "off-boundary", "replay"))], cancellationToken);
    }

    private async Task NotesAsync(RebuiltRegisters rebuilt, CancellationToken cancellationToken)
    {
        var (same, missing, unexplained) = rebuilt.Notes.Compare(await RegisterNotes.ReadAsync(connection, rebuilt.Ids, cancellationToken));
        _totals += new ReplayTotals(0, same, missing.Count, 0);
        if (missing.Count > 0)
        {
            await rebuilt.Notes.SaveAsync(connection, replace: true, cancellationToken);
        }

        foreach (var (register, day, what) in unexplained)
        {
            Unexplained($"{what} of {rebuilt.Name(register, day)}");
        }
    }

    private async Task ChannelsAsync(Dictionary<RegisterId, KnownRegister> registers, RebuiltRegisters rebuilt, CancellationToken cancellationToken)
    {
        var stored = await WholeHistories.ReadSegmentsAsync(connection, rebuilt.Ids, cancellationToken);
        var whole = new WholeHistories(rebuilt.Points(), stored, await Retention.DroppedBeforeAsync(connection, cancellationToken));
        var segments = new SegmentStore(connection);
        await segments.LoadAsync(registers.Keys, cancellationToken);
        var computed = new List<ComputedDay>();
        foreach (var channel in registers.Values.SelectMany(r => r.Installations).GroupBy(i => i.Channel).OrderBy(g => g.Key.Value))
        {
            var histories = channel.Select(i => i.Terms).OrderBy(t => t.From).Select(whole.Derive).ToArray();
            foreach (var history in histories)
            {
                var same = history.Segments.SequenceEqual(stored[(history.Terms.Register, history.Terms.From)].TakeLast(history.Segments.Length));
                _totals += new ReplayTotals(0, same ? history.Segments.Length : 0, same ? 0 : history.Segments.Length, 0);
                if (!same)
                {
                    segments.Replace(history.Terms, history.Count == 0 ? history.Terms.From : history[0].At, Instant.MaxValue, history.Segments);
                }
            }

            computed.AddRange(await ComputeAsync(channel.Key, histories, registers, whole.ExplainedFrom(histories), cancellationToken));
            if (computed.Count >= DaysAtOnce)
            {
                await SaveAsync(computed, cancellationToken);
            }
        }

        await SaveAsync(computed, cancellationToken);
        await segments.SaveAsync(cancellationToken);
    }

    private async Task<IEnumerable<ComputedDay>> ComputeAsync(
        ChannelId channel, RegisterHistory[] histories, Dictionary<RegisterId, KnownRegister> registers, LocalDate? from, CancellationToken cancellationToken)
    {
        var stored = await connection.RowsAsync("SELECT day FROM interval_day WHERE channel_id = $1", r => r.GetFieldValue<LocalDate>(0), cancellationToken, channel.Value);
        var ends = histories.Any(h => h.Terms.To is null) ? (Instant?)null : histories.Max(h => h.Terms.To);
        return stored.Concat(histories.Where(h => h.Count > 0).SelectMany(Days)).Distinct().Where(d => !(d < from)).Order().Select(day =>
        {
            var (start, end) = (UtcDay.StartOf(day), UtcDay.StartOf(day.PlusDays(1)));
            var touching = histories.Where(h => h.Terms.From < end && !(h.Terms.To <= start)).ToArray();
            return new ComputedDay(channel, day, touching.Length == 0 ? null : IntervalStep.Compute(
                day, IntervalStep.CommonInterval(touching.Select(h => registers[h.Terms.Register].IntervalOn(day))), touching, histories[0].Terms.From, ends));
        });
    }

    private async Task SaveAsync(List<ComputedDay> computed, CancellationToken cancellationToken)
    {
        foreach (var chunk in computed.Chunk(DaysAtOnce))
        {
            var different = await new IntervalDays(connection, now, fromBytes: true).SaveAsync(chunk, cancellationToken);
            _totals += new ReplayTotals(0, chunk.Length - different, different, 0);
        }

        computed.Clear();
    }

    private void Unexplained(string row)
    {
        _totals += new ReplayTotals(0, 0, 0, 1);
        if (unexplained.Count < MostNamed)
        {
            unexplained.Add(row);
        }
    }

    private static IEnumerable<LocalDate> Days(RegisterHistory history)
    {
        for (var day = UtcDay.Of(history[0].At); day <= UtcDay.Of(history[history.Count - 1].At); day = day.PlusDays(1))
        {
            yield return day;
        }
    }
}
