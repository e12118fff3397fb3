using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// What a file calls one of its data streams. Equal streams of one file are equal values; a stream whose interval length changes inside a file is two.
/// </summary>
/// <param name="Id">The metering point in the file's words: an NMI, a usage point, the file's own name.</param>
/// <param name="Register">The stream at that point: a suffix (E1), a meter reading, a column.</param>
/// <param name="Unit">The unit that the file's numbers are in, as the file's format spells it; empty where it names none.</param>
/// <param name="IntervalMinutes">Minutes of an interval; null for accumulations of any length.</param>
/// <param name="Measurand">What flows, or null where this system has no channel for it (volts, power, therms).</param>
/// <param name="UnitExponent">Power of ten from the file's unit to the measurand's base unit: 3 for kWh.</param>
/// <param name="Zone">Whose days the file counts in.</param>
public sealed record SourceChannel(string Id, string Register, string Unit, int? IntervalMinutes, Measurand? Measurand, int UnitExponent, DateTimeZone Zone)
{
    /// <summary>The service point that this stream belongs to, in the alphabet of names. See <see cref="PointName"/>.</summary>
    public required string Point { get; init; }

    /// <summary>Minutes that the file says a total lasts, or an interval.</summary>
    public int? NominalMinutes { get; init; } = IntervalMinutes;

    /// <summary>Power of ten by which the file's integers are multiplied (ESPI).</summary>
    internal int Power { get; init; }

    /// <summary>The file's code for the quality of values that state none (ESPI).</summary>
    internal int? DefaultQuality { get; init; }

    /// <summary>True where the file states this direction with negative numbers (NEM13's direction I): stored quantities are turned round.</summary>
    public bool Negated { get; init; }

    /// <summary>True where the format knows no values below zero (NEM12, NEM13).</summary>
    public bool NeverNegative { get; init; }

    /// <summary><c>id/register/unit/minutes</c>.</summary>
    public override string ToString() => $"{Id}/{Register}/{Unit}/{IntervalMinutes}";
}
