using System.Globalization;
using static UsageBilling.Invoicing.Documents.Ubl.UblDocument;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>The VAT breakdown and the rules of each category: BR-45 to 48, BR-CO-17 and 18, BR-S, BR-Z, BR-E, BR-AE, BR-O.</summary>
internal static class VatRules
{
    private static readonly HashSet<string> Categories = ["S", "Z", "E", "AE", "O"];

    public static IEnumerable<Violation> Check(UblDocument document)
    {
        if (document.Subtotals.Count == 0)
        {
            yield return new Violation("BR-CO-18", "vat", "the document has no VAT breakdown");
        }

        var violations = document.Subtotals.SelectMany(subtotal => Subtotal(subtotal, document))
            .Concat(document.Lines.SelectMany(Line))
            .Concat(Categories.SelectMany(category => Presence(category, document)))
            .Concat(Identifiers(document));
        foreach (var violation in violations)
        {
            yield return violation;
        }
    }

    private static IEnumerable<Violation> Subtotal(UblTaxSubtotal subtotal, UblDocument document)
    {
        (string Rule, bool Missing, string What)[] mandatory =
        [
            ("BR-45", subtotal.Taxable is null, "taxable amount"),
            ("BR-46", subtotal.Tax is null, "VAT amount"),
            ("BR-47", subtotal.Category is null, "category"),
            ("BR-48", subtotal.Rate is null && subtotal.Category != "O", "rate"),
        ];
        foreach (var (rule, _, what) in mandatory.Where(term => term.Missing))
        {
            yield return new Violation(rule, subtotal.Path, $"the breakdown has no {what}");
        }

        if (subtotal is not { Category: { } category, Taxable: { } taxable, Tax: { } tax })
        {
            yield break;
        }

        if (!Categories.Contains(category))
        {
            yield return new Violation("BR-CL-18", subtotal.Path, $"{category} is no VAT category that this system knows");
            yield break;
        }

        var expectedTax = CurrencyDigits.Round(taxable * (subtotal.Rate ?? 0) / 100, document.Currency);
        if (tax != expectedTax)
        {
            yield return new Violation("BR-CO-17", subtotal.Path, string.Create(
                CultureInfo.InvariantCulture, $"{subtotal.Rate ?? 0} % of {taxable} is {expectedTax}, the breakdown says {tax}"));
        }

        var expected = document.Lines.Where(line => line.Category == category && line.Rate == subtotal.Rate).Sum(line => line.Net ?? 0)
            + document.AllowancesAndCharges.Where(item => item.Category == category && item.Rate == subtotal.Rate).Sum(item => item.Signed);
        if (taxable != expected)
        {
            yield return new Violation($"BR-{category}-08", subtotal.Path, string.Create(
                CultureInfo.InvariantCulture, $"lines of {category} {subtotal.Rate} sum to {expected}, the breakdown says {taxable}"));
        }

        if (category != "S" && tax != 0)
        {
            yield return new Violation($"BR-{category}-09", subtotal.Path, string.Create(CultureInfo.InvariantCulture, $"category {category} with VAT of {tax}"));
        }

        if (subtotal.HasReason != (category is "E" or "AE" or "O"))
        {
            yield return new Violation($"BR-{category}-10", subtotal.Path, $"category {category} {(subtotal.HasReason ? "gives" : "lacks")} a reason for exemption");
        }
    }

    private static IEnumerable<Violation> Line(UblLine line)
    {
        var broken = line.Category switch
        {
            null => null,
            "S" when line.Rate is null or <= 0 => "standard rate must be above zero",
            "Z" or "E" or "AE" when line.Rate != 0 => "the rate must be zero",
            "O" when line.Rate is not null => "the line must not have a rate",
            _ => null,
        };
        if (broken is not null)
        {
            yield return new Violation($"BR-{line.Category}-05", line.Path, $"category {line.Category}: {broken}");
        }

        if (line.Category is { } category && !Categories.Contains(category))
        {
            yield return new Violation("BR-CL-18", line.Path, $"{category} is no VAT category that this system knows");
        }
    }

    /// <summary>A category on a line has its breakdown: one for each rate in S, exactly one in the others, and O stands alone.</summary>
    private static IEnumerable<Violation> Presence(string category, UblDocument document)
    {
        var rates = document.Lines.Where(line => line.Category == category).Select(line => line.Rate)
            .Concat(document.AllowancesAndCharges.Where(item => item.Category == category).Select(item => item.Rate))
            .ToHashSet();
        var breakdown = document.Subtotals.Where(subtotal => subtotal.Category == category).ToList();
        foreach (var rate in rates.Where(rate => breakdown.Count(subtotal => subtotal.Rate == rate) != 1))
        {
            yield return new Violation($"BR-{category}-01", "vat", string.Create(
                CultureInfo.InvariantCulture, $"category {category} at {rate} must stand once in the breakdown"));
        }

        if (category == "O" && breakdown.Count > 0 && document.Subtotals.Count > 1)
        {
            yield return new Violation("BR-O-11", "vat", "category O excludes every other");
        }
    }

    private static IEnumerable<Violation> Identifiers(UblDocument document)
    {
        var used = document.Lines.Select(line => line.Category).ToHashSet();
        var seller = VatId(document.Seller) is not null;
        foreach (var category in used.Where(category => category is "S" or "Z" or "E" or "AE"))
        {
            if (!seller)
            {
                yield return new Violation($"BR-{category}-02", "seller", $"category {category} needs the seller's VAT identifier");
            }
        }

        if (used.Contains("AE") && VatId(document.Buyer) is null && Value(document.Buyer?.Element(Cac + "PartyLegalEntity"), "CompanyID") is null)
        {
            yield return new Violation("BR-AE-02", "buyer", "reverse charge needs the buyer's VAT identifier or registration number");
        }

        if (used.Contains("O") && (seller || VatId(document.Buyer) is not null))
        {
            yield return new Violation("BR-O-02", "seller", "category O excludes VAT identifiers");
        }
    }
}
