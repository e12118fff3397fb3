using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// The kW by which tiers in kWh per kW (hours of use) are measured: what a demand component above billed, or, where none is
/// named, the highest interval of the billing month.
/// </summary>
internal sealed class BilledDemand
{
    private readonly string? _component;
    private readonly StreamRef _stream;
    private readonly bool _perDay;

    public BilledDemand(string? component, StreamRef stream, bool perDay = false)
    {
        _perDay = perDay;
        _component = component;
        _stream = stream;
    }

    /// <summary>The component whose billed demand counts, or null for the highest interval.</summary>
    public string? Component => _component;

    /// <summary>Reads <c>billedBy</c>; null when no tier is per kW.</summary>
    public static BilledDemand? Read(StrictObject item, ChargeContext context, bool needed)
    {
        var component = item.Text("billedBy");
        if (component is not null && (!needed || !context.Ids.Contains(component)))
        {
            item.Report("billedBy", needed ? $"\"{component}\" is not the id of a component above this one" : "has no tier with \"upToPerKw\" to measure; remove it");
        }

        return needed ? Of(context.Binder, component) : null;
    }

    public static BilledDemand Of(StreamBinder binder, string? component, bool perDay = false) =>
        new(component, component is null ? binder.Bind(new StreamSpec(new Measurand(Quantity.ActiveEnergy, Direction.Import), 0, false), null, monthly: true) : default, perDay);

    /// <summary>Kilowatts times months (or days) over the part of the period.</summary>
    public decimal Of(SegmentRun segment)
    {
        var sum = 0m;
        for (var part = 0; part < segment.Plan.PartStarts.Count; part++)
        {
            sum += (_perDay ? segment.Plan.PartDays[part] : segment.Plan.PartMonths[part]) * (_component is null ? Peak(segment, part) : segment.BilledDemand(_component, part));
        }

        return sum;
    }

    private decimal Peak(SegmentRun segment, int part)
    {
        var stream = segment.Stream(_stream, false)!;
        return stream.Peak(_stream, 0, part) is { } peak ? Math.Max(0m, BilledUnit.Scale(peak.Value, stream.Exponent - 3) * stream.PerHour) : 0m;
    }
}
