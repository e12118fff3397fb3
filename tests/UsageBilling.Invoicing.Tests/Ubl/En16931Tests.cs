using System.Xml.Linq;
using UsageBilling.Invoicing.Documents.Ubl;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests.Ubl;

/// <summary>Each rule is shown to fire on a document that keeps all rules but one.</summary>
public class En16931Tests
{
    private static readonly XNamespace Cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
    private static readonly XNamespace Cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";

    [Theory]
    [InlineData("BR-01", "CustomizationID")]
    [InlineData("BR-02", "ID")]
    [InlineData("BR-03", "IssueDate")]
    [InlineData("BR-04", "InvoiceTypeCode")]
    [InlineData("BR-05", "DocumentCurrencyCode")]
    [InlineData("BR-06", "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName")]
    [InlineData("BR-07", "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName")]
    [InlineData("BR-08", "AccountingSupplierParty/Party/PostalAddress")]
    [InlineData("BR-09", "AccountingSupplierParty/Party/PostalAddress/Country")]
    [InlineData("BR-10", "AccountingCustomerParty/Party/PostalAddress")]
    [InlineData("BR-11", "AccountingCustomerParty/Party/PostalAddress/Country")]
    [InlineData("BR-12", "LegalMonetaryTotal/LineExtensionAmount")]
    [InlineData("BR-13", "LegalMonetaryTotal/TaxExclusiveAmount")]
    [InlineData("BR-14", "LegalMonetaryTotal/TaxInclusiveAmount")]
    [InlineData("BR-15", "LegalMonetaryTotal/PayableAmount")]
    [InlineData("BR-16", "InvoiceLine")]
    [InlineData("BR-21", "InvoiceLine/ID")]
    [InlineData("BR-22", "InvoiceLine/InvoicedQuantity")]
    [InlineData("BR-23", "InvoiceLine/InvoicedQuantity/@unitCode")]
    [InlineData("BR-24", "InvoiceLine/LineExtensionAmount")]
    [InlineData("BR-25", "InvoiceLine/Item/Name")]
    [InlineData("BR-26", "InvoiceLine/Price/PriceAmount")]
    [InlineData("BR-45", "TaxTotal/TaxSubtotal/TaxableAmount")]
    [InlineData("BR-46", "TaxTotal/TaxSubtotal/TaxAmount")]
    [InlineData("BR-47", "TaxTotal/TaxSubtotal/TaxCategory/ID")]
    [InlineData("BR-48", "TaxTotal/TaxSubtotal/TaxCategory/Percent")]
    [InlineData("BR-49", "PaymentMeans/PaymentMeansCode")]
    [InlineData("BR-54", "InvoiceLine/Item/AdditionalItemProperty/Value")]
    [InlineData("BR-55", "BillingReference/InvoiceDocumentReference/ID")]
    [InlineData("BR-57", "Delivery/DeliveryLocation/Address/Country")]
    [InlineData("BR-61", "PaymentMeans/PayeeFinancialAccount/ID")]
    [InlineData("BR-CO-04", "InvoiceLine/Item/ClassifiedTaxCategory")]
    [InlineData("BR-CO-18", "TaxTotal/TaxSubtotal")]
    [InlineData("BR-CO-19", "InvoicePeriod/StartDate InvoicePeriod/EndDate")]
    [InlineData("BR-CO-20", "InvoiceLine/InvoicePeriod/StartDate InvoiceLine/InvoicePeriod/EndDate")]
    [InlineData("BR-CO-25", "DueDate PaymentTerms")]
    [InlineData("BR-CO-26", "AccountingSupplierParty/Party/PartyTaxScheme AccountingSupplierParty/Party/PartyLegalEntity/CompanyID")]
    [InlineData("BR-S-01", "TaxTotal/TaxSubtotal")]
    [InlineData("BR-S-02", "AccountingSupplierParty/Party/PartyTaxScheme")]
    [InlineData("BR-S-05", "InvoiceLine/Item/ClassifiedTaxCategory/Percent")]
    public void Leaving_it_out_is_seen(string rule, string paths)
    {
        var document = Sample();
        foreach (var path in paths.Split(' '))
        {
            foreach (var found in Find(document, path))
            {
                if (found is XAttribute attribute)
                {
                    attribute.Remove();
                }
                else
                {
                    ((XElement)found).Remove();
                }
            }
        }

        Assert.Contains(rule, En16931.Check(document).Select(violation => violation.Rule));
    }

