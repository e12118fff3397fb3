using System.Collections.Concurrent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>Everything about one tariff version over one span of local days that does not depend on an account.</summary>
internal sealed class SegmentPlan
{
    private readonly Tariff _tariff;
    private readonly EventDays _events;
    private readonly ConcurrentDictionary<(int Stream, int Interval), RunPlan> _runs = new();

    public SegmentPlan(Tariff tariff, LocalPeriod span, int anchorDay, EventDays events)
    {
        _tariff = tariff;
        _events = events;
        Span = span;
        Start = span.Start;
        End = span.End;
        AnchorDay = anchorDay;
        Months = Proration.Months(tariff.Proration, span.From, span.To, anchorDay);
        Years = Proration.Years(tariff.Proration, span.From, span.To, anchorDay);
        Days = BilledDays(span);
        var parts = new List<LocalDate> { span.From };
        for (var next = Proration.MonthEnd(span.From, anchorDay); next < span.To; next = Proration.MonthEnd(next, anchorDay))
        {
            parts.Add(next);
        }

        PartStarts = parts;
        PartDays = [.. parts.Select((from, i) => BilledDays(new LocalPeriod(from, i + 1 < parts.Count ? parts[i + 1] : span.To, span.Zone)))];
        PartMonths = [.. parts.Select((from, i) => Proration.Months(tariff.Proration, from, i + 1 < parts.Count ? parts[i + 1] : span.To, anchorDay))];
    }

    public LocalPeriod Span { get; }

    public Instant Start { get; }

    public Instant End { get; }

    public int AnchorDay { get; }

    public decimal Months { get; }

    public decimal Years { get; }

    public decimal Days { get; }

    /// <summary>First days of the billing months that the span touches.</summary>
    public IReadOnlyList<LocalDate> PartStarts { get; }

    /// <summary>How much of a month each of them is.</summary>
    public decimal[] PartMonths { get; }

    /// <summary>Days of each of them.</summary>
    public int[] PartDays { get; }

    public LocalDate PartEnd(int part) => part + 1 < PartStarts.Count ? PartStarts[part + 1] : Span.To;

    public RunPlan Runs(int stream, int intervalMinutes) =>
        _runs.TryGetValue((stream, intervalMinutes), out var plan) ? plan : _runs.GetOrAdd((stream, intervalMinutes), Compile(stream, intervalMinutes));

    /// <summary>Calendar days, less those that the zone skipped altogether: they have no time in them to charge for.</summary>
    private static int BilledDays(LocalPeriod span)
    {
        var days = span.Days;
        var day = Duration.FromDays(1);
        foreach (var interval in span.Zone.GetZoneIntervals(span.Start - day, span.End + day))
        {
            if (!interval.HasStart)
            {
                continue;
            }

            var before = span.Zone.GetZoneInterval(interval.Start - Duration.Epsilon).WallOffset;
            var skipped = interval.Start.WithOffset(before).Date;
            if (interval.WallOffset.Seconds - before.Seconds >= NodaConstants.SecondsPerDay && skipped >= span.From && skipped < span.To)
            {
                days--;
            }
        }

        return days;
    }

    private RunPlan Compile(int stream, int intervalMinutes)
    {
        var spec = _tariff.Streams[stream].Spec;
        var asIs = spec.Wants(intervalMinutes);
        var members = asIs ? _tariff.SharedStreams(stream, intervalMinutes).Select(member => _tariff.Streams[member.Stream]).ToList() : [_tariff.Streams[stream]];
        IReadOnlyList<LocalDate> parts = members.Exists(member => member.Monthly) ? PartStarts : [Span.From];
        return new RunPlanCompiler(_tariff.Calendar, [.. members.SelectMany(member => member.Schedules)], Span, intervalMinutes, !asIs, parts, _events).Compile();
    }
}

/// <summary>
/// Compiled plans, shared by all accounts and threads of a run. A plan is found by tariff (the same object), span, zone,
/// anchor day and declared event days. Keep one for a bill run and let it go with the run.
/// </summary>
public sealed class RatePlans
{
    private readonly ConcurrentDictionary<PlanKey, SegmentPlan> _segments = new();

    internal SegmentPlan Segment(Tariff tariff, LocalPeriod span, int anchorDay, EventDays events)
    {
        var key = new PlanKey(tariff, span.From, span.To, span.Zone.Id, anchorDay, tariff.Calendar.EventTypes.Count == 0 ? EventDays.None : events);
        return _segments.TryGetValue(key, out var plan) ? plan : _segments.GetOrAdd(key, new SegmentPlan(tariff, span, anchorDay, key.Events));
    }

    /// <summary>
    /// Compiles the runs of a tariff over a span for usage in intervals of a length, so that no bill has to wait for it.
    /// Declared event days are those of <paramref name="events"/>; none when left out.
    /// </summary>
    /// <returns>How many runs there are.</returns>
    public int Compile(Tariff tariff, LocalPeriod span, int intervalMinutes, int anchorDay = 1, EventDays? events = null)
    {
        ArgumentNullException.ThrowIfNull(tariff);
        var segment = Segment(tariff, span, anchorDay, events ?? EventDays.None);
        var runs = 0;
        for (var stream = 0; stream < tariff.Streams.Length; stream++)
        {
            var spec = tariff.Streams[stream].Spec;
            runs += segment.Runs(stream, spec.Rolling || spec.Wants(intervalMinutes) ? intervalMinutes : spec.WindowMinutes).Ends.Length;
        }

        return runs;
    }

    private readonly record struct PlanKey(Tariff Tariff, LocalDate From, LocalDate To, string Zone, int AnchorDay, EventDays Events);
}
