using System.Globalization;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Rating.Charges;

/// <summary>The words of a line that do not change from bill to bill, made once when the tariff is read.</summary>
internal class LineLabel(string description, Unit unit, Currency currency, string? period = null, int? tier = null, string? determinant = null, string? note = null) : LineTrace
{
    public string Description { get; } = description;

    public Unit Unit { get; } = unit;

    public Currency Currency { get; } = currency;

    public string? Period { get; } = period;

    public int? Tier { get; } = tier;

    /// <summary>Quantity × price = amount, with what the tariff says about it in brackets.</summary>
    public override string Formula(ChargeLine line) => Words.Product(line, Currency) + (note is null ? string.Empty : $" ({note})");

    public override IReadOnlyList<Determinant> Determinants(ChargeLine line) =>
        determinant is null ? [] : [new Determinant(determinant, line.Quantity, line.Unit, null)];
}

/// <summary>Numbers and sentences as bills write them, the same on every machine.</summary>
internal static class Words
{
    private static readonly LocalDatePattern DatePattern = LocalDatePattern.CreateWithInvariantCulture("d MMM uuuu");

    /// <summary>All digits that matter, no trailing zeros.</summary>
    public static string Number(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);

    /// <summary>An amount with the currency's digits.</summary>
    public static string Money(decimal value, Currency currency) => $"{value.ToString(Format(currency), CultureInfo.InvariantCulture)} {currency.Code}";

    public static string Day(LocalDate date) => DatePattern.Format(date);

    /// <summary>"412.345 kWh × 0.2834 EUR/kWh = 116.8586 → 116.86 EUR".</summary>
    public static string Product(ChargeLine line, Currency currency)
    {
        var per = line.PriceBase == 1m ? Symbol(line.Unit) : $"{Number(line.PriceBase)} {Symbol(line.Unit)}";
        var product = $"{Number(line.Quantity)} {Plural(line.Unit, line.Quantity)} × {Number(line.Price)} {currency.Code}/{per} = ";
        return product + Result(line.Exact, line.Amount, currency);
    }

    public static string Result(decimal exact, decimal amount, Currency currency) =>
        exact == amount ? Money(amount, currency) : $"{Number(Math.Round(exact, 10, MidpointRounding.AwayFromZero))} → {Money(amount, currency)}";

    public static string Symbol(Unit unit) => unit == Unit.One ? "unit" : unit.Symbol;

    /// <summary>The symbol after a number that is not one: "kWh", "units".</summary>
    public static string Units(Unit unit) => unit == Unit.One ? "units" : unit.Symbol;

    private static string Plural(Unit unit, decimal quantity) =>
        quantity != 1m && (unit == Unit.Day || unit == Unit.Month || unit == Unit.Quarter || unit == Unit.Year || unit == Unit.One) ? Symbol(unit) + "s" : Symbol(unit);

    private static string Format(Currency currency) => currency.Digits == 0 ? "0" : "0." + new string('0', currency.Digits);
}
