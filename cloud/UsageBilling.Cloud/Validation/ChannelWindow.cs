using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using ChannelDay = UsageBilling.Metering.Validation.ChannelDay;

namespace UsageBilling.Cloud.Validation;

/// <summary>A channel around some local days: everything that validating and estimating them may look at, read once.</summary>
internal sealed class ChannelWindow
{
    private const int WeeksBefore = 9;
    private readonly NpgsqlConnection _connection;
    private readonly SortedDictionary<LocalDate, IntervalDay> _days;
    private readonly Instant _now;
    private IReadOnlyList<RegisterHistory> _histories = [];
    private IReadOnlyList<RegisterDay> _blocks = [];
    private IReadOnlyList<TimeOfUsePart> _timeOfUse = [];
    private IReadOnlyList<ZeroReason> _reasons = [];
    private List<(Interval Span, DeviceFact Fact)> _facts = [];
    private IReadOnlyList<DeliveredDispute> _disputes = [];
    private List<RegisterClock> _clocks = [];
    private RegisterFacts? _registerFacts;
    private bool _standsForOthers;

    private ChannelWindow(NpgsqlConnection connection, ChannelId id, ChannelTerms terms, ChannelClass @class, RuleSet rules, LocalDate first, LocalDate last, SortedDictionary<LocalDate, IntervalDay> days, Instant now)
    {
        (_connection, Id, Terms, Class, Rules, First, Last, _days, _now) = (connection, id, terms, @class, rules, first, last, days, now);
        Zone = DateTimeZoneProviders.Tzdb[terms.Zone];
    }

    public ChannelId Id { get; }

    public ChannelTerms Terms { get; }

    public ChannelClass Class { get; }

    public RuleSet Rules { get; }

    /// <summary>First local day to validate.</summary>
    public LocalDate First { get; }

    /// <summary>Last local day to validate.</summary>
    public LocalDate Last { get; }

    public DateTimeZone Zone { get; }

    /// <summary>Interval of the days to validate: of the last known one.</summary>
    public int IntervalMinutes => _days.Where(d => d.Key >= First.PlusDays(-1)).Select(d => d.Value.IntervalMinutes).DefaultIfEmpty(_days.Select(d => d.Value.IntervalMinutes).LastOrDefault(15)).First();

    public bool HasDays => _days.Count > 0;

    /// <summary>From when to when intervals are expected: while a register was installed; for other feeds, over the days that are known.</summary>
    public Interval Life { get; private set; }

    public static async Task<ChannelWindow> ReadAsync(
        NpgsqlConnection connection, ChannelId id, ChannelTerms terms, RuleSet rules, LocalDate first, LocalDate last, Instant now, CancellationToken cancellationToken)
    {
        var @class = rules.ClassOf(terms.Key);
        var weeks = 7 * Math.Max(WeeksBefore, @class.Estimation.LikeDayWeeks + 1);
        var days = await ValidationEvidence.ReadDaysAsync(connection, id, first.PlusDays(-weeks), last.PlusDays((7 * @class.Estimation.LikeDayWeeks) + 2), cancellationToken);
        foreach (var (day, intervals) in await ValidationEvidence.ReadDaysAsync(
            connection, id, first.PlusDays(-364 - @class.Thresholds.HighLowDays - 1), last.PlusDays(-362), cancellationToken))
        {
            days[day] = intervals;
        }

        var window = new ChannelWindow(connection, id, terms, @class, rules, first, last, days, now);
        window._standsForOthers = terms.HasDependants || terms.Feed == ChannelFeed.Virtual || await ChannelAlternates.IsAlternateAsync(connection, id, cancellationToken);
        window.Life = await LifeAsync(connection, id, terms, days, cancellationToken);
        window._reasons = await ZeroReasons.ReadAsync(
            connection, terms.Key.Point, UtcDay.StartOf(days.Keys.Append(first).Min().PlusDays(-1)), UtcDay.StartOf(days.Keys.Append(last).Max().PlusDays(2)), cancellationToken);
        if (terms.Feed == ChannelFeed.Registers)
        {
            (window._histories, window._blocks) = await ValidationEvidence.ReadRegistersAsync(connection, id, first.PlusDays(-1), last.PlusDays(1), now, cancellationToken);
            window._timeOfUse = await TimeOfUseRegisters.ReadAsync(connection, id, first.PlusDays(-1), last.PlusDays(1), cancellationToken);
            window._clocks = await ValidationEvidence.ReadClocksAsync(connection, id, first.PlusDays(-1), last.PlusDays(1), cancellationToken);
            window._registerFacts = await RegisterFacts.ReadAsync(
                connection, id, terms, window._histories, LocalDay.Of(first, window.Zone).Start, LocalDay.Of(last, window.Zone).End, cancellationToken);
        }
        else if (terms.Feed == ChannelFeed.Deliveries)
        {
            window._facts = await FactEvidence.OfImportsAsync(connection, id, LocalDay.Of(first, window.Zone).Start, LocalDay.Of(last, window.Zone).End, cancellationToken);
            window._disputes = await ValidationEvidence.ReadDisputesAsync(connection, id, first.PlusDays(-1), last.PlusDays(1), cancellationToken);
        }

        return window;
    }

