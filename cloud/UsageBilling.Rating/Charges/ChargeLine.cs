using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Rating.Charges;

/// <summary>What a line charges for. The names are the JSON contract of <c>rate --json</c>, in lower case.</summary>
public enum ChargeKind
{
    /// <summary>Energy or another quantity used.</summary>
    Energy,

    /// <summary>Power: the highest demand, contracted capacity.</summary>
    Demand,

    /// <summary>Standing charges.</summary>
    Fixed,

    /// <summary>What lifts a bill to its minimum.</summary>
    Minimum,

    /// <summary>What cuts a bill to its maximum.</summary>
    Maximum,

    /// <summary>Export paid for or credited.</summary>
    Export,

    /// <summary>Reactive energy, power factor.</summary>
    Reactive,

    /// <summary>Percentage adjustments, fuel clauses.</summary>
    Adjustment,

    /// <summary>Discounts.</summary>
    Discount,

    /// <summary>Credits used.</summary>
    Credit,

    /// <summary>Taxes: VAT and others.</summary>
    Tax,
}

/// <summary>
/// One line of a rated period, with its trace. <c>Amount</c> is rounded to the currency, half away from zero;
/// <c>Quantity × Price / PriceBase</c> gives <c>Exact</c>.
/// </summary>
/// <param name="Component">Id of the tariff's component.</param>
/// <param name="Description">What a customer reads: "Energy, peak hours".</param>
/// <param name="Kind">What the line charges for.</param>
/// <param name="Period">Time-of-use period, or null.</param>
/// <param name="Tier">Tier from 1, or null.</param>
/// <param name="From">First local day the line covers.</param>
/// <param name="To">The day after the last.</param>
/// <param name="Quantity">Billed quantity, negative for export credits and corrections.</param>
/// <param name="Unit">Unit of the quantity.</param>
/// <param name="Price">Price for <paramref name="PriceBase"/> units.</param>
/// <param name="PriceBase">Units that <paramref name="Price"/> is for; 1 unless the tariff says otherwise (100 for a percentage).</param>
/// <param name="Exact">Unrounded amount.</param>
/// <param name="Amount">Amount in the currency's minor digits, net of VAT.</param>
/// <param name="TaxCategory">EN 16931 category: S standard, Z zero, E exempt, AE reverse charge, O out of scope.</param>
/// <param name="TaxRate">Percent.</param>
/// <param name="TariffVersion">The tariff version that priced it: <c>code@version</c>.</param>
/// <param name="Formula">The computation in words with its numbers.</param>
/// <param name="Determinants">What was measured or derived for this line.</param>
public sealed record ChargeLine(
    string Component,
    string Description,
    ChargeKind Kind,
    string? Period,
    int? Tier,
    LocalDate From,
    LocalDate To,
    decimal Quantity,
    Unit Unit,
    decimal Price,
    decimal PriceBase,
    decimal Exact,
    decimal Amount,
    string TaxCategory,
    decimal TaxRate,
    string TariffVersion,
    string Formula,
    IReadOnlyList<Determinant> Determinants);

/// <summary>A quantity behind a line: energy in a period, a peak and when it was.</summary>
/// <param name="Name">For example <c>import.peak.kWh</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="At">When, for a peak: start of the interval or window (UTC).</param>
public sealed record Determinant(string Name, decimal Value, Unit Unit, Instant? At);
