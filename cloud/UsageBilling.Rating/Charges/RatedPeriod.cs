using NodaTime;

namespace UsageBilling.Rating.Charges;

/// <summary>One rated billing period: its lines in the tariff's order, then tax lines. Re-rating the same input gives an equal value.</summary>
/// <param name="From">First local day.</param>
/// <param name="To">The day after the last.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Lines">Charges net of tax.</param>
/// <param name="Taxes">One subtotal per category and rate.</param>
/// <param name="Net">Sum of the lines' amounts.</param>
/// <param name="Tax">Sum of the taxes' amounts.</param>
/// <param name="Rounding">Difference that a tariff which rounds on the total adds to reach <paramref name="Total"/> (EN 16931 BT-114).</param>
/// <param name="Total">Net + Tax + Rounding.</param>
public sealed record RatedPeriod(
    LocalDate From,
    LocalDate To,
    string Currency,
    IReadOnlyList<ChargeLine> Lines,
    IReadOnlyList<TaxSubtotal> Taxes,
    decimal Net,
    decimal Tax,
    decimal Rounding,
    decimal Total)
{
    /// <summary>Balances, peaks and use so far that the next period begins with.</summary>
    public RatingState Closing { get; init; } = RatingState.Empty;

    /// <summary>Equal in every line, subtotal and figure.</summary>
    public bool Equals(RatedPeriod? other) =>
        other is not null
        && From == other.From && To == other.To && Currency == other.Currency
        && Net == other.Net && Tax == other.Tax && Rounding == other.Rounding && Total == other.Total
        && Lines.SequenceEqual(other.Lines) && Taxes.SequenceEqual(other.Taxes) && Closing.Equals(other.Closing);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(From, To, Currency, Lines.Count, Net, Total);
}

/// <summary>Tax on the sum of rounded net lines of one category and rate.</summary>
/// <param name="Category">EN 16931 category: S, Z, E, AE, O.</param>
/// <param name="Rate">Percent.</param>
/// <param name="Base">Sum of the net lines.</param>
/// <param name="Amount">Rounded once.</param>
/// <param name="Name">"VAT", or another tax's name.</param>
public sealed record TaxSubtotal(string Category, decimal Rate, decimal Base, decimal Amount, string Name);