    /// <summary>The days to validate, in order, with what rules may look at.</summary>
    public async Task<List<ChannelDay>> ReadDaysAsync(CancellationToken cancellationToken)
    {
        var siblings = await ValidationEvidence.ReadPointAsync(_connection, Terms.Key.Point, cancellationToken);
        var history = new Dictionary<LocalDate, DaySummary>();
        foreach (var date in LocalDates().Where(d => d < First))
        {
            if (Cut(date) is { } profile)
            {
                history[date] = new ChannelDay(Id, date, profile, ZeroReasons.Explain(DayEvidence.None, _reasons, profile), history).Summarise();
            }
        }

        var days = new List<ChannelDay>();
        for (var date = First; date <= Last; date = date.PlusDays(1))
        {
            var span = LocalDay.Of(date, Zone);
            if (span.End <= Life.Start || span.Start >= Life.End)
            {
                continue;
            }

            var profile = span.Start == span.End ? null : Cut(date) ?? Unknown(span);
            var day = new ChannelDay(Id, date, profile, profile is null ? DayEvidence.None : await EvidenceAsync(span, profile, siblings, cancellationToken), history);
            days.Add(day);
            history[date] = day.Summarise();
        }

        return days;
    }

    /// <summary>The weeks around the days to validate on one grid, for finding and filling gaps; null where no day has intervals.</summary>
    public EstimationWindow? ForEstimation(IReadOnlySet<LocalDate> doubtful)
    {
        var minutes = IntervalMinutes;
        var weeks = 7 * Math.Max(WeeksBefore, Class.Estimation.LikeDayWeeks);
        var near = _days.Where(d => d.Key >= First.PlusDays(-weeks) && d.Value.IntervalMinutes == minutes).ToArray();
        if (near.Length == 0)
        {
            return null;
        }

        // A change of interval cuts the window: what is on another grid is no like day.
        var from = LocalDate.Min(near[0].Key, First.PlusDays(-1));
        var to = LocalDate.Max(near[^1].Key, Last.PlusDays(1)).PlusDays(1);
        var profile = ProfileAssembly.Assemble(Terms.Key.Measurand, Terms.Exponent, UtcDay.StartOf(from), UtcDay.StartOf(to), near, minutes);
        return new EstimationWindow(profile, Zone) { Holidays = Rules.Holidays, Doubtful = doubtful };
    }

    /// <summary>The same with what else may stand for a gap: days that nobody should copy, times without supply, check meters and alternate channels.</summary>
    public async Task<EstimationWindow?> ForEstimationAsync(IReadOnlySet<LocalDate> doubtful, CancellationToken cancellationToken) =>
        ForEstimation(doubtful) is not { } window ? null : new EstimationWindow(window.Profile, Zone)
        {
            Holidays = window.Holidays,
            Doubtful = doubtful.Concat(_reasons.SelectMany(DaysOf)).ToHashSet(),
            NoSupply = [.. _reasons.Where(r => r.NothingFlows).Select(r => new Interval(r.From, r.To ?? Instant.MaxValue))],
            Alternates = await AlternateProfiles.ReadAsync(_connection, Id, Terms.Key.Point, window.Profile, Zone, cancellationToken),
        };

