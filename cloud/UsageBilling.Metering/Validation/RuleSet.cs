using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Estimation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>A class of channels with its limits.</summary>
/// <param name="Name">Of the class.</param>
/// <param name="Quantity">What its channels carry; null: anything.</param>
/// <param name="Direction">Which way; null: either.</param>
/// <param name="Points">Points by name, or by how the name begins where it ends in <c>*</c>; empty: every point.</param>
/// <param name="Thresholds">Limits of the rules.</param>
/// <param name="Estimation">How gaps are filled.</param>
public sealed record ChannelClass(
    string Name, Quantity? Quantity, Direction? Direction, ImmutableArray<string> Points, Thresholds Thresholds, EstimationLimits Estimation)
{
    /// <summary>Whether a channel belongs to the class.</summary>
    public bool Holds(ChannelKey channel) =>
        (Quantity is null || Quantity == channel.Measurand.Quantity)
        && (Direction is null || Direction == channel.Measurand.Direction)
        && (Points.IsEmpty || Points.Any(p => p.EndsWith('*') ? channel.Point.StartsWith(p[..^1], StringComparison.Ordinal) : channel.Point == p));
}

/// <summary>A version of the rules' limits: a document, see <c>protocols/validation</c>.</summary>
/// <param name="Version">Named by every finding and estimate made under it.</param>
/// <param name="Holidays">Days on which people live as on a Sunday.</param>
/// <param name="Classes">In order: a channel belongs to the first that holds it.</param>
public sealed record RuleSet(string Version, ImmutableHashSet<LocalDate> Holidays, ImmutableArray<ChannelClass> Classes)
{
    private static readonly Lazy<RuleSet> BuiltIn = new(() => RuleSetDocument.Parse(RuleSetDocument.Default()).RuleSet!);

    /// <summary>The document that comes with the program, until another is loaded.</summary>
    public static RuleSet Default => BuiltIn.Value;

    /// <summary>The class of a channel. The reader sees to it that the last class holds every channel.</summary>
    public ChannelClass ClassOf(ChannelKey channel) => Classes.First(c => c.Holds(channel));
}