    [Theory]
    [InlineData("BR-27", "InvoiceLine/Price/PriceAmount", "-0.3125")]
    [InlineData("BR-29", "InvoicePeriod/EndDate", "2026-09-30")]
    [InlineData("BR-30", "InvoiceLine/InvoicePeriod/EndDate", "2026-09-30")]
    [InlineData("BR-CL-01", "InvoiceTypeCode", "381")]
    [InlineData("BR-CL-03", "LegalMonetaryTotal/PayableAmount/@currencyID", "USD")]
    [InlineData("BR-CL-04", "DocumentCurrencyCode", "eur")]
    [InlineData("BR-CL-18", "TaxTotal/TaxSubtotal/TaxCategory/ID", "X")]
    [InlineData("BR-CL-23", "InvoiceLine/InvoicedQuantity/@unitCode", "kWh")]
    [InlineData("BR-CO-09", "AccountingSupplierParty/Party/PartyTaxScheme/CompanyID", "812345678B01")]
    [InlineData("BR-CO-10", "LegalMonetaryTotal/LineExtensionAmount", "1989.42")]
    [InlineData("BR-CO-11", "LegalMonetaryTotal/AllowanceTotalAmount", "0.01")]
    [InlineData("BR-CO-12", "LegalMonetaryTotal/ChargeTotalAmount", "0.01")]
    [InlineData("BR-CO-13", "LegalMonetaryTotal/TaxExclusiveAmount", "1.00")]
    [InlineData("BR-CO-14", "TaxTotal/TaxAmount", "1.00")]
    [InlineData("BR-CO-15", "LegalMonetaryTotal/TaxInclusiveAmount", "1.00")]
    [InlineData("BR-CO-16", "LegalMonetaryTotal/PayableAmount", "1.00")]
    [InlineData("BR-CO-16", "LegalMonetaryTotal/PayableRoundingAmount", "0.01")]
    [InlineData("BR-DEC", "LegalMonetaryTotal/PayableAmount", "1.001")]
    [InlineData("BR-S-05", "InvoiceLine/Item/ClassifiedTaxCategory/Percent", "0")]
    [InlineData("UB-LINE", "InvoiceLine/LineExtensionAmount", "887.90")]
    [InlineData("UB-BASE", "InvoiceLine/Price/BaseQuantity", "0")]
    [InlineData("UB-BASE-UNIT", "InvoiceLine/Price/BaseQuantity/@unitCode", "DAY")]
    [InlineData("UB-DATE", "DueDate", "31/12/2026")]
    [InlineData("UB-LINE-ID", "InvoiceLine/ID", "2")]
    public void Saying_it_wrong_is_seen(string rule, string path, string value)
    {
        var document = Sample();
        foreach (var found in Find(document, path))
        {
            if (found is XAttribute attribute)
            {
                attribute.Value = value;
            }
            else
            {
                ((XElement)found).Value = value;
            }
        }

        Assert.Contains(rule, En16931.Check(document).Select(violation => violation.Rule));
    }

    [Theory]
    [InlineData("BR-CO-17", "TaxTotal/TaxSubtotal/TaxAmount")]
    [InlineData("BR-S-08", "TaxTotal/TaxSubtotal/TaxableAmount")]
    [InlineData("BR-CO-10", "LegalMonetaryTotal/LineExtensionAmount")]
    [InlineData("UB-LINE", "InvoiceLine/LineExtensionAmount")]
    public void A_single_cent_is_seen(string rule, string path)
    {
        var document = Sample();
        var amount = (XElement)Find(document, path).First();
        amount.Value = (decimal.Parse(amount.Value) + 0.01m).ToString();
        Assert.Contains(rule, En16931.Check(document).Select(violation => violation.Rule));
    }

    [Theory]
    [InlineData("Z")]
    [InlineData("E")]
    [InlineData("AE")]
    [InlineData("O")]
    public void Rules_of_the_categories_without_vat_fire(string category)
    {
        Assert.Contains($"BR-{category}-01", Broken(category, document => Find(document, "TaxTotal/TaxSubtotal").Cast<XElement>().Remove()));
        Assert.Contains($"BR-{category}-08", Broken(category, document => Set(document, "TaxTotal/TaxSubtotal/TaxableAmount", "1.00")));
        Assert.Contains($"BR-{category}-09", Broken(category, document => Set(document, "TaxTotal/TaxSubtotal/TaxAmount", "1.00")));
        Assert.Contains($"BR-{category}-10", Broken(category, TurnReason));
        if (category == "O")
        {
            Assert.Contains("BR-O-05", Broken(category, document => ((XElement)Find(document, "InvoiceLine/Item/ClassifiedTaxCategory/ID").First())
                .AddAfterSelf(new XElement(Cbc + "Percent", "0"))));
            Assert.Contains("BR-O-02", Broken(category, document => ((XElement)Find(document, "AccountingSupplierParty/Party/PostalAddress").First())
                .AddAfterSelf(XElement.Parse(Sample().Descendants(Cac + "PartyTaxScheme").First().ToString()))));
            Assert.Contains("BR-O-11", Broken(category, document => Find(document, "TaxTotal/TaxSubtotal").Cast<XElement>().First()
                .AddAfterSelf(Sample().Descendants(Cac + "TaxSubtotal").First())));
        }
        else
        {
            Assert.Contains($"BR-{category}-02", Broken(category, document => Find(document, "AccountingSupplierParty/Party/PartyTaxScheme").Cast<XElement>().Remove()));
            Assert.Contains($"BR-{category}-05", Broken(category, document => Set(document, "InvoiceLine/Item/ClassifiedTaxCategory/Percent", "21")));
        }
    }

