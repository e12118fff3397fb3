using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Simulator.Sites;

/// <summary>A site as its file describes it.</summary>
/// <param name="Name">Name of the site.</param>
/// <param name="Clock">What the clocks of the site are ahead of UTC, the whole year: loads have no summer time, for the edge knows no time zones.</param>
/// <param name="Epoch">When the start registers hold: a UTC midnight.</param>
/// <param name="Seed">Seed of all chance.</param>
/// <param name="Meters">The meters.</param>
public sealed record Site(string Name, Offset Clock, Instant Epoch, long Seed, ImmutableArray<SiteMeter> Meters);

/// <summary>A place on the wall where a meter hangs, and what flows through it.</summary>
/// <param name="Id">Name within the site.</param>
/// <param name="Manufacturer">As in register keys.</param>
/// <param name="Connection">How it is read.</param>
/// <param name="Load">One of the load names.</param>
/// <param name="Yearly">kWh or m³ of a year.</param>
/// <param name="PeakWatts">What a factory's batches add, or the rating of the panels.</param>
/// <param name="Digits">Digits before registers roll over.</param>
/// <param name="Installed">The meters that hang there one after the other; the first from the epoch on.</param>
/// <param name="Falls">Instants at which the import register falls without reason, and by how many counts.</param>
/// <param name="Silences">Half-open spans in which a Modbus meter does not answer.</param>
public sealed record SiteMeter(
    string Id,
    string Manufacturer,
    MeterConnection Connection,
    string Load,
    decimal Yearly,
    long PeakWatts,
    int Digits,
    ImmutableArray<InstalledMeter> Installed,
    ImmutableArray<RegisterFall> Falls,
    ImmutableArray<Interval> Silences);

/// <summary>How a meter is read.</summary>
public abstract record MeterConnection;

/// <summary>A Modbus meter: its model and its unit id on the site's bus.</summary>
public sealed record ModbusConnection(string Model, byte Unit) : MeterConnection;

/// <summary>A pulse output.</summary>
/// <param name="Pin">GPIO line.</param>
/// <param name="Obis">What a pulse counts.</param>
/// <param name="Scale">A pulse is 10^Scale of the OBIS code's base unit (Wh, m³).</param>
/// <param name="WidthMicroseconds">How long the contact stays closed.</param>
public sealed record PulseConnection(int Pin, ObisCode Obis, int Scale, int WidthMicroseconds) : MeterConnection;

/// <summary>A meter with its serial number, hanging from an instant on.</summary>
/// <param name="Serial">As printed on it.</param>
/// <param name="From">When it was put up; the one before it stops then.</param>
/// <param name="Start">Its registers at that instant, in its own counts.</param>
/// <param name="RollsOverAt">When set: the import register starts so that it passes zero at this instant.</param>
public sealed record InstalledMeter(string Serial, Instant From, ImmutableSortedDictionary<string, long> Start, Instant? RollsOverAt);

/// <summary>A register that falls.</summary>
public sealed record RegisterFall(Instant At, long By);
