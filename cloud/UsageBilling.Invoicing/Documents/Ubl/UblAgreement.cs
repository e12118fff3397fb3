using System.Text;
using System.Xml;
using System.Xml.Linq;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>
/// Whether a stored UBL document says what its invoice says: numbers, dates, parties, account, amounts. What a later writer would
/// add or word otherwise is no difference; what somebody pays, to whom and for what is.
/// </summary>
public static class UblAgreement
{
    private static readonly string[] Terms =
    [
        "ID", "IssueDate", "DueDate", "DocumentCurrencyCode", "InvoicePeriod/StartDate", "InvoicePeriod/EndDate", "BillingReference/InvoiceDocumentReference/ID",
        "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName", "AccountingSupplierParty/Party/PartyTaxScheme/CompanyID",
        "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName", "AccountingCustomerParty/Party/PartyTaxScheme/CompanyID",
        "PaymentMeans/PaymentID", "PaymentMeans/PayeeFinancialAccount/ID", "PaymentMeans/PayeeFinancialAccount/Name",
        "TaxTotal/TaxAmount", "TaxTotal/TaxSubtotal/TaxableAmount", "TaxTotal/TaxSubtotal/TaxAmount", "LegalMonetaryTotal/PayableAmount",
        "InvoiceLine/InvoicedQuantity", "InvoiceLine/LineExtensionAmount", "CreditNoteLine/CreditedQuantity", "CreditNoteLine/LineExtensionAmount",
    ];

    /// <summary>What a stored document says otherwise than its invoice, with both values.</summary>
    public static IReadOnlyList<string> Differences(ReadOnlySpan<byte> stored, Invoice invoice) => Differences(stored, UblWriter.Write(invoice));

    /// <summary>What a stored document says otherwise than its credit note, with both values.</summary>
    public static IReadOnlyList<string> Differences(ReadOnlySpan<byte> stored, CreditNote note) => Differences(stored, UblWriter.Write(note));

    private static IReadOnlyList<string> Differences(ReadOnlySpan<byte> stored, ReadOnlySpan<byte> written)
    {
        XElement said;
        try
        {
            said = XDocument.Parse(Encoding.UTF8.GetString(stored)).Root!;
        }
        catch (XmlException e)
        {
            return [$"it is no XML: {e.Message}"];
        }

        var meant = XDocument.Parse(Encoding.UTF8.GetString(written)).Root!;
        return
        [
            .. from term in Terms
               let have = string.Join(", ", Values(said, term))
               let want = string.Join(", ", Values(meant, term))
               where have != want
               select $"{term} is '{have}', the {(meant.Name.LocalName == "Invoice" ? "invoice" : "credit note")} says '{want}'",
        ];
    }

    private static IEnumerable<string> Values(XElement root, string term) => term.Split('/')
        .Aggregate(Enumerable.Repeat(root, 1), (found, name) => found.SelectMany(e => e.Elements().Where(child => child.Name.LocalName == name)))
        .Select(e => e.Value.Trim());
}
