namespace UsageBilling.Protocols;

/// <summary>The physical or counted quantity of a register or channel. Values are stored: they never change meaning.</summary>
public enum Quantity : byte
{
    /// <summary>Active energy, Wh.</summary>
    ActiveEnergy = 1,

    /// <summary>Reactive energy, varh.</summary>
    ReactiveEnergy = 2,

    /// <summary>Apparent energy, VAh.</summary>
    ApparentEnergy = 3,

    /// <summary>Gas volume at measuring conditions, m³.</summary>
    GasVolume = 4,

    /// <summary>Water volume, m³.</summary>
    WaterVolume = 5,

    /// <summary>Heat, Wh.</summary>
    HeatEnergy = 6,

    /// <summary>Anything counted: calls, requests. The channel names its own unit.</summary>
    Count = 7,

    /// <summary>Time used, s.</summary>
    Duration = 8,

    /// <summary>Data transferred or kept, bytes.</summary>
    Data = 9,
}

/// <summary>Seen from the customer: import is taken from the grid, export is fed into it.</summary>
public enum Direction : byte
{
    /// <summary>Taken from the grid.</summary>
    Import = 1,

    /// <summary>Fed into the grid.</summary>
    Export = 2,
}

/// <summary>A quantity with its direction: what a channel carries.</summary>
public readonly record struct Measurand(Quantity Quantity, Direction Direction)
{
    /// <summary>The base unit in which stored integers of this quantity are counted (before the power of ten).</summary>
    public Unit Unit => Unit.BaseOf(Quantity);
}
