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
/// One line of a rated period, with its trace. <see cref="Amount"/> is rounded to the currency, half away from zero;
/// <c>Quantity × Price / PriceBase</c> gives <see cref="Exact"/>. Formula and determinants of a line made by the engine are
/// written when they are first read, from values that cannot change; they are part of the line's value all the same.
/// </summary>
public sealed record ChargeLine
{
    private readonly LineTrace? _trace;
    private string? _formula;
    private IReadOnlyList<Determinant>? _determinants;

    /// <summary>Makes a line whose trace is written already.</summary>
    public ChargeLine(
        string component,
        string description,
        ChargeKind kind,
        string? period,
        int? tier,
        LocalDate from,
        LocalDate to,
        decimal quantity,
        Unit unit,
        decimal price,
        decimal priceBase,
        decimal exact,
        decimal amount,
        string taxCategory,
        decimal taxRate,
        string tariffVersion,
        string formula,
        IReadOnlyList<Determinant> determinants)
    {
        Component = component;
        Description = description;
        Kind = kind;
        Period = period;
        Tier = tier;
        From = from;
        To = to;
        Quantity = quantity;
        Unit = unit;
        Price = price;
        PriceBase = priceBase;
        Exact = exact;
        Amount = amount;
        TaxCategory = taxCategory;
        TaxRate = taxRate;
        TariffVersion = tariffVersion;
        _formula = formula;
        _determinants = determinants;
    }

    /// <summary>Makes a line that the engine fills in.</summary>
    internal ChargeLine(string component, string description, string tariffVersion, Unit unit, LineTrace trace)
    {
        Component = component;
        Description = description;
        TariffVersion = tariffVersion;
        Unit = unit;
        _trace = trace;
    }

    /// <summary>Id of the tariff's component.</summary>
    public string Component { get; init; }

    /// <summary>What a customer reads: "Energy, peak hours".</summary>
    public string Description { get; init; }

    /// <summary>What the line charges for.</summary>
    public ChargeKind Kind { get; init; }

    /// <summary>Time-of-use period, or null.</summary>
    public string? Period { get; init; }

    /// <summary>Tier from 1, or null.</summary>
    public int? Tier { get; init; }

    /// <summary>First local day the line covers.</summary>
    public LocalDate From { get; init; }

    /// <summary>The day after the last.</summary>
    public LocalDate To { get; init; }

    /// <summary>Billed quantity, negative for export credits and corrections.</summary>
    public decimal Quantity { get; init; }

    /// <summary>Unit of the quantity.</summary>
    public Unit Unit { get; init; }

    /// <summary>Price for <see cref="PriceBase"/> units.</summary>
    public decimal Price { get; init; }

    /// <summary>Units that <see cref="Price"/> is for; 1 unless the tariff says otherwise (100 for a percentage).</summary>
    public decimal PriceBase { get; init; } = 1m;

    /// <summary>Unrounded amount.</summary>
    public decimal Exact { get; init; }

    /// <summary>Amount in the currency's minor digits, net of VAT.</summary>
    public decimal Amount { get; init; }

    /// <summary>EN 16931 category: S standard, Z zero, E exempt, AE reverse charge, O out of scope.</summary>
    public string TaxCategory { get; init; } = "O";

    /// <summary>Percent.</summary>
    public decimal TaxRate { get; init; }

    /// <summary>The tariff version that priced it: <c>code@version</c>.</summary>
    public string TariffVersion { get; init; }

    /// <summary>The computation in words with its numbers.</summary>
    public string Formula
    {
        get => _formula ??= _trace!.Formula(this);
        init => _formula = value;
    }

    /// <summary>What was measured or derived for this line.</summary>
    public IReadOnlyList<Determinant> Determinants
    {
        get => _determinants ??= _trace!.Determinants(this);
        init => _determinants = value;
    }

    /// <summary>Equal in every member, formula and determinants too.</summary>
    public bool Equals(ChargeLine? other) =>
        other is not null
        && Component == other.Component && Description == other.Description && Kind == other.Kind
        && Period == other.Period && Tier == other.Tier && From == other.From && To == other.To
        && Quantity == other.Quantity && Unit == other.Unit && Price == other.Price && PriceBase == other.PriceBase
        && Exact == other.Exact && Amount == other.Amount && TaxCategory == other.TaxCategory && TaxRate == other.TaxRate
        && TariffVersion == other.TariffVersion && Formula == other.Formula && Determinants.SequenceEqual(other.Determinants);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Component, Period, Tier, From, Quantity, Price, Amount);
}

/// <summary>A quantity behind a line: energy in a period, a peak and when it was.</summary>
/// <param name="Name">For example <c>import.peak.kWh</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="At">When, for a peak: start of the interval or window (UTC).</param>
public sealed record Determinant(string Name, decimal Value, Unit Unit, Instant? At);

/// <summary>Writes what is behind a line, from values kept since it was rated.</summary>
internal abstract class LineTrace
{
    public abstract string Formula(ChargeLine line);

    public virtual IReadOnlyList<Determinant> Determinants(ChargeLine line) => [];
}