    /// <summary>The local days that a reason for zero use touches.</summary>
    private IEnumerable<LocalDate> DaysOf(ZeroReason reason) =>
        LocalDates().Where(d => LocalDay.Of(d, Zone) is var span && reason.From < span.End && !(reason.To <= span.Start));

    /// <summary>Instants at which a register of the channel was read.</summary>
    public HashSet<Instant> ReadAt() => [.. _histories.SelectMany(h => Enumerable.Range(0, h.Count).Select(i => h[i].At))];

    private IEnumerable<LocalDate> LocalDates() => _days.Keys.SelectMany(d => new[] { d.PlusDays(-1), d, d.PlusDays(1) }).Distinct().Order();

    /// <summary>A local day out of the UTC days that it lies in; null where nothing of it is known.</summary>
    private LoadProfile? Cut(LocalDate date)
    {
        var span = LocalDay.Of(date, Zone);
        if (span.Start == span.End)
        {
            return null;
        }

        var touching = new List<KeyValuePair<LocalDate, IntervalDay>>(3);
        for (var day = UtcDay.Of(span.Start); UtcDay.StartOf(day) < span.End; day = day.PlusDays(1))
        {
            if (_days.TryGetValue(day, out var intervals))
            {
                touching.Add(new(day, intervals));
            }
        }

        return touching.Count == 0 ? null : ProfileAssembly.Assemble(Terms.Key.Measurand, Terms.Exponent, span.Start, span.End, touching, IntervalMinutes);
    }

    private LoadProfile Unknown(Interval span)
    {
        var slots = (int)(span.Duration.TotalMinutes / IntervalMinutes);
        return new LoadProfile(Terms.Key.Measurand, Terms.Exponent, span.Start, IntervalMinutes, new long[slots], new byte[slots]);
    }

    private async Task<DayEvidence> EvidenceAsync(Interval span, LoadProfile profile, List<(ChannelId Channel, Measurand Measurand, int Exponent)> siblings, CancellationToken cancellationToken)
    {
        var evidence = RegisterEvidence.Of(span, profile.IntervalMinutes, _histories, _blocks.Where(b => b.Start + Duration.FromDays(1) > span.Start && b.Start < span.End), _timeOfUse);
        evidence = ZeroReasons.Explain(evidence, _reasons, profile);
        return evidence with
        {
            ClockOffset = RegisterClock.LargestOver(span, _clocks),
            Facts = [.. evidence.Facts, .. _registerFacts is null ? [] : await _registerFacts.OnAsync(span, cancellationToken), .. _facts.Where(f => f.Span.Start < span.End && f.Span.End > span.Start).Select(f => f.Fact)],
            FirstExpected = SlotAt(span, profile, Life.Start),
            EndExpected = Life.End >= span.End ? null : SlotAt(span, profile, Life.End),
            LastValid = LastValid(span.Start),
            Conflicts = [.. evidence.Conflicts, .. Disputed(span, profile, gaveWay: false)],
            GaveWay = [.. Disputed(span, profile, gaveWay: true)],
            Reactive = await ReactiveAsync(span, siblings, cancellationToken),
            ExportRegistered = siblings.Any(s => s.Measurand == Terms.Key.Measurand with { Direction = Direction.Export }),
            Export = await ExportAsync(span, siblings, cancellationToken),
            Computed = Terms.Feed == ChannelFeed.Virtual,

            // Who uses what a check meter or a sub-meter counts is supplied at another point.
            InService = _standsForOthers || await SupplyLookup.IsSuppliedAsync(_connection, Terms.Key.Point, span.Start, span.End, cancellationToken),
        };
    }

    private IEnumerable<int> Disputed(Interval span, LoadProfile profile, bool gaveWay) => _disputes
        .Where(d => d.GaveWay == gaveWay && d.From < span.End && d.From + Duration.FromMinutes(d.Minutes) > span.Start)
        .SelectMany(d => Enumerable.Range(0, Math.Max(1, d.Minutes / profile.IntervalMinutes)).Select(i => d.From + Duration.FromMinutes((long)i * profile.IntervalMinutes)))
        .Where(at => at >= span.Start && at < span.End)
        .Select(at => SlotAt(span, profile, at)).Distinct();

