using System.Globalization;
using static UsageBilling.Invoicing.Documents.Ubl.UblDocument;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>Document totals: BR-12 to 15 and BR-CO-10 to 16, exactly.</summary>
internal static class TotalRules
{
    public static IEnumerable<Violation> Check(UblDocument document)
    {
        (string Rule, string Element)[] mandatory =
        [
            ("BR-12", "LineExtensionAmount"), ("BR-13", "TaxExclusiveAmount"), ("BR-14", "TaxInclusiveAmount"), ("BR-15", "PayableAmount"),
        ];
        foreach (var (rule, element) in mandatory.Where(term => Decimal(document.Totals, term.Element) is null))
        {
            yield return new Violation(rule, element, $"{element} is missing");
        }

        var tax = Decimal(document.TaxTotal, "TaxAmount") ?? 0;
        (string Rule, string What, decimal Expected, decimal Stated)[] sums =
        [
            ("BR-CO-10", "sum of line net amounts", document.Lines.Sum(line => line.Net ?? 0), document.Total("LineExtensionAmount")),
            ("BR-CO-11", "sum of allowances", document.AllowancesAndCharges.Where(item => !item.IsCharge).Sum(item => item.Amount), document.Total("AllowanceTotalAmount")),
            ("BR-CO-12", "sum of charges", document.AllowancesAndCharges.Where(item => item.IsCharge).Sum(item => item.Amount), document.Total("ChargeTotalAmount")),
            ("BR-CO-13", "total without VAT", document.Total("LineExtensionAmount") - document.Total("AllowanceTotalAmount") + document.Total("ChargeTotalAmount"), document.Total("TaxExclusiveAmount")),
            ("BR-CO-14", "total VAT", document.Subtotals.Sum(subtotal => subtotal.Tax ?? 0), tax),
            ("BR-CO-15", "total with VAT", document.Total("TaxExclusiveAmount") + tax, document.Total("TaxInclusiveAmount")),
            ("BR-CO-16", "amount due", document.Total("TaxInclusiveAmount") - document.Total("PrepaidAmount") + document.Total("PayableRoundingAmount"), document.Total("PayableAmount")),
        ];
        foreach (var (rule, what, expected, stated) in sums.Where(sum => sum.Expected != sum.Stated))
        {
            yield return new Violation(rule, "totals", string.Create(CultureInfo.InvariantCulture, $"the {what} is {expected}, the document says {stated}"));
        }

        foreach (var amount in document.Root.Descendants().Where(element => element.Attribute("currencyID") is not null && element.Name != Cbc + "PriceAmount"))
        {
            var point = amount.Value.IndexOf('.', StringComparison.Ordinal);
            if (point >= 0 && amount.Value.Length - point - 1 > 2)
            {
                yield return new Violation("BR-DEC", amount.Name.LocalName, $"{amount.Value} has more than two decimals");
            }
        }
    }
}
