using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Simulator.Loads;
using UsageBilling.Edge.Simulator.Sites;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Simulator.Meters;

/// <summary>One place on the wall: every register at every instant, computed, never counted.</summary>
public sealed class SimulatedMeter
{
    private const int EnergyDecimals = 3;
    private const int VolumeDecimals = 6;

    private readonly CumulativeLoad flow;
    private readonly MeterModel? model;
    private readonly long modulus;

    /// <summary>Makes the meter.</summary>
    public SimulatedMeter(SiteMeter meter, Site site)
    {
        Meter = meter;
        model = meter.Connection is ModbusConnection modbus ? MeterModel.Find(modbus.Model) : null;
        modulus = PowerOfTen(meter.Digits);
        var decimals = meter.Connection is PulseConnection pulse && pulse.Obis.Measurand?.Unit == Unit.CubicMetre ? VolumeDecimals : EnergyDecimals;

        // A kWh has a million thousandths of a Wh, and a m³ a million millilitres.
        var load = Load.Of(meter.Load, (long)(meter.Yearly * 1_000_000), meter.PeakWatts);
        flow = new CumulativeLoad(load, Noise.Of(site.Seed, meter.Id), site.Clock, site.Epoch);
        Scale = meter.Connection is PulseConnection p ? p.Scale : model!.Scale;
        PerCount = PowerOfTen(Scale + decimals);
    }

    /// <summary>The description it was made from.</summary>
    public SiteMeter Meter { get; }

    /// <summary>Power of ten of its registers, in Wh or m³.</summary>
    public int Scale { get; }

    /// <summary>Thousandths of a Wh, or millilitres, that one count stands for.</summary>
    public long PerCount { get; }

    /// <summary>The meter that hangs there at an instant.</summary>
    public InstalledMeter InstalledAt(Instant at) => Meter.Installed.LastOrDefault(m => m.From <= at) ?? Meter.Installed[0];

    /// <summary>Keys of the registers that a meter of this place shows.</summary>
    public IEnumerable<RegisterKey> Keys(InstalledMeter installed) =>
        installed.Start.Keys.Select(obis => new RegisterKey(Meter.Manufacturer, installed.Serial, ObisCode.Parse(obis)));

    /// <summary>
    /// The register of a meter that hangs here at some time: its counts at the instant; before it was put up its start register, after it was taken down its last.
    /// Floats are what is left after the meter's own rounding.
    /// </summary>
    public long RegisterAt(InstalledMeter installed, ObisCode obis, Instant at)
    {
        var next = Meter.Installed.FirstOrDefault(m => m.From > installed.From);
        var when = Instant.Max(installed.From, next is null ? at : Instant.Min(at, next.From));
        var counted = Counts(obis, when) - Counts(obis, installed.From);
        var start = installed.Start.GetValueOrDefault(obis.ToString());
        if (installed.RollsOverAt is { } zero && obis != ObisCode.ActiveExport)
        {
            start = Counts(obis, installed.From) - Counts(obis, zero);
        }

        var fallen = obis == ObisCode.ActiveExport ? 0 : Meter.Falls.Where(f => f.At > installed.From && f.At <= when).Sum(f => f.By);
        var value = (((start + counted - fallen) % modulus) + modulus) % modulus;
        return Shown(value, model?.Energy(obis)?.Format);
    }

    /// <summary>Active power at an instant in thousandths of a W, negative when exporting: the mean of the quarter of an hour.</summary>
    public long MilliwattsAt(Instant at)
    {
        var slot = flow.InSlot(at);
        return (slot.Import - slot.Export) * 4;
    }

    /// <summary>Instants of the pulses in (from, to].</summary>
    public IEnumerable<Instant> Pulses(Instant from, Instant to)
    {
        var last = flow.At(to).Import / PerCount;
        for (var pulse = (flow.At(from).Import / PerCount) + 1; pulse <= last; pulse++)
        {
            yield return flow.WhenImported(pulse * PerCount, to);
        }
    }

    /// <summary>Answers a Modbus read at an instant. Words between documented registers are 0; a read that meets none of them is refused.</summary>
    public RegisterReply Read(ModbusTable table, ushort address, ushort count, Instant at)
    {
        if (Meter.Silences.Any(s => s.Contains(at)))
        {
            return RegisterReply.Silence;
        }

        ushort[]? words = null;
        foreach (var register in model!.Registers)
        {
            if (register.Table != table || register.Address >= address + count || register.Address + register.Count <= address)
            {
                continue;
            }

            words ??= new ushort[count];
            var value = Words(register, at);
            for (var i = 0; i < value.Length; i++)
            {
                var place = register.Address + i - address;
                if (place >= 0 && place < count)
                {
                    words[place] = value[i];
                }
            }
        }

        return words is null ? RegisterReply.IllegalAddress : RegisterReply.Of(words);
    }

    private ushort[] Words(ModelRegister register, Instant at)
    {
        var installed = InstalledAt(at);
        return register.Content switch
        {
            RegisterContent.Import => RegisterCodec.Encode(RegisterAt(installed, ObisCode.ActiveImport, at), register.Format!),
            RegisterContent.Export => RegisterCodec.Encode(RegisterAt(installed, ObisCode.ActiveExport, at), register.Format!),
            RegisterContent.Total => RegisterCodec.Encode(
                RegisterAt(installed, ObisCode.ActiveImport, at) + RegisterAt(installed, ObisCode.ActiveExport, at), register.Format!),
            RegisterContent.Power => RegisterCodec.Encode(MilliwattsAt(at) / register.Number, register.Format!),
            RegisterContent.SerialNumber => RegisterCodec.Encode(uint.TryParse(installed.Serial, out var number) ? number : 0, register.Format!),
            RegisterContent.Constant => RegisterCodec.Encode(register.Number, register.Format!),
            RegisterContent.ModelText => Text(model!.Name, register.Count),
            _ => Text(installed.Serial, register.Count),
        };
    }

    private static ushort[] Text(string text, int words)
    {
        var padded = text.PadRight(words * 2, '\0');
        return [.. Enumerable.Range(0, words).Select(i => (ushort)(((padded[2 * i] & 0x7F) << 8) | (padded[(2 * i) + 1] & 0x7F)))];
    }

    private static long Shown(long value, RegisterFormat? format)
    {
        if (format is { IsFloat: true })
        {
            RegisterCodec.Decode(RegisterCodec.Encode(value, format), format, out value);
        }

        return value;
    }

    private long Counts(ObisCode obis, Instant at)
    {
        var through = flow.At(at);
        return (obis == ObisCode.ActiveExport ? through.Export : through.Import) / PerCount;
    }

    private static long PowerOfTen(int exponent)
    {
        long power = 1;
        for (var i = 0; i < exponent; i++)
        {
            power *= 10;
        }

        return power;
    }
}
