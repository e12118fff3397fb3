using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Compares stored segments and interval days with what whole histories say, and sums with registers.</summary>
internal sealed class IntervalComparison(
    NpgsqlConnection connection, Dictionary<RegisterId, KnownRegister> registers, RebuiltRegisters journal, ImmutableArray<MeteringDifference>.Builder differences)
{
    public async Task RunAsync(HashSet<RegisterId> group, CancellationToken cancellationToken)
    {
        var points = journal.Points();
        var channels = group.SelectMany(r => registers[r].Installations).Select(i => i.Channel).Distinct().ToArray();
        var installations = registers.Values.SelectMany(r => r.Installations).ToLookup(i => i.Channel, i => i.Terms);
        var segments = await WholeHistories.ReadSegmentsAsync(connection, journal.Ids, cancellationToken);
        var whole = new WholeHistories(points, segments, await Retention.DroppedBeforeAsync(connection, cancellationToken));
        foreach (var chunk in channels.Chunk(100))
        {
            var stored = (await ReadDaysAsync(chunk, cancellationToken)).ToLookup(d => d.Channel, d => d.Day);
            var edited = (await connection.RowsAsync(
                "SELECT DISTINCT channel_id FROM interval_override WHERE channel_id = ANY($1)", r => new ChannelId(r.GetGuid(0)), cancellationToken, Ids(chunk))).ToHashSet();
            foreach (var channel in chunk)
            {
                var histories = installations[channel].OrderBy(t => t.From).Select(whole.Derive).ToArray();
                CompareSegments(histories, segments);
                await CompareChannelAsync(channel, histories, stored[channel].ToDictionary(d => d.Day), edited.Contains(channel), whole.ExplainedFrom(histories), cancellationToken);
            }
        }
    }

    private static Guid[] Ids(IEnumerable<ChannelId> channels) => [.. channels.Select(c => c.Value)];

    private Task<List<(ChannelId Channel, VersionedDay Day)>> ReadDaysAsync(ChannelId[] channels, CancellationToken cancellationToken) =>
        connection.RowsAsync("""
            SELECT channel_id, day, version, interval_minutes, quantities, qualities, hash FROM interval_day WHERE channel_id = ANY($1)
            """, r => (new ChannelId(r.GetGuid(0)), ProfileReading.Read(r, 1)), cancellationToken, Ids(channels));

    private void CompareSegments(RegisterHistory[] histories, ILookup<(RegisterId, Instant), RegisterSegment> stored)
    {
        foreach (var history in histories)
        {
            // A history that goes on where years were dropped knows its segments from there.
            if (!history.Segments.SequenceEqual(stored[(history.Terms.Register, history.Terms.From)].TakeLast(history.Segments.Length)))
            {
                Add("segments", $"{registers[history.Terms.Register].Key} installed at {history.Terms.From}", "differ from what the registers say");
            }
        }
    }

    private async Task CompareChannelAsync(ChannelId channel, RegisterHistory[] histories, Dictionary<LocalDate, VersionedDay> stored, bool edited, LocalDate? from, CancellationToken cancellationToken)
    {
        foreach (var (day, row) in stored)
        {
            if (!row.Intervals.Hash().AsSpan().SequenceEqual(row.Hash.AsSpan()))
            {
                Add("interval day", $"{channel} {day:uuuu-MM-dd}", "the stored hash is not that of the stored intervals");
            }
        }

        var read = histories.Where(h => h.Count > 0).ToArray();
        var days = stored.Keys.Concat(read.SelectMany(Days)).Distinct().Where(d => !(d < from)).Order().ToArray();
        var ends = histories.Any(h => h.Terms.To is null) ? (Instant?)null : histories.Max(h => h.Terms.To);
        IntervalDay? MeasuredOn(LocalDate day) => Measured(day, histories, histories[0].Terms.From, ends);
        var measured = days.ToDictionary(d => d, MeasuredOn);
        var overrides = await LaidOverrides.ReadAsync(connection, channel, days, day => measured.TryGetValue(day, out var known) ? known : MeasuredOn(day), cancellationToken);
        foreach (var day in days)
        {
            var expected = Expected(measured[day], [.. overrides[(channel, day)]]);
            var actual = stored.GetValueOrDefault(day)?.Intervals;
            if (!Same(expected, actual))
            {
                Add("interval day", $"{channel} {day:uuuu-MM-dd}", $"stored {Total(actual)}, registers say {Total(expected)}");
            }
        }

        var (sum, total) = (stored.Values.Sum(d => Total(d.Intervals)), read.Sum(h => h.ScaledAt(h.Count - 1)));
        if (!edited && from is null && sum != total)
        {
            Add("conservation", channel.ToString(), $"Σ intervals is {sum}, registers advanced by {total}");
        }
    }

    private IntervalDay? Measured(LocalDate day, RegisterHistory[] histories, Instant begins, Instant? ends)
    {
        var (start, end) = (UtcDay.StartOf(day), UtcDay.StartOf(day.PlusDays(1)));
        var touching = histories.Where(h => h.Terms.From < end && !(h.Terms.To <= start)).ToArray();
        return touching.Length == 0
            ? null
            : IntervalStep.Compute(day, IntervalStep.CommonInterval(touching.Select(h => registers[h.Terms.Register].IntervalOn(day))), touching, begins, ends);
    }

    private static IntervalDay? Expected(IntervalDay? measured, IntervalOverride[] overrides) =>
        measured is null && overrides.Length == 0 ? null : IntervalOverride.Apply(measured ?? IntervalDay.Missing(overrides[0].IntervalMinutes), overrides);

    private static IEnumerable<LocalDate> Days(RegisterHistory history)
    {
        for (var day = UtcDay.Of(history[0].At); day <= UtcDay.Of(history[history.Count - 1].At); day = day.PlusDays(1))
        {
            yield return day;
        }
    }

    // A day of which nothing is known may have a row or none.
    private static bool Same(IntervalDay? expected, IntervalDay? actual) =>
        IsUnknown(expected) ? IsUnknown(actual) : actual is not null && expected!.Hash().AsSpan().SequenceEqual(actual.Hash().AsSpan());

    private static bool IsUnknown(IntervalDay? day) =>
        day is null || (!day.Qualities.ContainsAnyExcept((byte)IntervalQuality.Missing) && !day.Quantities.ContainsAnyExcept(0L));

    private static long Total(IntervalDay? day)
    {
        var total = 0L;
        foreach (var quantity in day is null ? [] : day.Quantities)
        {
            total += quantity;
        }

        return total;
    }

    private void Add(string kind, string subject, string detail) => differences.Add(new MeteringDifference(kind, subject, detail));
}
