using System.Collections.Concurrent;
using NodaTime;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;

namespace UsageBilling.Rating.Tariffs;

/// <summary>When amounts are rounded to the currency.</summary>
public enum RoundingRule
{
    /// <summary>Each line; the total is the sum of rounded lines.</summary>
    Line,

    /// <summary>The total only; the difference to the sum of lines is shown as a rounding amount (EN 16931 BT-114).</summary>
    Total,
}

/// <summary>
/// One version of a tariff: immutable, made by <see cref="TariffDocument.Parse"/> or from a URDB document, shared by all
/// accounts. The same object must be used throughout a run, for compiled plans are found by it.
/// </summary>
public sealed class Tariff
{
    private readonly ConcurrentDictionary<(int Stream, int Interval), (int Stream, int SlotOffset)[]> _shared = new();

    internal Tariff(TariffHead head, TariffCalendar calendar, TaxRules tax, IReadOnlyList<Charge> charges, StreamLayout[] streams)
    {
        Code = head.Code;
        Version = head.Version;
        Name = head.Name;
        Comment = head.Comment;
        Currency = head.Currency;
        EffectiveFrom = head.EffectiveFrom;
        EffectiveTo = head.EffectiveTo;
        Rounding = head.Rounding;
        Proration = head.Proration;
        Calendar = calendar;
        Tax = tax;
        Charges = charges;
        Streams = streams;
        Label = $"{Code}@{Version}";
        Ordered = [.. charges.OrderBy(charge => charge.Phase)];
        LookingBack = charges.OfType<DemandCharge>().Count(charge => charge.LooksBack);
        BillingDemands = [.. charges.Select(charge => charge.BilledByComponent).OfType<string>()];
    }

    /// <summary>Code that stays the same from version to version.</summary>
    public string Code { get; }

    /// <summary>Version, as the utility names it.</summary>
    public string Version { get; }

    /// <summary><c>code@version</c>, as lines name it.</summary>
    public string Label { get; }

    /// <summary>Name for customers.</summary>
    public string Name { get; }

    /// <summary>A tariff analyst's remark, or null.</summary>
    public string? Comment { get; }

    /// <summary>Currency of all prices.</summary>
    public Currency Currency { get; }

    /// <summary>First local day this version applies.</summary>
    public LocalDate EffectiveFrom { get; }

    /// <summary>The day after the last one, or null while it applies.</summary>
    public LocalDate? EffectiveTo { get; }

    /// <summary>When amounts are rounded.</summary>
    public RoundingRule Rounding { get; }

    /// <summary>How monthly and yearly parts are prorated.</summary>
    public ProrationRule Proration { get; }

    /// <summary>Seasons, day types, schedules.</summary>
    public TariffCalendar Calendar { get; }

    /// <summary>Tax classes.</summary>
    public TaxRules Tax { get; }

    /// <summary>Components in the document's order.</summary>
    public IReadOnlyList<Charge> Charges { get; }

    /// <summary>Names of the price and factor series that its components take, in order.</summary>
    public IReadOnlyList<string> Series { get; internal init; } = [];

    /// <summary>Components in the order of operations: price, adjust, maximum, minimum, credit.</summary>
    internal Charge[] Ordered { get; }

    /// <summary>Components whose billed demand others use.</summary>
    internal HashSet<string> BillingDemands { get; }

    /// <summary>Whether demand of earlier months matters to a component.</summary>
    internal bool LooksBack => LookingBack > 0;

    /// <summary>How many components look back. Where several do, each keeps the history of its own peaks.</summary>
    internal int LookingBack { get; }

    internal StreamLayout[] Streams { get; }

    /// <summary>
    /// The streams that one pass over intervals of a length answers together with <paramref name="stream"/>: those of the
    /// same measurand that want the intervals themselves, or windows of just that length. With each, where its schedules begin.
    /// </summary>
    internal (int Stream, int SlotOffset)[] SharedStreams(int stream, int intervalMinutes) =>
        _shared.TryGetValue((stream, intervalMinutes), out var known) ? known : _shared.GetOrAdd((stream, intervalMinutes), FindShared(stream, intervalMinutes));

    private (int Stream, int SlotOffset)[] FindShared(int stream, int intervalMinutes)
    {
        var shared = new List<(int, int)>();
        var offset = 0;
        for (var other = 0; other < Streams.Length; other++)
        {
            var spec = Streams[other].Spec;
            if (spec.Measurand == Streams[stream].Spec.Measurand && spec.Wants(intervalMinutes))
            {
                shared.Add((other, offset));
                offset += Streams[other].Schedules.Count;
            }
        }

        return [.. shared];
    }
}

/// <summary>The fields of a tariff that are neither calendar nor charges.</summary>
internal sealed record TariffHead(
    string Code,
    string Version,
    string Name,
    string? Comment,
    Currency Currency,
    LocalDate EffectiveFrom,
    LocalDate? EffectiveTo,
    RoundingRule Rounding,
    ProrationRule Proration);
