using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using Gap = UsageBilling.Metering.Estimation.Gap;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>A register as it is read: its installation, and what was read of it when.</summary>
internal sealed record Installation(InstalledRegister Terms, List<RegisterPoint> Readings, List<RegisterPoint> Late);

/// <summary>
/// The way of a channel through the pure part: readings in any order → register days → histories → measured layer → estimates and edits laid over → validated local days.
/// The same functions that the cloud calls, without the database.
/// </summary>
internal sealed class MeteredChannel(ShapedMeter meter, List<Installation> installations, RuleSet rules)
{
    private readonly Dictionary<(RegisterId, LocalDate), RegisterDay> _blocks = [];
    private readonly List<EstimatePart> _edits = [];
    private readonly ChannelClass _class = rules.ClassOf(meter.Key);
    private List<(Estimate Estimate, ImmutableArray<EstimatePart> Parts)> _estimates = [];
    private Dictionary<LocalDate, DayEvidence> _extra = [];

    public SortedDictionary<LocalDate, IntervalDay> Measured { get; private set; } = [];

    public SortedDictionary<LocalDate, IntervalDay> Final { get; private set; } = [];

    public int Estimates => _estimates.Count;

    /// <summary>What nobody reads from registers: clocks, other registers, the device.</summary>
    public void Know(Dictionary<LocalDate, DayEvidence> extra) => _extra = extra;

    public void Edit(LocalDate utcDay, int slot, long quantity) =>
        _edits.Add(new EstimatePart(utcDay, new IntervalOverride(meter.IntervalMinutes, slot, [quantity], IntervalQuality.Edited)));

    /// <summary>Takes readings in whatever order, as often as they come.</summary>
    public void Read(IEnumerable<(RegisterId Register, RegisterPoint Point)> readings)
    {
        foreach (var (register, point) in readings)
        {
            var place = RegisterDay.Place(point.At, meter.IntervalMinutes)!.Value;
            if (!_blocks.TryGetValue((register, place.Day), out var block))
            {
                _blocks.Add((register, place.Day), block = new RegisterDay(place.Day, meter.IntervalMinutes));
            }

            block.Merge(place.Slot, new RegisterSlot(point.Value, point.Quality, place.DistanceMs, false));
        }
    }

    /// <summary>Computes the measured layer and lays over what holds.</summary>
    public void Compute()
    {
        Histories = [.. installations.Select(i => RegisterHistory.Derive(i.Terms, Points(i.Terms.Register))).Where(h => h.Count > 0)];
        Measured = [];
        for (var day = ShapedMeter.DataStart; day < ShapedMeter.DataEnd; day = day.PlusDays(1))
        {
            var touching = Histories.Where(h => h.Terms.From < UtcDay.StartOf(day.PlusDays(1)) && !(h.Terms.To <= UtcDay.StartOf(day))).ToArray();
            Measured.Add(day, IntervalStep.Compute(day, meter.IntervalMinutes, touching, installations[0].Terms.From, null));
        }

        _estimates = [.. _estimates.Where(e => e.Parts.All(p => p.Override.Holds(Measured[p.Day])))];
        Final = new SortedDictionary<LocalDate, IntervalDay>(Measured.ToDictionary(
            m => m.Key, m => IntervalOverride.Apply(m.Value, [.. _estimates.SelectMany(e => e.Parts).Concat(_edits).Where(p => p.Day == m.Key).Select(p => p.Override)])));
    }

    /// <summary>Fills what is not filled yet.</summary>
    public void EstimateGaps()
    {
        var measured = Profile(Measured);
        var read = Histories.SelectMany(h => Enumerable.Range(0, h.Count).Select(i => h[i].At)).ToHashSet();
        var window = new EstimationWindow(measured, ShapedMeter.Zone);
        foreach (var gap in Gap.Find(measured, boundary => read.Contains(meter.At(boundary))))
        {
            // What has not come yet at the end is not a gap; and what is filled stays filled.
            var filled = _estimates.Any(e => e.Estimate.Gap.First == gap.First && e.Estimate.Gap.Count == gap.Count);
            if (!filled && Estimator.Fill(gap, window, _class.Estimation) is { } estimate)
            {
                _estimates.Add((estimate, EstimateParts.Of(estimate, measured)));
            }
        }

        Compute();
    }

    /// <summary>Validates the days of the month.</summary>
    public List<Finding> Validate()
    {
        var profile = Profile(Final);
        var history = new Dictionary<LocalDate, DaySummary>(meter.LastYear);
        var findings = new List<Finding>();
        for (var day = ShapedMeter.DataStart.PlusDays(1); day < ShapedMeter.MonthEnd; day = day.PlusDays(1))
        {
            var (span, first) = (LocalDay.Of(day, ShapedMeter.Zone), meter.BoundaryOf(day));
            var count = meter.BoundaryOf(day.PlusDays(1)) - first;
            var inMonth = day >= ShapedMeter.MonthStart;
            var channelDay = new ChannelDay(
                meter.Key.Id, day,
                new LoadProfile(meter.Key.Measurand, meter.Exponent, span.Start, meter.IntervalMinutes, profile.Quantities.Slice(first, count), profile.Qualities.Slice(first, count)),
                inMonth ? Evidence(day, span, profile, first, count) : DayEvidence.None, history);
            findings.AddRange(inMonth ? Validator.Run(channelDay, _class.Thresholds) : []);
            history[day] = channelDay.Summarise();
        }

        return findings;
    }

    public List<RegisterHistory> Histories { get; private set; } = [];

    private DayEvidence Evidence(LocalDate day, Interval span, LoadProfile profile, int first, int count)
    {
        var blocks = _blocks.Where(b => b.Key.Item2 >= UtcDay.Of(span.Start) && b.Key.Item2 <= UtcDay.Of(span.End)).Select(b => b.Value);
        var evidence = RegisterEvidence.Of(span, meter.IntervalMinutes, Histories, blocks);
        var last = first - 1;
        while (last >= 0 && profile.Qualities.Span[last] is not ((byte)IntervalQuality.Measured or (byte)IntervalQuality.Edited))
        {
            last--;
        }

        var active = profile.Quantities.Slice(first, count).ToArray().Sum();
        evidence = evidence with { LastValid = last >= 0 ? profile.Quantities.Span[last] : null, Reactive = meter.IsElectricity ? active / 3 : null };
        return _extra.TryGetValue(day, out var extra)
            ? evidence with
            {
                ClockOffset = extra.ClockOffset,
                Export = extra.Export,
                Reactive = extra.Reactive ?? evidence.Reactive,
                Facts = extra.Facts,
                InService = extra.InService,
            }
            : evidence;
    }

    private LoadProfile Profile(SortedDictionary<LocalDate, IntervalDay> days) => ProfileAssembly.Assemble(
        meter.Key.Measurand, meter.Exponent, ShapedMeter.Start, UtcDay.StartOf(ShapedMeter.DataEnd), days, meter.IntervalMinutes);

    private List<RegisterPoint> Points(RegisterId register)
    {
        var points = new List<RegisterPoint>();
        foreach (var block in _blocks.Where(b => b.Key.Item1 == register).OrderBy(b => b.Key.Item2))
        {
            block.Value.AddPointsTo(points);
        }

        RegisterPoint.SortDistinct(points);
        return points;
    }
}
