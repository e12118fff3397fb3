using System.Text.Json.Serialization;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Bills;

/// <summary>
/// A rated billing period of a contract with everything that led to it. A draft may be rated again; once frozen
/// (<see cref="BillSnapshot"/>) its bytes never change.
/// </summary>
public sealed record Bill
{
    /// <summary>Its name.</summary>
    public required BillKey Key { get; init; }

    /// <summary>Who sells.</summary>
    public required Party Supplier { get; init; }

    /// <summary>Who buys.</summary>
    public required Party Customer { get; init; }

    /// <summary>Where, and by which meters.</summary>
    public required Supply Supply { get; init; }

    /// <summary>Lines, taxes and totals.</summary>
    public required RatedPeriod Charges { get; init; }

    /// <summary>What each channel carried, day by day.</summary>
    public required IReadOnlyList<ChannelUsage> Usage { get; init; }

    /// <summary>The interval data that was rated.</summary>
    public required IReadOnlyList<ManifestEntry> Manifest { get; init; }

    /// <summary>The tariff versions that priced it.</summary>
    public required IReadOnlyList<TariffReference> Tariffs { get; init; }

    /// <summary>The contract's inputs to the tariff.</summary>
    public required IReadOnlyList<BillParameter> Parameters { get; init; }

    /// <summary>Version of the time zone database that local dates were made with, for example <c>2026a</c>.</summary>
    public required string TzdbVersion { get; init; }

    /// <summary>Differences of earlier bills that are settled here.</summary>
    public required IReadOnlyList<CarriedAdjustment> Adjustments { get; init; }

    /// <summary>What is doubtful.</summary>
    public required IReadOnlyList<BillIssue> Issues { get; init; }

    /// <summary>The price and factor series that it was rated by; null where the tariff names none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SeriesReference>? Series { get; init; }
}
