using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Simulator.Meters;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Simulator.Sites;

/// <summary>What a register shows at an instant, by computation: what a correct chain of gateway and cloud must have at that instant.</summary>
/// <param name="Meter">Name of the meter's place within the site.</param>
/// <param name="Register">The register.</param>
/// <param name="Value">Its counts.</param>
/// <param name="Scale">Power of ten of a count, in Wh or m³.</param>
public readonly record struct ExpectedRegister(string Meter, RegisterKey Register, long Value, int Scale);

/// <summary>
/// A site as a pure function of time: what every register shows and when every pulse comes. No clock and no state, so it serves both
/// as the simulator and as the oracle of end-to-end tests. Safe to use from several threads.
/// </summary>
public sealed class SimulatedSite
{
    private readonly ImmutableDictionary<byte, SimulatedMeter> units;
    private readonly ImmutableDictionary<RegisterKey, (SimulatedMeter Place, InstalledMeter Installed)> registers;

    /// <summary>Makes the site.</summary>
    public SimulatedSite(Site site)
    {
        Site = site;
        Meters = [.. site.Meters.Select(m => new SimulatedMeter(m, site))];
        units = Meters.Where(m => m.Meter.Connection is ModbusConnection).ToImmutableDictionary(m => ((ModbusConnection)m.Meter.Connection).Unit);
        registers = Meters
            .SelectMany(m => m.Meter.Installed.SelectMany(i => m.Keys(i).Select(k => (Key: k, Place: m, Installed: i))))
            .ToImmutableDictionary(r => r.Key, r => (r.Place, r.Installed));
    }

    /// <summary>The description.</summary>
    public Site Site { get; }

    /// <summary>The meters' places.</summary>
    public ImmutableArray<SimulatedMeter> Meters { get; }

    /// <summary>All registers that hang at the site at some time.</summary>
    public IEnumerable<RegisterKey> Registers => registers.Keys;

    /// <summary>The counts of a register at an instant; before its meter was put up the start register, after it was taken down the last.</summary>
    /// <exception cref="KeyNotFoundException">The site has no such register.</exception>
    public long RegisterAt(RegisterKey register, Instant at)
    {
        var (place, installed) = registers.TryGetValue(register, out var found) ? found : throw new KeyNotFoundException($"{Site.Name} has no register {register}");
        return place.RegisterAt(installed, register.Obis, at);
    }

    /// <summary>True when the register's meter hangs at the site at the instant.</summary>
    public bool IsInstalled(RegisterKey register, Instant at) =>
        registers.TryGetValue(register, out var found) && found.Place.InstalledAt(at) == found.Installed && found.Installed.From <= at;

    /// <summary>All registers that hang at the site at the instant.</summary>
    public IEnumerable<ExpectedRegister> At(Instant at) =>
        from place in Meters
        let installed = place.InstalledAt(at)
        from key in place.Keys(installed)
        select new ExpectedRegister(place.Meter.Id, key, place.RegisterAt(installed, key.Obis, at), place.Scale);

    /// <summary>Answers a Modbus read as the site would at the instant. A unit that is not there is exception 11, as from a gateway to a bus.</summary>
    public RegisterReply Read(byte unit, ModbusTable table, ushort address, ushort count, Instant at) =>
        units.TryGetValue(unit, out var meter) ? meter.Read(table, address, count, at) : RegisterReply.Exception(11);
}
