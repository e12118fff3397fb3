using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using NodaTime;
using UsageBilling.Invoicing.Bills;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>The small elements that UBL documents are made of.</summary>
internal static class UblElements
{
    /// <summary>A basic element, or nothing: UBL forbids empty elements.</summary>
    public static XElement? Text(string name, string? value) =>
        string.IsNullOrWhiteSpace(value) ? null : new XElement(Cbc + name, Printable(value));

    public static XElement Date(string name, LocalDate date) => new(Cbc + name, date.ToString("uuuu-MM-dd", CultureInfo.InvariantCulture));

    public static XElement Number(string name, decimal value, params XAttribute[] attributes) =>
        new(Cbc + name, attributes, value.ToString("0.############################", CultureInfo.InvariantCulture));

    public static XElement Amount(string name, decimal value, string currency) => new(
        Cbc + name,
        new XAttribute("currencyID", currency),
        value.ToString("F" + CurrencyDigits.Of(currency), CultureInfo.InvariantCulture));

    /// <summary>First and last day: EN 16931 counts both.</summary>
    public static XElement Period(string name, LocalDate from, LocalDate to) =>
        new(Cac + name, Date("StartDate", from), Date("EndDate", to.PlusDays(-1)));

    public static XElement Address(string name, PostalAddress address) => new(
        Cac + name,
        Text("StreetName", address.Street),
        Text("AdditionalStreetName", address.AdditionalStreet),
        Text("CityName", address.City),
        Text("PostalZone", address.PostalCode),
        new XElement(Cac + "Country", Text("IdentificationCode", address.Country)));

    public static XElement VatScheme() => new(Cac + "TaxScheme", Text("ID", "VAT"));

    public static XElement TaxCategory(string name, string category, decimal rate, bool withReason) => new(
        Cac + name,
        Text("ID", category),
        category == "O" ? null : Number("Percent", rate),
        withReason ? Reason(category) : null,
        VatScheme());

    /// <summary>Why no VAT is charged (BT-120, BT-121); categories S and Z must not say (BR-S-10, BR-Z-10).</summary>
    private static IEnumerable<XElement?>? Reason(string category) => category switch
    {
        "E" => [Text("TaxExemptionReason", "Exempt from VAT")],
        "AE" => [Text("TaxExemptionReasonCode", "VATEX-EU-AE"), Text("TaxExemptionReason", "Reverse charge")],
        "O" => [Text("TaxExemptionReasonCode", "VATEX-EU-O"), Text("TaxExemptionReason", "Outside the scope of VAT")],
        _ => null,
    };

    /// <summary>What XML 1.0 cannot carry is left out: names come from forms and imports, where control characters mean nothing.</summary>
    private static string Printable(string value) => value.All(XmlConvert.IsXmlChar)
        ? value
        : string.Concat(value.EnumerateRunes().Where(rune => !rune.IsBmp || XmlConvert.IsXmlChar((char)rune.Value)));
}
