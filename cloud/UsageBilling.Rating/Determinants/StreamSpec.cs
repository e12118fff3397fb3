using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>
/// A sequence of quantities that components ask for: a measurand as metered, or as demand windows of
/// <paramref name="WindowMinutes"/> made of it.
/// </summary>
/// <param name="Measurand">What is measured.</param>
/// <param name="WindowMinutes">0 for the intervals as they are, else 15, 30 or 60.</param>
/// <param name="Rolling">A window begins at every interval instead of every window length.</param>
/// <param name="Coarser">Intervals longer than the window are taken as they are instead of being refused.</param>
internal readonly record struct StreamSpec(Measurand Measurand, int WindowMinutes, bool Rolling, bool Coarser = false)
{
    /// <summary>Whether the intervals themselves are what is wanted.</summary>
    public bool Wants(int intervalMinutes) => WindowMinutes == 0 || WindowMinutes == intervalMinutes || (Coarser && WindowMinutes < intervalMinutes);
}

/// <summary>A component's place in the tariff's streams: which stream, and which of the schedules laid over it.</summary>
internal readonly record struct StreamRef(int Stream, int Slot, int PeriodCount);

/// <summary>Collects what components ask for, so that each stream is scanned once however many ask.</summary>
internal sealed class StreamBinder
{
    private readonly List<StreamSpec> _specs = [];
    private readonly List<List<Schedule?>> _schedules = [];
    private readonly List<bool> _monthly = [];

    public StreamRef Bind(StreamSpec spec, Schedule? schedule, bool monthly = false)
    {
        var stream = _specs.IndexOf(spec);
        if (stream < 0)
        {
            stream = _specs.Count;
            _specs.Add(spec);
            _schedules.Add([]);
            _monthly.Add(false);
        }

        var slot = _schedules[stream].IndexOf(schedule);
        if (slot < 0)
        {
            slot = _schedules[stream].Count;
            _schedules[stream].Add(schedule);
        }

        _monthly[stream] |= monthly;
        return new StreamRef(stream, slot, schedule?.Periods.Count ?? 1);
    }

    public StreamLayout[] Layouts() =>
        [.. _specs.Select((spec, i) => new StreamLayout(spec, _schedules[i], _monthly[i]))];
}

/// <summary>A stream with the schedules laid over it. <paramref name="Monthly"/>: peaks are asked for by billing month.</summary>
internal sealed record StreamLayout(StreamSpec Spec, IReadOnlyList<Schedule?> Schedules, bool Monthly);
