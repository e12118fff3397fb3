using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>Changes a meter, or what is read of it, so that one rule's threshold is passed; and says what has to be found.</summary>
internal sealed class FaultInjection(ShapedMeter meter, Thresholds limits)
{
    private readonly Random _random = meter.Random;
    private readonly HashSet<int> _lost = [];
    private readonly HashSet<int> _late = [];
    private readonly Dictionary<int, ReadingQuality> _flags = [];
    private readonly List<(int Boundary, long Value)> _others = [];
    private Func<int, int> _seenAt = boundary => boundary;
    private (Instant At, bool Registered)? _exchange;
    private (int Boundary, long By)? _fall;

    public Dictionary<LocalDate, DayEvidence> Extra { get; } = [];

    /// <summary>Where a person sets an interval wrong: UTC day, slot and by how much.</summary>
    public (LocalDate Day, int Slot, long By)? Edit { get; private set; }

    /// <summary>Units that flowed while nobody knows how much: across a fall.</summary>
    public long Unknown { get; private set; }

    /// <summary>Injects; null where the meter's class has no such rule.</summary>
    public InjectedFault? Inject(Fault fault)
    {
        var day = ShapedMeter.MonthStart.PlusDays(_random.Next(2, 20));
        var slot = meter.BoundaryOf(day) + _random.Next(4, meter.PerDay - 8);
        switch (fault)
        {
            case Fault.Gap:
                return Lose(slot, _random.Next(1, 3 * meter.PerDay), _lost, fault);
            case Fault.LateWeek:
                return Lose(slot, 7 * meter.PerDay, _late, fault);
            case Fault.LongOutage:
                Lose(meter.BoundaryOf(day), 11 * meter.PerDay, _lost, fault);
                return Found(fault, day.PlusDays(-1), day.PlusDays(8));
            case Fault.Spike:
                return Spike(fault, day, slot);
            case Fault.Stuck:
                return Stuck(fault, day, slot);
            case Fault.Zero:
                return Zero(fault, day);
            case Fault.Rollover:
                return Rollover(fault, day, slot);
            case Fault.Fall:
                _fall = (slot, _random.NextInt64(1, Math.Min(5_000_000, 900_000 + meter.Counts[slot] - meter.Counts[0])));
                Unknown = meter.Used(slot - 1) * meter.UnitsPerCount;
                return Found(fault, meter.DayOf(slot - 1), meter.DayOf(slot - 1));
            case Fault.RegisteredExchange:
                _exchange = (meter.At(slot) + Duration.FromSeconds(_random.Next(1, meter.IntervalMinutes * 60)), true);
                return InjectedFault.Nothing(fault);
            case Fault.UnregisteredExchange:
                _exchange = (meter.At(slot) + Duration.FromSeconds(_random.Next(1, meter.IntervalMinutes * 60)), false);
                for (var i = 0; i < 4; i++)
                {
                    Extra[day.PlusDays(i)] = new DayEvidence { Facts = [new DeviceFact(RuleNames.MeterSerial, "1", "2")] };
                }

                return Found(fault, day, day);
            case Fault.ReversedTransformer:
                return Reverse(fault, day);
            case Fault.ClockStep:
                return ClockStep(fault, day, slot);
            case Fault.ConflictingDuplicate:
                _others.Add((slot, -_random.Next(1, 1_000)));
                return Found(fault, day, meter.DayOf(slot));
            default:
                return limits.Inject(fault, meter, Extra, _flags, day, slot, edit => Edit = edit) is { } found ? Found(fault, found.From, found.On) : Default(fault);
        }
    }

    private static InjectedFault? Default(Fault fault) => fault is Fault.None or Fault.DuplicateBatches ? InjectedFault.Nothing(fault) : null;

    /// <summary>What is read of the meter: installations with what came in time and what came late.</summary>
    public List<Installation> Read()
    {
        var start = 1_000_000L + (_rollAt is { } at ? InstalledRegister.ModulusOf(meter.Digits) - 1_000_000 - (meter.Counts[at] - meter.Counts[0]) : 0);
        var first = new RegisterKey("acme", $"{meter.Key.Point}-1", ObisCode.ActiveImport).Id;
        var second = new RegisterKey("acme", $"{meter.Key.Point}-2", ObisCode.ActiveImport).Id;
        var modulus = InstalledRegister.ModulusOf(meter.Digits);
        long Shown(int boundary) => (start + meter.Counts[boundary] - meter.Counts[0] - (_fall is { } fall && boundary >= fall.Boundary ? fall.By : 0)) % modulus;

        // A meter exchanged within an interval shows what had flowed at its beginning.
        var exchanged = _exchange is { } e ? (int)((e.At - ShapedMeter.Start).TotalMinutes / meter.IntervalMinutes) : int.MaxValue;
        var one = new Installation(
            new InstalledRegister(first, ShapedMeter.Start, _exchange?.At, Shown(0), _exchange is null ? null : Shown(exchanged), meter.Digits, meter.Factor, null, false), [], []);
        var two = new Installation(new InstalledRegister(second, _exchange?.At ?? Instant.MaxValue, null, 500, null, meter.Digits, meter.Factor, null, true), [], []);
        for (var boundary = 0; boundary < meter.Boundaries; boundary++)
        {
            if (_lost.Contains(boundary))
            {
                continue;
            }

            var after = boundary > exchanged;
            var value = after ? 500 + meter.Counts[boundary] - meter.Counts[exchanged] : Shown(_seenAt(boundary));
            var into = after ? two : one;
            var late = _late.Contains(boundary) || (after && !_exchange!.Value.Registered && boundary < exchanged + (3 * meter.PerDay));
            (late ? into.Late : into.Readings).Add(new RegisterPoint(meter.At(boundary), value, _flags.GetValueOrDefault(boundary)));
        }

        foreach (var (boundary, by) in _others)
        {
            one.Readings.Add(new RegisterPoint(meter.At(boundary), Math.Max(0, Shown(boundary) + by), ReadingQuality.Good));
        }

        return _exchange is null ? [one] : [one, two];
    }

