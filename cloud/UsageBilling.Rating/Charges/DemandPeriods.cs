using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>Which time-of-use periods a demand component looks at: all, those it names, or only the one of the month's highest demand.</summary>
internal readonly struct DemandPeriods
{
    private readonly bool[]? _chosen;

    public DemandPeriods(bool[]? chosen, bool single)
    {
        _chosen = chosen;
        Single = single;
    }

    /// <summary>Only the period in which the month's highest demand lies is billed.</summary>
    public bool Single { get; }

    public bool Counts(int period) => _chosen is null || _chosen[period];

    /// <summary>Reads <c>periods</c> and <c>singlePeak</c>.</summary>
    public static DemandPeriods Read(StrictObject item, Schedule? schedule)
    {
        var single = item.Flag("singlePeak") ?? false;
        if (single && schedule is null && !item.Has("schedule"))
        {
            item.Report("singlePeak", "chooses among the periods of a schedule; name the schedule or remove it");
        }

        if (!item.Has("periods"))
        {
            item.Ignore("periods");
            return new DemandPeriods(null, single);
        }

        var chosen = new bool[schedule?.Periods.Count ?? 1];
        foreach (var name in item.Texts("periods"))
        {
            var period = schedule is null ? -1 : schedule.Periods.ToList().IndexOf(name);
            if (period < 0)
            {
                item.Report("periods", schedule is null ? "need a schedule; name it or remove them" : $"\"{name}\" is not a period of schedule \"{schedule.Name}\"; known: {string.Join(", ", schedule.Periods)}");
                continue;
            }

            chosen[period] = true;
        }

        return new DemandPeriods(chosen, single);
    }
}
