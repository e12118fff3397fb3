using System.Text;
using System.Xml.Linq;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>A broken rule.</summary>
/// <param name="Rule">The standard's id (<c>BR-CO-10</c>), or one of ours (<c>UB-…</c>) where the standard does not check.</param>
/// <param name="Path">Where in the document.</param>
/// <param name="Message">What is wrong, with the numbers.</param>
public sealed record Violation(string Rule, string Path, string Message);

/// <summary>
/// Checks a UBL invoice or credit note against the business rules of EN 16931-1 and its UBL binding. Stricter than the published
/// rules where they are lax: arithmetic holds to the last digit of the currency (they allow ±1.00 in BR-CO-17 and BR-S-08), and a
/// line's net amount is quantity × price / base rounded (UB-LINE, which they do not check).
/// </summary>
public static class En16931
{
    /// <summary>Checks bytes.</summary>
    /// <exception cref="System.Xml.XmlException">The bytes are no XML.</exception>
    public static IReadOnlyList<Violation> Check(ReadOnlySpan<byte> document) => Check(XDocument.Parse(Encoding.UTF8.GetString(document)));

    /// <summary>Checks a document; an empty list says it keeps every rule.</summary>
    public static IReadOnlyList<Violation> Check(XDocument document)
    {
        var read = new UblDocument(document);
        var violations = new List<Violation>();
        if (read.Root.Name != UblNames.InvoiceNs + "Invoice" && read.Root.Name != UblNames.CreditNoteNs + "CreditNote")
        {
            return [new Violation("UB-ROOT", "/", $"{read.Root.Name} is neither a UBL invoice nor a UBL credit note")];
        }

        violations.AddRange(TermRules.Check(read));
        violations.AddRange(LineRules.Check(read));
        violations.AddRange(TotalRules.Check(read));
        violations.AddRange(VatRules.Check(read));
        return violations;
    }
}
