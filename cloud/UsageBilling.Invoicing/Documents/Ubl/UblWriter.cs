using System.Text;
using System.Xml;
using System.Xml.Linq;
using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;
using static UsageBilling.Invoicing.Documents.Ubl.UblElements;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>Invoices and credit notes as UBL 2.1 after EN 16931. The same document always gives the same bytes.</summary>
public static class UblWriter
{
    private const string CommercialInvoice = "380";
    private const string CreditNoteType = "381";

    /// <summary>EN 16931 knows value added tax only: false for an invoice that levies another tax beside its lines.</summary>
    public static bool Supports(Invoice invoice) => invoice.Bill.Charges.Taxes.All(tax => tax.Name == "VAT");

    /// <summary>Writes an invoice (type 380).</summary>
    /// <exception cref="NotSupportedException">It levies another tax than VAT; see <see cref="Supports"/>.</exception>
    public static byte[] Write(Invoice invoice)
    {
        RequireVat(invoice);
        var root = new XElement(
            InvoiceNs + "Invoice",
            Head(invoice.Number, invoice.IssueDate),
            Date("DueDate", invoice.DueDate),
            Text("InvoiceTypeCode", CommercialInvoice),
            Text("Note", invoice.Message),
            Text("DocumentCurrencyCode", invoice.Currency),
            BillingPeriod(invoice.Bill),
            invoice.Replaces is { } replaced ? Preceding(replaced) : null,
            Contract(invoice.Bill),
            Parties(invoice.Bill),
            PaymentMeans(invoice),
            invoice.Payment.Terms is { } terms ? new XElement(Cac + "PaymentTerms", Text("Note", terms)) : null,
            Amounts(invoice.Bill),
            UblLines.Of(invoice.Bill, "InvoiceLine", "InvoicedQuantity"));
        return ToBytes(root, InvoiceNs);
    }

    /// <summary>Writes a credit note (type 381) that names the invoice it takes back.</summary>
    /// <exception cref="NotSupportedException">The invoice levies another tax than VAT; see <see cref="Supports"/>.</exception>
    public static byte[] Write(CreditNote note)
    {
        var invoice = note.Invoice;
        RequireVat(invoice);
        var root = new XElement(
            CreditNoteNs + "CreditNote",
            Head(note.Number, note.IssueDate),
            Text("CreditNoteTypeCode", CreditNoteType),
            Text("Note", note.Reason),
            Text("DocumentCurrencyCode", invoice.Currency),
            BillingPeriod(invoice.Bill),
            Preceding(note.Credits),
            Contract(invoice.Bill),
            Parties(invoice.Bill),
            new XElement(Cac + "PaymentTerms", Text("Note", $"Settles invoice {invoice.Number}; what was already paid is credited to your account.")),
            Amounts(invoice.Bill),
            UblLines.Of(invoice.Bill, "CreditNoteLine", "CreditedQuantity"));
        return ToBytes(root, CreditNoteNs);
    }

    private static void RequireVat(Invoice invoice)
    {
        if (!Supports(invoice))
        {
            throw new NotSupportedException($"invoice {invoice.Number} levies a tax that is not VAT: EN 16931 cannot express it");
        }
    }

    private static IEnumerable<XElement?> Head(string number, LocalDate issued) =>
        [Text("CustomizationID", Customization), Text("ID", number), Date("IssueDate", issued)];

    private static XElement BillingPeriod(Bill bill) => Period("InvoicePeriod", bill.Charges.From, bill.Charges.To);

    private static XElement Preceding(DocumentReference earlier) => new(
        Cac + "BillingReference",
        new XElement(Cac + "InvoiceDocumentReference", Text("ID", earlier.Number), Date("IssueDate", earlier.IssueDate)));

    /// <summary>The contract (BT-12) and, as document type 130, the metering point (BT-18).</summary>
    private static IEnumerable<XElement?> Contract(Bill bill) =>
    [
        new XElement(Cac + "ContractDocumentReference", Text("ID", bill.Key.Contract)),
        bill.Supply.MeteringPointId is { } point
            ? new XElement(Cac + "AdditionalDocumentReference", Text("ID", point), Text("DocumentTypeCode", "130"))
            : null,
    ];

