using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using Gap = UsageBilling.Metering.Estimation.Gap;

namespace UsageBilling.Cloud.Validation;

/// <summary>What became of a decision.</summary>
public enum FindingOutcome
{
    /// <summary>Done.</summary>
    Done,

    /// <summary>There is no such finding.</summary>
    NotFound,

    /// <summary>It changed since it was read.</summary>
    Changed,

    /// <summary>Not in its state, or nothing to do it with: the text says why.</summary>
    NotPossible,
}

/// <summary>An outcome with what there is to say about it.</summary>
public sealed record FindingResult(FindingOutcome Outcome, string Detail);

/// <summary>Quantities that a person sets on a channel's local day.</summary>
/// <param name="FirstSlot">Slot of the local day, from 0.</param>
/// <param name="Quantities">One a slot, in the channel's unit.</param>
public sealed record IntervalEdit(int FirstSlot, IReadOnlyList<long> Quantities);

/// <summary>What people decide about findings. Each decision has a reason, is audited, and leaves an event; estimates and edits recompute their days and are validated again.</summary>
internal sealed class FindingDecisions(NpgsqlDataSource database, RuleSets ruleSets, TimeProvider time)
{
    /// <summary>No interval has more in its channel's unit; months of such intervals can be summed.</summary>
    private const long Largest = 1_000_000_000_000_000;

    /// <summary>The data is right as it is.</summary>
    public Task<FindingResult> AcceptAsync(FindingKey key, string actor, string reason, int? revision, CancellationToken cancellationToken) =>
        DecideAsync(key, actor, "accept-finding", "accepted", reason, revision, (_, _, _) => Task.FromResult<string?>(null), cancellationToken);

    /// <summary>Fills the finding's slots by the first method that can, or by one chosen; what is estimated already is only estimated again by one that is chosen.</summary>
    public Task<FindingResult> EstimateAsync(FindingKey key, string actor, string reason, int? revision, EstimationMethod? method, CancellationToken cancellationToken) =>
        DecideAsync(key, actor, "estimate-finding", "estimated", reason, revision, (connection, finding, now) => EstimateAsync(connection, finding, actor, reason, method, now, cancellationToken), cancellationToken, again: method is not null);

    /// <summary>Sets quantities by hand on the finding's day.</summary>
    public Task<FindingResult> EditAsync(FindingKey key, string actor, string reason, int? revision, IntervalEdit edit, CancellationToken cancellationToken) =>
        DecideAsync(
            key, actor, "edit-finding", "edited", reason, revision,
            (connection, finding, now) => EditAsync(connection, new ChannelId(finding.Channel), finding.Day, actor, reason, edit, now, cancellationToken), cancellationToken);

    /// <summary>Sets quantities by hand on any day of a channel, finding or not. Null: done; otherwise why not.</summary>
    public async Task<string?> EditDayAsync(ChannelId channel, LocalDate day, string actor, string reason, IntervalEdit edit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var problem = await EditAsync(connection, channel, day, actor, reason, edit, time.GetCurrentInstant(), cancellationToken);
        if (problem is null)
        {
            await transaction.CommitAsync(cancellationToken);
        }

        return problem;
    }

