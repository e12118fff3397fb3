using System.Globalization;
using System.Xml.Linq;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Rating.Charges;
using static UsageBilling.Invoicing.Documents.Ubl.UblElements;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>Charge lines as invoice lines (BG-25).</summary>
internal static class UblLines
{
    public static IEnumerable<XElement> Of(Bill bill, string element, string quantityElement)
    {
        var attributes = MeterAttributes.ByLine(bill);
        return bill.Charges.Lines.Select((line, i) => Line(line, i, bill.Charges.Currency, attributes[i], element, quantityElement));
    }

    private static XElement Line(
        ChargeLine line, int index, string currency, IEnumerable<(string Name, string Value)> attributes, string element, string quantityElement)
    {
        var shown = LineRepresentation.Of(line, currency);
        return new XElement(
            Cac + element,
            Text("ID", (index + 1).ToString(CultureInfo.InvariantCulture)),
            Text("Note", line.Formula),
            Number(quantityElement, shown.Quantity, new XAttribute("unitCode", shown.UnitCode)),
            Amount("LineExtensionAmount", line.Amount, currency),
            Period("InvoicePeriod", line.From, line.To),
            new XElement(
                Cac + "Item",
                Text("Description", $"Tariff {line.TariffVersion}"),
                Text("Name", line.Description),
                TaxCategory("ClassifiedTaxCategory", line.TaxCategory, line.TaxRate, withReason: false),
                attributes.Select(attribute => new XElement(
                    Cac + "AdditionalItemProperty", Text("Name", attribute.Name), Text("Value", attribute.Value)))),
            new XElement(
                Cac + "Price",
                Number("PriceAmount", shown.Price, new XAttribute("currencyID", currency)),
                shown.PriceBase == 1 ? null : Number("BaseQuantity", shown.PriceBase, new XAttribute("unitCode", shown.UnitCode))));
    }
}