    private int? _rollAt;

    private InjectedFault Lose(int slot, int boundaries, HashSet<int> from, Fault fault)
    {
        for (var i = 0; i < boundaries; i++)
        {
            from.Add(slot + i);
        }

        return Found(fault, meter.DayOf(slot - 1), [.. Enumerable.Range(slot - 1, boundaries + 1).Select(meter.DayOf).Distinct()]);
    }

    private InjectedFault? Spike(Fault fault, LocalDate day, int slot)
    {
        if (limits.SpikeRatio is not { } ratio)
        {
            return null;
        }

        var third = Slots(day).Select(meter.Used).OrderDescending().Skip(1).First();
        var floor = FaultSize.Floor(meter, limits);
        meter.Add(slot, (long)(Math.Max(third * (1 + ratio), floor) * _random.Next(105, 300) / 100) + 2);
        return Found(fault, day, day);
    }

    private InjectedFault? Stuck(Fault fault, LocalDate day, int slot)
    {
        if (limits.StuckIntervals is not { } intervals || intervals + 16 > meter.PerDay)
        {
            return null;
        }

        var count = _random.Next(intervals, intervals + 8);
        slot = meter.BoundaryOf(day) + _random.Next(1, meter.PerDay - count - 4);
        var value = Math.Max(limits.StuckLeastCounts, meter.Used(slot)) + _random.Next(1, 9);
        for (var i = slot; i < slot + count; i++)
        {
            meter.Add(i, value - meter.Used(i));
        }

        return Found(fault, day, day);
    }

    private InjectedFault? Zero(Fault fault, LocalDate day)
    {
        if (limits.ZeroHours is not { } hours)
        {
            return null;
        }

        var days = (hours / 24) + _random.Next(0, 2);
        for (var i = meter.BoundaryOf(day); i < meter.BoundaryOf(day.PlusDays(days)); i++)
        {
            meter.Add(i, -meter.Used(i));
        }

        return Found(fault, day, day.PlusDays(days - 1));
    }

    private InjectedFault Rollover(Fault fault, LocalDate day, int slot)
    {
        while (meter.Used(slot) == 0)
        {
            slot++;
        }

        // The display passes its highest value within this interval.
        _rollAt = slot + 1;
        return Found(fault, day, meter.DayOf(slot));
    }

    private InjectedFault? Reverse(Fault fault, LocalDate day)
    {
        if (!limits.ReverseEnergy)
        {
            return null;
        }

        for (var d = day; d < day.PlusDays(3); d = d.PlusDays(1))
        {
            var export = Slots(d).Sum(meter.Used) * meter.UnitsPerCount;
            foreach (var slot in Slots(d))
            {
                meter.Add(slot, -meter.Used(slot));
            }

            Extra[d] = new DayEvidence { Export = Math.Max(1, export) };
        }

        return Found(fault, day, day);
    }

    private InjectedFault ClockStep(Fault fault, LocalDate day, int slot)
    {
        // The clock jumps ahead: it never shows the boundaries that it jumps over, and what it shows for boundary b is what flowed until b − offset. A day later it is put right.
        var late = Math.Max(1, _random.Next(4, 120) / meter.IntervalMinutes);
        var (from, to) = (slot, slot + meter.PerDay);
        _lost.UnionWith(Enumerable.Range(from, late));
        _seenAt = boundary => boundary >= from + late && boundary < to ? boundary - late : boundary;
        foreach (var d in Enumerable.Range(from, to - from).Select(meter.DayOf).Distinct())
        {
            Extra[d] = new DayEvidence { ClockOffset = Duration.FromMinutes(Math.Max(4, late * meter.IntervalMinutes)) };
        }

        return Found(fault, meter.DayOf(from - 1), day);
    }

    private IEnumerable<int> Slots(LocalDate day) => Enumerable.Range(meter.BoundaryOf(day), meter.BoundaryOf(day.PlusDays(1)) - meter.BoundaryOf(day));

    private static InjectedFault Found(Fault fault, LocalDate from, params LocalDate[] on) => new(fault, InjectedFault.RuleOf(fault), from, on);
}
