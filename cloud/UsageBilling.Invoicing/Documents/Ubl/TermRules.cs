using System.Globalization;
using System.Xml.Linq;
using NodaTime.Text;
using static UsageBilling.Invoicing.Documents.Ubl.UblDocument;
using static UsageBilling.Invoicing.Documents.Ubl.UblNames;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>What a document must say: mandatory terms, parties, dates, payment.</summary>
internal static class TermRules
{
    private static readonly HashSet<string> InvoiceTypes = ["380", "384", "389", "751", "393", "82", "80", "84", "395", "457", "456", "386", "326", "575", "623", "780", "875", "876", "877"];
    private static readonly HashSet<string> CreditNoteTypes = ["381", "396", "81", "83", "532", "261", "262", "296", "308", "420", "458"];
    private static readonly HashSet<string> CreditTransfers = ["30", "58"];

    public static IEnumerable<Violation> Check(UblDocument document) =>
        Head(document).Concat(Parties(document)).Concat(Dates(document)).Concat(Payment(document)).Concat(References(document));

    private static IEnumerable<Violation> Head(UblDocument document)
    {
        var typeElement = document.IsCreditNote ? "CreditNoteTypeCode" : "InvoiceTypeCode";
        (string Rule, string Element)[] mandatory =
        [
            ("BR-01", "CustomizationID"), ("BR-02", "ID"), ("BR-03", "IssueDate"), ("BR-04", typeElement), ("BR-05", "DocumentCurrencyCode"),
        ];
        foreach (var (rule, element) in mandatory.Where(term => Value(document.Root, term.Element) is null))
        {
            yield return new Violation(rule, element, $"{element} is missing");
        }

        var known = document.IsCreditNote ? CreditNoteTypes : InvoiceTypes;
        if (Value(document.Root, typeElement) is { } type && !known.Contains(type))
        {
            yield return new Violation("BR-CL-01", typeElement, $"{type} is no type of this document");
        }

        if (document.Currency is not { Length: 3 } || !document.Currency.All(char.IsAsciiLetterUpper))
        {
            yield return new Violation("BR-CL-04", "DocumentCurrencyCode", $"'{document.Currency}' is no ISO 4217 code");
        }

        foreach (var amount in document.Root.Descendants().Where(element => element.Attribute("currencyID") is { } currency && currency.Value != document.Currency))
        {
            yield return new Violation("BR-CL-03", amount.Name.LocalName, $"amount in {amount.Attribute("currencyID")!.Value} in a document in {document.Currency}");
        }
    }

    private static IEnumerable<Violation> Parties(UblDocument document) =>
        Party(document.Seller, "seller", "BR-06", "BR-08", "BR-09")
            .Concat(Party(document.Buyer, "buyer", "BR-07", "BR-10", "BR-11"))
            .Concat(SellerIdentity(document));

    private static IEnumerable<Violation> Party(XElement? party, string path, string nameRule, string addressRule, string countryRule)
    {
        if (Value(party?.Element(Cac + "PartyLegalEntity"), "RegistrationName") is null)
        {
            yield return new Violation(nameRule, path, $"the {path}'s name is missing");
        }

        var address = party?.Element(Cac + "PostalAddress");
        if (address is null)
        {
            yield return new Violation(addressRule, path, $"the {path}'s postal address is missing");
        }
        else if (Value(address.Element(Cac + "Country"), "IdentificationCode") is not { Length: 2 } country || !country.All(char.IsAsciiLetterUpper))
        {
            yield return new Violation(countryRule, path, $"the {path}'s country is not an ISO 3166-1 alpha-2 code");
        }

        if (VatId(party) is { } vat && !(vat.Length > 2 && char.IsAsciiLetterUpper(vat[0]) && char.IsAsciiLetterUpper(vat[1])))
        {
            yield return new Violation("BR-CO-09", path, $"the {path}'s VAT identifier {vat} does not begin with a country");
        }
    }

    private static IEnumerable<Violation> SellerIdentity(UblDocument document)
    {
        if (VatId(document.Seller) is null
            && Value(document.Seller?.Element(Cac + "PartyIdentification"), "ID") is null
            && Value(document.Seller?.Element(Cac + "PartyLegalEntity"), "CompanyID") is null)
        {
            yield return new Violation("BR-CO-26", "seller", "the seller has no identifier, registration number or VAT identifier");
        }
    }

    private static IEnumerable<Violation> Dates(UblDocument document)
    {
        foreach (var date in document.Root.Descendants().Where(element => element.Name.Namespace == Cbc && element.Name.LocalName.EndsWith("Date", StringComparison.Ordinal)))
        {
            if (!LocalDatePattern.Iso.Parse(date.Value).Success)
            {
                yield return new Violation("UB-DATE", date.Name.LocalName, $"'{date.Value}' is no date");
            }
        }

        foreach (var (period, rule) in document.Root.Elements(Cac + "InvoicePeriod").Select(period => (period, "BR-29"))
                     .Concat(document.Lines.SelectMany(line => line.Element.Elements(Cac + "InvoicePeriod")).Select(period => (period, "BR-30"))))
        {
            var (start, end) = (Value(period, "StartDate"), Value(period, "EndDate"));
            if (start is not null && end is not null && string.CompareOrdinal(end, start) < 0)
            {
                yield return new Violation(rule, "InvoicePeriod", $"the period ends {end} before it starts {start}");
            }

            if (start is null && end is null)
            {
                yield return new Violation(rule == "BR-29" ? "BR-CO-19" : "BR-CO-20", "InvoicePeriod", "a period without start and end");
            }
        }
    }

    private static IEnumerable<Violation> Payment(UblDocument document)
    {
        foreach (var means in document.Root.Elements(Cac + "PaymentMeans"))
        {
            var code = Value(means, "PaymentMeansCode");
            if (code is null)
            {
                yield return new Violation("BR-49", "PaymentMeans", "the payment means has no code");
            }
            else if (CreditTransfers.Contains(code) && Value(means.Element(Cac + "PayeeFinancialAccount"), "ID") is null)
            {
                yield return new Violation("BR-61", "PaymentMeans", "a credit transfer names no account");
            }
        }

        if (document.Total("PayableAmount") > 0
            && Value(document.Root, "DueDate") is null
            && Value(document.Root.Element(Cac + "PaymentTerms"), "Note") is null)
        {
            yield return new Violation("BR-CO-25", "DueDate", string.Create(CultureInfo.InvariantCulture, $"{document.Total("PayableAmount")} is due but neither date nor terms say when"));
        }
    }

    private static IEnumerable<Violation> References(UblDocument document)
    {
        foreach (var reference in document.Root.Elements(Cac + "BillingReference"))
        {
            if (Value(reference.Element(Cac + "InvoiceDocumentReference"), "ID") is null)
            {
                yield return new Violation("BR-55", "BillingReference", "the earlier invoice has no number");
            }
        }

        if (document.IsCreditNote && document.Root.Element(Cac + "BillingReference") is null)
        {
            yield return new Violation("UB-CREDITS", "BillingReference", "a credit note names the invoice it takes back");
        }

        foreach (var address in document.Root.Elements(Cac + "Delivery").Elements(Cac + "DeliveryLocation").Elements(Cac + "Address"))
        {
            if (Value(address.Element(Cac + "Country"), "IdentificationCode") is null)
            {
                yield return new Violation("BR-57", "Delivery", "the delivery address has no country");
            }
        }
    }
}