    [Fact]
    public void Reverse_charge_without_the_buyers_identifier_is_seen() =>
        Assert.Contains("BR-AE-02", Broken("AE", document => Find(document, "AccountingCustomerParty/Party/PartyTaxScheme").Cast<XElement>().Remove()));

    [Fact]
    public void A_reason_for_exemption_at_standard_rate_is_seen() => Assert.Contains("BR-S-10", Broken("S", TurnReason));

    [Fact]
    public void A_negative_gross_price_is_seen() => Assert.Contains("BR-28", Broken("S", document =>
        ((XElement)Find(document, "InvoiceLine/Price").First()).Add(new XElement(Cac + "AllowanceCharge", new XElement(Cbc + "BaseAmount", "-1")))));

    [Fact]
    public void A_credit_note_that_names_no_invoice_is_seen()
    {
        var document = XDocument.Load(new MemoryStream(UblWriter.Write(CreditNote.Of(An.Invoice(), "C1", An.To, "Test"))));
        document.Root!.Element(Cac + "BillingReference")!.Remove();
        Assert.Equal(["UB-CREDITS"], En16931.Check(document).Select(violation => violation.Rule));
    }

    [Fact]
    public void Another_document_is_refused() =>
        Assert.Equal(["UB-ROOT"], En16931.Check("<order/>"u8).Select(violation => violation.Rule));

    [Fact]
    public void A_document_level_charge_and_allowance_count_in_the_totals()
    {
        var document = Sample();
        document.Root!.Element(Cac + "TaxTotal")!.AddBeforeSelf(AllowanceCharge(true, "2.00"), AllowanceCharge(false, "2.00"));
        Assert.Equal(["BR-CO-11", "BR-CO-12"], En16931.Check(document).Select(violation => violation.Rule));
        document.Root.Element(Cac + "LegalMonetaryTotal")!.Add(new XElement(Cbc + "AllowanceTotalAmount", "2.00"), new XElement(Cbc + "ChargeTotalAmount", "2.00"));
        Assert.Empty(En16931.Check(document));
    }

    private static XElement AllowanceCharge(bool charge, string amount) => new(
        Cac + "AllowanceCharge",
        new XElement(Cbc + "ChargeIndicator", charge ? "true" : "false"),
        new XElement(Cbc + "Amount", new XAttribute("currencyID", "EUR"), amount),
        new XElement(Cac + "TaxCategory", new XElement(Cbc + "ID", "S"), new XElement(Cbc + "Percent", "21")));

    private static XDocument Sample() => Sample("S");

    /// <summary>A document that keeps every rule, with all optional parts that a rule speaks about.</summary>
    private static XDocument Sample(string category)
    {
        var rated = category == "S"
            ? An.Bill().Charges
            : An.Rated(An.Line("Energy", ChargeKind.Energy, 100, Unit.KilowattHour, 0.3m, category: category, rate: 0));
        var invoice = An.Invoice(rated) with { Replaces = new DocumentReference("2026-000099", An.From) };
        var document = XDocument.Load(new MemoryStream(UblWriter.Write(invoice)));
        Assert.Empty(En16931.Check(document));
        return document;
    }

    private static IEnumerable<string> Broken(string category, Action<XDocument> mutate)
    {
        var document = Sample(category);
        mutate(document);
        return En16931.Check(document).Select(violation => violation.Rule);
    }

    private static void TurnReason(XDocument document)
    {
        var category = document.Descendants(Cac + "TaxSubtotal").First().Element(Cac + "TaxCategory")!;
        var reasons = category.Elements().Where(element => element.Name.LocalName.StartsWith("TaxExemption", StringComparison.Ordinal)).ToList();
        if (reasons.Count == 0)
        {
            category.Add(new XElement(Cbc + "TaxExemptionReason", "because"));
        }

        reasons.Remove();
    }

    private static void Set(XDocument document, string path, string value)
    {
        foreach (var element in Find(document, path).Cast<XElement>())
        {
            element.Value = value;
        }
    }

    /// <summary>All lines for a path below a line; elements that a valid sample lacks are made, so that they can be set wrong.</summary>
    private static List<XObject> Find(XDocument document, string path)
    {
        IEnumerable<XElement> at = [document.Root!];
        foreach (var step in path.Split('/'))
        {
            if (step[0] == '@')
            {
                return [.. at.SelectMany(element => element.Attributes(step[1..])).ToList()];
            }

            var next = at.Elements().Where(element => element.Name.LocalName == step).ToList();
            if (next.Count == 0)
            {
                next = [new XElement(Cbc + step)];
                at.First().Add(next[0]);
            }

            at = next;
        }

        return [.. at.ToList()];
    }
}