    private static IEnumerable<XElement?> Parties(Bill bill)
    {
        // Category O excludes every VAT identifier (BR-O-02 to 04).
        var withVat = bill.Charges.Taxes.All(tax => tax.Category != "O");
        return
        [
            new XElement(Cac + "AccountingSupplierParty", PartyOf(bill.Supplier, withVat)),
            new XElement(Cac + "AccountingCustomerParty", PartyOf(bill.Customer, withVat)),
            new XElement(
                Cac + "Delivery",
                new XElement(Cac + "DeliveryLocation", Text("ID", bill.Supply.ServicePoint), Address("Address", bill.Supply.Address))),
        ];
    }

    private static XElement PartyOf(Party party, bool withVat) => new(
        Cac + "Party",
        party.Email is { } email ? new XElement(Cbc + "EndpointID", new XAttribute("schemeID", "EM"), email) : null,
        party.Number is { } number ? new XElement(Cac + "PartyIdentification", Text("ID", number)) : null,
        Address("PostalAddress", party.Address),
        withVat && party.VatId is { } vat
            ? new XElement(Cac + "PartyTaxScheme", Text("CompanyID", vat), VatScheme())
            : null,
        new XElement(Cac + "PartyLegalEntity", Text("RegistrationName", party.Name), Text("CompanyID", party.RegistrationNumber)),
        party is { ContactName: null, Telephone: null, Email: null }
            ? null
            : new XElement(Cac + "Contact", Text("Name", party.ContactName), Text("Telephone", party.Telephone), Text("ElectronicMail", party.Email)));

    /// <summary>Credit transfer: 58 within SEPA, 30 elsewhere.</summary>
    private static XElement PaymentMeans(Invoice invoice) => new(
        Cac + "PaymentMeans",
        Text("PaymentMeansCode", invoice.Currency == "EUR" ? "58" : "30"),
        Text("PaymentID", invoice.Payment.Reference),
        new XElement(
            Cac + "PayeeFinancialAccount",
            Text("ID", invoice.Payment.Iban),
            Text("Name", invoice.Payment.AccountName),
            invoice.Payment.Bic is { } bic ? new XElement(Cac + "FinancialInstitutionBranch", Text("ID", bic)) : null));

    private static IEnumerable<XElement?> Amounts(Bill bill)
    {
        var charges = bill.Charges;
        var currency = charges.Currency;
        return
        [
            new XElement(
                Cac + "TaxTotal",
                Amount("TaxAmount", charges.Tax, currency),
                charges.Taxes.Select(tax => new XElement(
                    Cac + "TaxSubtotal",
                    Amount("TaxableAmount", tax.Base, currency),
                    Amount("TaxAmount", tax.Amount, currency),
                    TaxCategory("TaxCategory", tax.Category, tax.Rate, withReason: true)))),
            new XElement(
                Cac + "LegalMonetaryTotal",
                Amount("LineExtensionAmount", charges.Net, currency),
                Amount("TaxExclusiveAmount", charges.Net, currency),
                Amount("TaxInclusiveAmount", charges.Net + charges.Tax, currency),
                charges.Rounding == 0 ? null : Amount("PayableRoundingAmount", charges.Rounding, currency),
                Amount("PayableAmount", charges.Total, currency)),
        ];
    }

    private static byte[] ToBytes(XElement root, XNamespace own)
    {
        root.Add(
            new XAttribute("xmlns", own.NamespaceName),
            new XAttribute(XNamespace.Xmlns + "cac", Cac.NamespaceName),
            new XAttribute(XNamespace.Xmlns + "cbc", Cbc.NamespaceName));
        using var buffer = new MemoryStream();
        var settings = new XmlWriterSettings { Encoding = new UTF8Encoding(false), Indent = true, NewLineChars = "\n" };
        using (var writer = XmlWriter.Create(buffer, settings))
        {
            new XDocument(root).Save(writer);
        }

        return buffer.ToArray();
    }
}
