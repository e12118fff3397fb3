using System.Globalization;
using System.Xml.Linq;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>A UBL document as the rules see it.</summary>
internal sealed class UblDocument
{
    public UblDocument(XDocument document)
    {
        Root = document.Root ?? throw new FormatException("the document is empty");
        IsCreditNote = Root.Name.LocalName == "CreditNote";
        Currency = Value(Root, "DocumentCurrencyCode") ?? "";
        Lines = [.. Root.Elements(Cac + (IsCreditNote ? "CreditNoteLine" : "InvoiceLine")).Select((line, i) => new UblLine(line, i, IsCreditNote))];
        AllowancesAndCharges = [.. Root.Elements(Cac + "AllowanceCharge").Select(item => new UblAllowanceCharge(item))];
        TaxTotal = Root.Elements(Cac + "TaxTotal")
            .FirstOrDefault(total => (string?)total.Element(Cbc + "TaxAmount")?.Attribute("currencyID") == Currency);
        Subtotals = [.. (TaxTotal?.Elements(Cac + "TaxSubtotal") ?? []).Select((item, i) => new UblTaxSubtotal(item, i))];
        Totals = Root.Element(Cac + "LegalMonetaryTotal");
    }

    public XElement Root { get; }

    public bool IsCreditNote { get; }

    public string Currency { get; }

    public IReadOnlyList<UblLine> Lines { get; }

    public IReadOnlyList<UblAllowanceCharge> AllowancesAndCharges { get; }

    public XElement? TaxTotal { get; }

    public IReadOnlyList<UblTaxSubtotal> Subtotals { get; }

    public XElement? Totals { get; }

    public XElement? Seller => Root.Element(Cac + "AccountingSupplierParty")?.Element(Cac + "Party");

    public XElement? Buyer => Root.Element(Cac + "AccountingCustomerParty")?.Element(Cac + "Party");

    /// <summary>A total, zero where it is left out.</summary>
    public decimal Total(string name) => Decimal(Totals, name) ?? 0;

    /// <summary>Text of a basic element, null where it is absent or blank.</summary>
    public static string? Value(XElement? parent, string name)
    {
        var value = parent?.Element(Cbc + name)?.Value.Trim();
        return string.IsNullOrEmpty(value) ? null : value;
    }

    public static decimal? Decimal(XElement? parent, string name) =>
        decimal.TryParse(Value(parent, name), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    public static string? VatId(XElement? party) => Value(
        party?.Elements(Cac + "PartyTaxScheme").FirstOrDefault(scheme => Value(scheme.Element(Cac + "TaxScheme"), "ID") == "VAT"), "CompanyID");
}

/// <summary>An invoice line (BG-25).</summary>
internal sealed class UblLine(XElement element, int index, bool creditNote)
{
    private readonly XElement? item = element.Element(Cac + "Item");
    private readonly XElement? price = element.Element(Cac + "Price");

    public string Path { get; } = $"line[{index}]";

    public XElement Element => element;

    public XElement? Item => item;

    public XElement? Price => price;

    public XElement? Quantity { get; } = element.Element(Cbc + (creditNote ? "CreditedQuantity" : "InvoicedQuantity"));

    public decimal? QuantityValue => UblDocument.Decimal(element, creditNote ? "CreditedQuantity" : "InvoicedQuantity");

    public decimal? Net => UblDocument.Decimal(element, "LineExtensionAmount");

    public decimal? PriceAmount => UblDocument.Decimal(price, "PriceAmount");

    public decimal PriceBase => UblDocument.Decimal(price, "BaseQuantity") ?? 1;

    public string? Category => UblDocument.Value(item?.Element(Cac + "ClassifiedTaxCategory"), "ID");

    public decimal? Rate => UblDocument.Decimal(item?.Element(Cac + "ClassifiedTaxCategory"), "Percent");
}

/// <summary>A document level allowance (BG-20) or charge (BG-21).</summary>
internal sealed class UblAllowanceCharge(XElement element)
{
    public bool IsCharge { get; } = UblDocument.Value(element, "ChargeIndicator") == "true";

    public decimal Amount { get; } = UblDocument.Decimal(element, "Amount") ?? 0;

    /// <summary>What it adds to the taxable amount.</summary>
    public decimal Signed => IsCharge ? Amount : -Amount;

    public string? Category { get; } = UblDocument.Value(element.Element(Cac + "TaxCategory"), "ID");

    public decimal? Rate { get; } = UblDocument.Decimal(element.Element(Cac + "TaxCategory"), "Percent");
}

/// <summary>A VAT breakdown (BG-23).</summary>
internal sealed class UblTaxSubtotal(XElement element, int index)
{
    private readonly XElement? category = element.Element(Cac + "TaxCategory");

    public string Path { get; } = $"vat[{index}]";

    public decimal? Taxable => UblDocument.Decimal(element, "TaxableAmount");

    public decimal? Tax => UblDocument.Decimal(element, "TaxAmount");

    public string? Category => UblDocument.Value(category, "ID");

    public decimal? Rate => UblDocument.Decimal(category, "Percent");

    public bool HasReason => UblDocument.Value(category, "TaxExemptionReason") is not null || UblDocument.Value(category, "TaxExemptionReasonCode") is not null;
}