    /// <summary>The slot that an instant lies in, within the day.</summary>
    private static int SlotAt(Interval span, LoadProfile profile, Instant at) =>
        at <= span.Start ? 0 : (int)Math.Min(profile.Length, (at - span.Start).ToInt64Nanoseconds() / (profile.IntervalMinutes * 60 * NodaConstants.NanosecondsPerSecond));

    private static async Task<Interval> LifeAsync(
        NpgsqlConnection connection, ChannelId id, ChannelTerms terms, SortedDictionary<LocalDate, IntervalDay> days, CancellationToken cancellationToken)
    {
        if (terms.Feed == ChannelFeed.Registers)
        {
            var feeding = await ValidationEvidence.ReadFeedingAsync(connection, id, Instant.MinValue, Instant.MaxValue, cancellationToken);
            return feeding.Count == 0
                ? new Interval(NodaConstants.UnixEpoch, NodaConstants.UnixEpoch)
                : new Interval(feeding[0].From, feeding.Any(f => f.To is null) ? Instant.MaxValue : feeding.Max(f => f.To)!.Value);
        }

        // Days of files begin and end at local midnights, or anywhere: what a UTC day lacks before the first and after the last interval was never to come.
        const byte Missing = (byte)IntervalQuality.Missing;
        var known = days.Where(d => d.Value.Qualities.ContainsAnyExcept(Missing)).ToArray();
        return known.Length == 0
            ? new Interval(NodaConstants.UnixEpoch, NodaConstants.UnixEpoch)
            : new Interval(SlotStart(known[0], known[0].Value.Qualities.IndexOfAnyExcept(Missing)), SlotStart(known[^1], known[^1].Value.Qualities.LastIndexOfAnyExcept(Missing) + 1));

        static Instant SlotStart(KeyValuePair<LocalDate, IntervalDay> day, int slot) => UtcDay.StartOf(day.Key) + Duration.FromMinutes((long)slot * day.Value.IntervalMinutes);
    }

    private long? LastValid(Instant before)
    {
        for (var day = UtcDay.Of(before - Duration.Epsilon); day >= UtcDay.Of(before).PlusDays(-7); day = day.PlusDays(-1))
        {
            if (!_days.TryGetValue(day, out var intervals))
            {
                continue;
            }

            for (var slot = intervals.Slots - 1; slot >= 0; slot--)
            {
                var at = UtcDay.StartOf(day) + Duration.FromMinutes((long)slot * intervals.IntervalMinutes);
                if (at < before && intervals.Qualities[slot] is (byte)IntervalQuality.Measured or (byte)IntervalQuality.Edited)
                {
                    return at < before ? intervals.Quantities[slot] : null;
                }
            }
        }

        return null;
    }

    private async Task<long?> ReactiveAsync(Interval span, List<(ChannelId Channel, Measurand Measurand, int Exponent)> siblings, CancellationToken cancellationToken)
    {
        var measurand = new Measurand(Quantity.ReactiveEnergy, Direction.Import);
        if (Terms.Key.Measurand.Quantity != Quantity.ActiveEnergy || !siblings.Any(s => s.Measurand == measurand))
        {
            return null;
        }

        var sibling = siblings.First(s => s.Measurand == measurand);
        var days = await ValidationEvidence.ReadDaysAsync(_connection, sibling.Channel, UtcDay.Of(span.Start), UtcDay.Of(span.End - Duration.Epsilon), cancellationToken);
        if (days.Count == 0)
        {
            return null;
        }

        var profile = ProfileAssembly.Assemble(measurand, sibling.Exponent, span.Start, span.End, days, days.First().Value.IntervalMinutes);
        if (profile.Qualities.Span.Contains((byte)IntervalQuality.Missing))
        {
            return null;
        }

        return new Fraction(1, 1).TimesPowerOfTen(sibling.Exponent - Terms.Exponent).Scale(profile.Quantities.ToArray().Sum());
    }

    private async Task<long?> ExportAsync(Interval span, List<(ChannelId Channel, Measurand Measurand, int Exponent)> siblings, CancellationToken cancellationToken) =>
        !Class.Thresholds.ReverseEnergy || Terms.Key.Measurand != new Measurand(Quantity.ActiveEnergy, Direction.Import) || siblings.Any(s => s.Measurand.Direction == Direction.Export) || _registerFacts is null
            ? null
            : await _registerFacts.ExportAsync(span, cancellationToken);
}
