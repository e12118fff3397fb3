using NodaTime;

namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>A quarter of an hour as a load sees it.</summary>
/// <param name="Day">UTC day, counted from the site's epoch: the place of the noise.</param>
/// <param name="Index">Quarter of that UTC day, 0 to 95.</param>
/// <param name="LocalQuarter">Quarter of the day by the clocks of the site, 0 to 95.</param>
/// <param name="Date">Date by the clocks of the site.</param>
public readonly record struct Slot(int Day, int Index, int LocalQuarter, LocalDate Date)
{
    /// <summary>Slots of a day.</summary>
    public const int PerDay = 96;

    /// <summary>Length of a slot in microseconds.</summary>
    public const long Microseconds = 900_000_000;
}

/// <summary>What flows in a slot, in thousandths of a Wh, or in millilitres.</summary>
public readonly record struct Flow(long Import, long Export)
{
    /// <summary>Both directions added up.</summary>
    public static Flow operator +(Flow a, Flow b) => new(a.Import + b.Import, a.Export + b.Export);
}