    /// <summary>Takes an override back.</summary>
    public async Task<bool> WithdrawAsync(ChannelId channel, Guid id, string actor, string reason, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var done = await IntervalOverrides.WithdrawAsync(connection, channel, id, actor, reason, time.GetCurrentInstant(), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return done;
    }

    private async Task<FindingResult> DecideAsync(
        FindingKey key, string actor, string action, string state, string reason, int? revision, Func<NpgsqlConnection, FindingRow, Instant, Task<string?>> act, CancellationToken cancellationToken,
        bool again = false)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // The channel's lock first, as everywhere; then nobody validates the day meanwhile.
        await MeasuredLayer.LockAsync(connection, [new ChannelId(key.Channel)], cancellationToken);
        if (await FindingWorklist.FindAsync(connection, key, "FOR UPDATE", cancellationToken) is not { } finding)
        {
            return new FindingResult(FindingOutcome.NotFound, $"there is no finding {key.Rule} of channel {key.Channel} on {key.Day:uuuu-MM-dd}");
        }

        if (revision is { } seen && seen != finding.Revision)
        {
            return new FindingResult(FindingOutcome.Changed, "the finding has changed since; read it again");
        }

        if (finding.State == "closed" || (finding.State == state && !again))
        {
            return new FindingResult(FindingOutcome.NotPossible, $"the finding is {finding.State} already");
        }

        var now = time.GetCurrentInstant();
        if (await act(connection, finding, now) is { } problem)
        {
            return new FindingResult(FindingOutcome.NotPossible, problem);
        }

        await connection.RunAsync("""
            UPDATE finding SET state = $4, changed_at = $5, revision = revision + 1, decided_by = $6, decided_at = $5, reason = $7 WHERE channel_id = $1 AND local_day = $2 AND rule = $3
            """, cancellationToken, key.Channel, key.Day, key.Rule, state, now, actor, reason);
        await FindingStore.AddEventsAsync(connection, now, actor, [(new ChannelId(key.Channel), key.Day, key.Rule, finding.Revision + 1, state, finding.Verdict, finding.Words, reason)], cancellationToken);
        await AuditLog.WriteAsync(
            connection, now, [new AuditEntry(actor, action, $"finding/{key.Channel}/{key.Day:uuuu-MM-dd}/{key.Rule}", new { state = finding.State, words = finding.Words }, new { state }, reason)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new FindingResult(FindingOutcome.Done, $"{state}");
    }

    private async Task<string?> EstimateAsync(
        NpgsqlConnection connection, FindingRow finding, string actor, string reason, EstimationMethod? method, Instant now, CancellationToken cancellationToken)
    {
        var channel = new ChannelId(finding.Channel);
        var terms = (await MeasuredLayer.ReadTermsAsync(connection, [channel], cancellationToken))[channel];
        if (terms.Feed == ChannelFeed.Virtual)
        {
            return "a virtual channel is computed from others: estimate those";
        }

        if (finding.Slots.Count == 0)
        {
            return "the finding names no intervals to estimate: edit the day, or accept it";
        }

        var rules = await ruleSets.CurrentAsync(connection, cancellationToken);
        var window = await ChannelWindow.ReadAsync(connection, channel, terms, rules, finding.Day, finding.Day, now, cancellationToken);
        var doubtful = (await FindingStore.DoubtfulDaysAsync(connection, channel, finding.Day.PlusDays(-70), finding.Day.PlusDays(70), cancellationToken)).ToHashSet();
        doubtful.Add(finding.Day);
        if (await window.ForEstimationAsync(doubtful, cancellationToken) is not { } source)
        {
            return "nothing of the channel is known";
        }

        // What an estimate stands on is what was measured, whatever is laid over it now.
        var span = LocalDay.Of(finding.Day, window.Zone);
        var offset = (int)((span.Start - source.Profile.Start).TotalMinutes / source.Profile.IntervalMinutes);
        var days = UtcDays(Unmeasured(source.Profile, span, finding.Slots.Select(s => (offset + s.First, offset + s.End)))).ToArray();
        var measured = await MeasuredProfileAsync(connection, channel, terms, source.Profile, days, now, cancellationToken);
        var read = window.ReadAt();
        var found = Gap.Find(measured, index => read.Contains(At(measured, index)));
        var estimates = new List<Estimate>();
        foreach (var gap in finding.Slots.SelectMany(range => Gaps(measured, found, offset + range.First, offset + range.End, terms.Feed == ChannelFeed.Registers)).DistinctBy(g => g.First))
        {
            var filled = method is { } chosen ? Estimator.FillBy(chosen, gap, source, window.Class.Estimation) : Estimator.Fill(gap, source, window.Class.Estimation);
            if (filled is null)
            {
                return $"no method has what it needs for the {gap.Count} intervals from {At(measured, gap.First)}: choose another, edit, or wait for data";
            }

            estimates.Add(filled);
        }

        if (estimates.All(e => ChangesNothing(e, measured)))
        {
            return "the register's advance over these intervals is known and an estimate keeps it, so nothing would change: edit the intervals, correct the read, or accept the finding";
        }

        var validation = new DayValidation(connection, rules, now);
        await IntervalOverrides.AddAsync(connection, [.. estimates.Select(e => validation.Override(window, e, measured, actor, reason))], now, cancellationToken);
        return null;
    }

    /// <summary>
    /// What to estimate of [first, end): a gap whose advance is known is always estimated whole, since only its whole sum is known; what lies beside gaps keeps the sum that a register
    /// saw. Where no register stands behind the channel, the values in doubt are all there is, and nothing of them is kept.
    /// </summary>
    private static IEnumerable<Gap> Gaps(LoadProfile measured, IEnumerable<Gap> found, int first, int end, bool hasRegister)
    {
        Gap Beside(int from, int count) => hasRegister ? Gap.Of(measured, from, count, advanceKnown: true) : new Gap(from, count, null, [.. new long[count]]);
        var at = first;
        foreach (var gap in found.Where(g => g.First < end && g.End > first))
        {
            if (gap.First > at)
            {
                yield return Beside(at, gap.First - at);
            }

            var clipped = (First: Math.Max(gap.First, first), End: Math.Min(gap.End, end));
            yield return gap.Advance is null ? Gap.Of(measured, clipped.First, clipped.End - clipped.First, advanceKnown: false) : gap;
            at = gap.End;
        }

        if (at < end)
        {
            yield return Beside(at, end - at);
        }
    }

    /// <summary>Measured intervals would only get another name: the finding would close, and what it doubts would stay.</summary>
    private static bool ChangesNothing(Estimate estimate, LoadProfile measured)
    {
        var (first, count) = (estimate.Gap.First, estimate.Gap.Count);
        return measured.Quantities.Span.Slice(first, count).SequenceEqual(estimate.Quantities.AsSpan())
            && (measured.Qualities.Length == 0 || !measured.Qualities.Span.Slice(first, count).ContainsAnyExcept((byte)IntervalQuality.Measured));
    }

    /// <summary>The day, and as far as intervals that nobody measured go on from the ranges to both sides.</summary>
    private static Interval Unmeasured(LoadProfile profile, Interval day, IEnumerable<(int First, int End)> ranges)
    {
        bool Open(int index) => profile.Qualities.Length > 0 && index >= 0 && index < profile.Length
            && profile.Qualities.Span[index] is (byte)IntervalQuality.Missing or (byte)IntervalQuality.Interpolated or (byte)IntervalQuality.Estimated;
        var (start, stop) = (day.Start, day.End);
        foreach (var (first, end) in ranges)
        {
            var (a, b) = (first, end);
            while (Open(a - 1))
            {
                a--;
            }

            while (Open(b))
            {
                b++;
            }

            (start, stop) = (Instant.Min(start, At(profile, a)), Instant.Max(stop, At(profile, b)));
        }

        return new Interval(start, stop);
    }

    private static Instant At(LoadProfile profile, int index) => profile.Start + Duration.FromMinutes((long)index * profile.IntervalMinutes);

    private static async Task<LoadProfile> MeasuredProfileAsync(
        NpgsqlConnection connection, ChannelId channel, ChannelTerms terms, LoadProfile final, LocalDate[] days, Instant now, CancellationToken cancellationToken)
    {
        var measured = await ValidationEvidence.ReadMeasuredAsync(connection, channel, terms.Feed, days, now, cancellationToken);
        var (quantities, qualities) = (final.Quantities.ToArray(), final.Qualities.ToArray());
        foreach (var day in days)
        {
            var intervals = measured.TryGetValue(day, out var known) ? known : IntervalDay.Missing(final.IntervalMinutes);
            var at = (int)((UtcDay.StartOf(day) - final.Start).TotalMinutes / final.IntervalMinutes);
            if (intervals.IntervalMinutes == final.IntervalMinutes && at >= 0 && at + intervals.Slots <= quantities.Length)
            {
                intervals.Quantities.CopyTo(quantities.AsSpan(at));
                intervals.Qualities.CopyTo(qualities.AsSpan(at));
            }
        }

        return new LoadProfile(final.Measurand, final.Exponent, final.Start, final.IntervalMinutes, quantities, qualities);
    }

    private async Task<string?> EditAsync(
        NpgsqlConnection connection, ChannelId channel, LocalDate day, string actor, string reason, IntervalEdit edit, Instant now, CancellationToken cancellationToken)
    {
        var terms = await MeasuredLayer.LockAsync(connection, [channel], cancellationToken);
        if (!terms.TryGetValue(channel, out var of))
        {
            return $"there is no channel {channel}";
        }

        if (of.Feed == ChannelFeed.Virtual)
        {
            return "a virtual channel is computed from others: edit those";
        }

        if (await DayProblemAsync(connection, day, of, now, cancellationToken) is { } problem)
        {
            return problem;
        }

        var span = LocalDay.Of(day, DateTimeZoneProviders.Tzdb[of.Zone]);
        var known = await ValidationEvidence.ReadDaysAsync(connection, channel, UtcDay.Of(span.Start), UtcDay.Of(span.End), cancellationToken);
        var minutes = known.Count > 0 ? known.First().Value.IntervalMinutes : 15;
        var slots = (int)(span.Duration.TotalMinutes / minutes);
        if (edit.Quantities.Count == 0 || edit.FirstSlot < 0 || edit.FirstSlot > slots - edit.Quantities.Count)
        {
            return $"{day:uuuu-MM-dd} has {slots} slots of {minutes} minutes: firstSlot and quantities must lie within them";
        }

        if (edit.Quantities.Any(q => q < 0))
        {
            return "a quantity is not negative: energy that flows the other way belongs to the export channel";
        }

        if (edit.Quantities.FirstOrDefault(q => q > Largest) is > 0 and var large)
        {
            return $"{large} is more than an interval can have, {Largest}: give quantities in the channel's unit";
        }

        var end = span.Start + Duration.FromMinutes((long)minutes * (edit.FirstSlot + edit.Quantities.Count));
        if (end > now)
        {
            return $"the interval that ends at {end} is not over: set by hand what was, not what will be";
        }

        var parts = new List<EstimatePart>();
        for (var i = 0; i < edit.Quantities.Count;)
        {
            var at = span.Start + Duration.FromMinutes((long)minutes * (edit.FirstSlot + i));
            var utcDay = UtcDay.Of(at);
            var slot = (int)((at - UtcDay.StartOf(utcDay)).TotalMinutes / minutes);
            var count = Math.Min(IntervalDay.SlotsOf(minutes) - slot, edit.Quantities.Count - i);
            parts.Add(new EstimatePart(utcDay, new IntervalOverride(minutes, slot, [.. edit.Quantities.Skip(i).Take(count)], IntervalQuality.Edited)));
            i += count;
        }

        var rules = await ruleSets.CurrentAsync(connection, cancellationToken);
        await IntervalOverrides.AddAsync(
            connection, [new NewOverride(channel, Guid.CreateVersion7(now.ToDateTimeOffset()), [.. parts], "edit", rules.Version, actor, reason)], now, cancellationToken);
        return null;
    }

    private static async Task<string?> DayProblemAsync(NpgsqlConnection connection, LocalDate day, ChannelTerms terms, Instant now, CancellationToken cancellationToken)
    {
        var today = now.InZone(DateTimeZoneProviders.Tzdb[terms.Zone]).Date;
        if (day > today)
        {
            return $"{day:uuuu-MM-dd} lies in the future: set by hand what was, not what will be";
        }

        var floor = UtcDay.Of(await Retention.FloorAsync(connection, cancellationToken));
        return day <= floor ? $"{day:uuuu-MM-dd} is older than what is kept, which begins after {floor:uuuu-MM-dd}" : null;
    }

    private static IEnumerable<LocalDate> UtcDays(Interval span)
    {
        for (var day = UtcDay.Of(span.Start); UtcDay.StartOf(day) < span.End; day = day.PlusDays(1))
        {
            yield return day;
        }
    }
}
