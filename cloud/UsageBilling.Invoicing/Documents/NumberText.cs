using System.Globalization;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Documents;

/// <summary>Numbers, money and dates as the printed invoice writes them: 1,234.50 · €1,234.50 · 31 Oct 2026.</summary>
internal static class NumberText
{
    private const char Minus = '−';
    private const int MostDigits = 12;

    /// <summary>With a fixed number of digits after the point.</summary>
    public static string Fixed(decimal value, int digits) =>
        decimal.Round(value, digits, MidpointRounding.AwayFromZero).ToString("N" + digits, CultureInfo.InvariantCulture).Replace('-', Minus);

    /// <summary>As many digits as the value has, at least <paramref name="least"/>.</summary>
    public static string Exact(decimal value, int least = 0) => Fixed(value, Math.Max(Digits(value), least));

    /// <summary>Money with its sign before the symbol.</summary>
    public static string Money(decimal amount, string currency)
    {
        var digits = Fixed(decimal.Abs(amount), CurrencyDigits.Of(currency));
        var sign = amount < 0 ? Minus.ToString() : "";
        return Symbol(currency) is { } symbol ? sign + symbol + digits : $"{sign}{currency} {digits}";
    }

    /// <summary>Money in a column whose head names the currency.</summary>
    public static string Amount(decimal amount, string currency) => Fixed(amount, CurrencyDigits.Of(currency));

    public static string Date(LocalDate date) => date.ToString("d MMM uuuu", CultureInfo.InvariantCulture);

    public static string LongDate(LocalDate date) => date.ToString("d MMMM uuuu", CultureInfo.InvariantCulture);

    /// <summary>Whole months by name, otherwise first and last day.</summary>
    public static string Period(LocalDate from, LocalDate to) => from.Day == 1 && from.PlusMonths(1) == to
        ? from.ToString("MMMM uuuu", CultureInfo.InvariantCulture)
        : Days(from, to);

    /// <summary>First and last day, the year once where it is the same.</summary>
    public static string Days(LocalDate from, LocalDate to)
    {
        var last = to.PlusDays(-1);
        return last <= from
            ? Date(from)
            : $"{from.ToString(from.Year == last.Year ? "d MMM" : "d MMM uuuu", CultureInfo.InvariantCulture)} – {Date(last)}";
    }

    /// <summary>A unit beside a number: counted things need none.</summary>
    public static string UnitOf(decimal quantity, Unit unit) =>
        unit == Unit.One ? ""
        : decimal.Abs(quantity) != 1 && (unit == Unit.Day || unit == Unit.Month || unit == Unit.Quarter || unit == Unit.Year) ? unit.Symbol + "s"
        : unit.Symbol;

    /// <summary>Digits after the point that are not trailing zeros, at most twelve.</summary>
    public static int Digits(decimal value)
    {
        var text = value.ToString("0.############################", CultureInfo.InvariantCulture);
        var point = text.IndexOf('.', StringComparison.Ordinal);
        return point < 0 ? 0 : Math.Min(text.Length - point - 1, MostDigits);
    }

    private static string? Symbol(string currency) => currency switch
    {
        "EUR" => "€",
        "GBP" => "£",
        "USD" => "$",
        _ => null,
    };
}
