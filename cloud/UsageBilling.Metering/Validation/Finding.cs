using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>A figure that a rule measured.</summary>
/// <param name="Name">What it is, as in the rule's formula: <c>p1</c>, <c>ratio</c>.</param>
/// <param name="Value">Quantities are in the channel's unit (10^exponent of the base unit).</param>
public readonly record struct MeasuredValue(string Name, decimal Value);

/// <summary>
/// What a rule found on a channel's local day; at most one a rule and day, so (<see cref="Channel"/>, <see cref="Day"/>, <see cref="Rule"/>) names it.
/// Days without a finding passed.
/// </summary>
/// <param name="Rule">One of <see cref="RuleNames"/>.</param>
/// <param name="Channel">The channel.</param>
/// <param name="Day">Local day of the service point.</param>
/// <param name="Slots">Which slots of that day; empty where it concerns the day as a whole.</param>
/// <param name="Measured">What was compared.</param>
/// <param name="Limit">With what; null where equality is demanded.</param>
/// <param name="Verdict">How bad it is.</param>
/// <param name="Words">The same for people, with figures and limit.</param>
public sealed record Finding(
    string Rule,
    ChannelId Channel,
    LocalDate Day,
    ImmutableArray<SlotRange> Slots,
    ImmutableArray<MeasuredValue> Measured,
    decimal? Limit,
    Verdict Verdict,
    string Words);
