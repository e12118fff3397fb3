using NodaTime;
using Npgsql;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// From changed registers to changed interval days. A point's change touches the intervals from the point before it to the point after it, so a changed
/// slot 0 reaches into the day before; where it changes the register unwrapped at the point after it, every later day is touched too.
/// </summary>
internal sealed class Recomputation(NpgsqlConnection connection, RegisterDayStore store, IReadOnlyDictionary<RegisterId, KnownRegister> registers, Instant now)
{
    private readonly SegmentStore _segments = new(connection);

    public async Task RunAsync(DirtyRegisters dirty, CancellationToken cancellationToken)
    {
        var loader = new HistoryLoader(store, _segments, now);
        var channels = await FindChannelDaysAsync(loader, dirty, cancellationToken);
        await _segments.SaveAsync(cancellationToken);
        if (channels.Count == 0)
        {
            return;
        }

        var computed = await ComputeAsync(loader, channels, cancellationToken);
        await new IntervalDays(connection, now).SaveAsync(computed, cancellationToken);
    }

    /// <summary>Days of channels whose registers are all known here.</summary>
    public Task<List<ComputedDay>> ComputeAsync(IReadOnlyList<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken) =>
        ComputeAsync(new HistoryLoader(store, _segments, now), new SortedSet<(ChannelId Channel, LocalDate Day)>(days, ChannelDayOrder.Instance), cancellationToken);

    private async Task<SortedSet<(ChannelId Channel, LocalDate Day)>> FindChannelDaysAsync(HistoryLoader loader, DirtyRegisters dirty, CancellationToken cancellationToken)
    {
        var days = new SortedSet<(ChannelId, LocalDate)>(ChannelDayOrder.Instance);
        var open = dirty.Windows().SelectMany(w => registers[w.Register].Installations.Where(i => Touches(i.Terms, w)).Select(i => (Window: w, Installation: i))).ToList();

        // Windows of one register depend on each other through its segments: earliest first.
        while (open.Count > 0)
        {
            var round = open.GroupBy(o => o.Installation).Select(g => g.MinBy(o => o.Window.First)).ToList();
            open = [.. open.Except(round)];
            var histories = await loader.LoadAsync([.. round.Select(o => new HistoryRequest(o.Installation.Terms, UtcDay.Of(o.Window.First), UtcDay.Of(o.Window.Last)))], cancellationToken);
            for (var i = 0; i < round.Count; i++)
            {
                var (window, installation) = round[i];
                if (Apply(window, histories[i]) is { } reach)
                {
                    AddDays(days, installation.Channel, reach);
                }
                else
                {
                    // Later segments stand on other values now: derive to the end. This window swallows those after it.
                    open.RemoveAll(o => o.Installation == installation);
                    open.Add((window with { Last = now + Duration.FromDays(1) }, installation));
                }
            }
        }

        return days;
    }

    private static bool Touches(InstalledRegister terms, DirtyWindow window) => terms.From <= window.Last && !(terms.To < window.First);

    /// <summary>Takes the segments over and returns how far intervals are touched; null when what follows the window must be derived again.</summary>
    private (Instant From, Instant To)? Apply(DirtyWindow window, RegisterHistory history)
    {
        if (history.Count == 0)
        {
            return (window.First, window.Last);
        }

        var after = history.LastAtOrBefore(window.Last) + 1;
        var last = history.Count - 1;
        if (after <= last && _segments.InForce(history.Terms, history[last].At) is { } stored && stored.Unwrap(history[last].Value) != history.UnwrappedAt(last))
        {
            return null;
        }

        // With nothing after the window, segments that a removal cut off go too.
        _segments.Replace(history.Terms, history[0].At, after <= last ? history[last].At : Instant.MaxValue, history.Segments);
        var before = history.LastAtOrBefore(window.First - Duration.Epsilon);
        return (before < 0 ? window.First : history[before].At, after <= last ? history[after].At - Duration.Epsilon : window.Last);
    }

    private static void AddDays(SortedSet<(ChannelId, LocalDate)> days, ChannelId channel, (Instant From, Instant To) reach)
    {
        var last = UtcDay.Of(reach.To);
        for (var day = UtcDay.Of(reach.From); day <= last; day = day.PlusDays(1))
        {
            days.Add((channel, day));
        }
    }

    private async Task<List<ComputedDay>> ComputeAsync(HistoryLoader loader, SortedSet<(ChannelId Channel, LocalDate Day)> days, CancellationToken cancellationToken)
    {
        var byChannel = registers.Values.SelectMany(r => r.Installations).GroupBy(i => i.Channel).ToDictionary(g => g.Key, g => g.Select(i => i.Terms).OrderBy(t => t.From).ToArray());
        var runs = Runs(days);
        var requests = new List<HistoryRequest>();
        var slices = new List<(int Start, int Count)>();
        foreach (var (channel, first, last) in runs)
        {
            var touching = byChannel[channel].Where(t => t.From < UtcDay.StartOf(last.PlusDays(1)) && !(t.To <= UtcDay.StartOf(first))).ToArray();
            slices.Add((requests.Count, touching.Length));
            requests.AddRange(touching.Select(t => new HistoryRequest(t, first, last)));
        }

        var histories = await loader.LoadAsync(requests, cancellationToken);
        var computed = new List<ComputedDay>(days.Count);
        for (var i = 0; i < runs.Count; i++)
        {
            var (channel, first, last) = runs[i];
            var terms = byChannel[channel];
            var ends = terms.Any(t => t.To is null) ? (Instant?)null : terms.Max(t => t.To);
            Compute(channel, first, last, histories.GetRange(slices[i].Start, slices[i].Count), terms[0].From, ends, computed);
        }

        return computed;
    }

    private void Compute(ChannelId channel, LocalDate first, LocalDate last, List<RegisterHistory> histories, Instant begins, Instant? ends, List<ComputedDay> into)
    {
        for (var day = first; day <= last; day = day.PlusDays(1))
        {
            var (start, end) = (UtcDay.StartOf(day), UtcDay.StartOf(day.PlusDays(1)));
            var touching = histories.Where(h => h.Terms.From < end && !(h.Terms.To <= start)).ToArray();
            if (touching.Length == 0)
            {
                into.Add(new ComputedDay(channel, day, null));
                continue;
            }

            var interval = IntervalStep.CommonInterval(touching.Select(h => registers[h.Terms.Register].IntervalOn(day)));
            into.Add(new ComputedDay(channel, day, IntervalStep.Compute(day, interval, touching, begins, ends)));
        }
    }

    private static List<(ChannelId Channel, LocalDate First, LocalDate Last)> Runs(SortedSet<(ChannelId Channel, LocalDate Day)> days)
    {
        var runs = new List<(ChannelId Channel, LocalDate First, LocalDate Last)>();
        foreach (var (channel, day) in days)
        {
            if (runs.Count > 0 && runs[^1].Channel == channel && runs[^1].Last.PlusDays(1) == day)
            {
                runs[^1] = runs[^1] with { Last = day };
            }
            else
            {
                runs.Add((channel, day, day));
            }
        }

        return runs;
    }

    private sealed class ChannelDayOrder : IComparer<(ChannelId Channel, LocalDate Day)>
    {
        public static ChannelDayOrder Instance { get; } = new();

        public int Compare((ChannelId Channel, LocalDate Day) x, (ChannelId Channel, LocalDate Day) y)
        {
            var channels = x.Channel.Value.CompareTo(y.Channel.Value);
            return channels != 0 ? channels : x.Day.CompareTo(y.Day);
        }
    }
}
