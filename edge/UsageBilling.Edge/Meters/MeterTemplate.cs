using System.Collections.Immutable;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters;

/// <summary>A meter model as data: where its registers are and how they read.</summary>
/// <param name="Id">Its name in configurations, for example <c>eastron-sdm120</c>.</param>
/// <param name="Manufacturer">First part of the keys of its registers.</param>
/// <param name="Model">As people know it.</param>
/// <param name="Registers">Billable registers.</param>
/// <param name="Power">Present active power, for people who watch; never billed.</param>
/// <param name="Probe">What tells this model from others.</param>
/// <param name="Serial">Where the meter keeps its serial number.</param>
/// <param name="MaxGap">Unwanted registers that may be read along between wanted ones.</param>
/// <param name="MaxCount">Most registers in one request.</param>
/// <param name="Pause">The meter needs this long between two requests.</param>
public sealed record MeterTemplate(
    string Id,
    string Manufacturer,
    string Model,
    ImmutableArray<TemplateRegister> Registers,
    TemplatePower? Power,
    TemplateProbe? Probe,
    TemplateText? Serial,
    int MaxGap,
    int MaxCount,
    TimeSpan Pause)
{
    /// <summary>Where the meter says that its values are no basis for a bill.</summary>
    public ImmutableArray<TemplateFault> Faults { get; init; } = [];
}

/// <summary>A billable register of a model.</summary>
/// <param name="Obis">What it counts.</param>
/// <param name="Span">Where it is.</param>
/// <param name="Format">How its words become the raw integer.</param>
/// <param name="Scale">Raw × 10^scale is in the OBIS code's unit.</param>
/// <param name="Digits">Decimal digits of the raw integer before it rolls over to zero.</param>
public sealed record TemplateRegister(ObisCode Obis, RegisterSpan Span, RegisterFormat Format, int Scale, int Digits);

/// <summary>Bits of one Modbus register that say that the meter is in test mode or has a fault: set, they flag all readings of the poll.</summary>
/// <param name="Span">The register.</param>
/// <param name="Mask">Its bits; one that is set is enough.</param>
/// <param name="Means">What that means, for people.</param>
public sealed record TemplateFault(RegisterSpan Span, ushort Mask, string Means);

/// <summary>Present power: raw × 10^scale watts.</summary>
public sealed record TemplatePower(RegisterSpan Span, RegisterFormat Format, int Scale);

/// <summary>A number or text of the device; <see cref="Format"/> is null for text, two ASCII characters a register.</summary>
public sealed record TemplateText(RegisterSpan Span, RegisterFormat? Format);

/// <summary>What a device of this model answers at a place.</summary>
/// <param name="Where">The place.</param>
/// <param name="Expected">Possible answers; text matches by its beginning. Empty: any answer will do.</param>
public sealed record TemplateProbe(TemplateText Where, ImmutableArray<string> Expected);
