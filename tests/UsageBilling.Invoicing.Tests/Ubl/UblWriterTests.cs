using System.Xml.Linq;
using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Documents.Ubl;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;
using UsageBilling.Testing;

namespace UsageBilling.Invoicing.Tests.Ubl;

public class UblWriterTests
{
    private static readonly XNamespace Cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
    private static readonly XNamespace Cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";

    [Fact]
    public void An_invoice_validates_against_the_schema_and_keeps_every_rule()
    {
        var document = UblWriter.Write(An.Invoice());
        Assert.Empty(En16931.Check(document));
        AssertValid(document);
    }

    [Fact]
    public void A_credit_note_validates_against_the_schema_and_keeps_every_rule()
    {
        var document = UblWriter.Write(CreditNote.Of(An.Invoice(), "C2026-7", An.To, "Corrected meter read"));
        Assert.Empty(En16931.Check(document));
        AssertValid(document);
    }

    [Fact]
    public void An_invoice_that_replaces_another_names_it()
    {
        var invoice = An.Invoice() with { Replaces = new DocumentReference("2026-000099", new NodaTime.LocalDate(2026, 10, 5)), Message = "Corrected." };
        var document = UblWriter.Write(invoice);
        var reference = Parse(document).Descendants(Cac + "InvoiceDocumentReference").Single();
        Assert.Equal("2026-000099", reference.Element(Cbc + "ID")!.Value);
        AssertValid(document);
    }

    [Fact]
    public void The_same_invoice_gives_the_same_bytes() => Assert.Equal(UblWriter.Write(An.Invoice()), UblWriter.Write(Invoice.Parse(An.Invoice().ToBytes())));

    [Theory]
    [InlineData("S", 21)]
    [InlineData("Z", 0)]
    [InlineData("E", 0)]
    [InlineData("AE", 0)]
    [InlineData("O", 0)]
    public void Every_vat_category_can_be_invoiced(string category, int rate)
    {
        var document = UblWriter.Write(An.Invoice(An.Rated(
            An.Line("Energy", ChargeKind.Energy, 100, Unit.KilowattHour, 0.3m, category: category, rate: rate))));
        Assert.Empty(En16931.Check(document));
        AssertValid(document);
    }

    [Fact]
    public void Export_is_a_negative_quantity_at_a_positive_price()
    {
        var line = Parse(UblWriter.Write(An.Invoice())).Root!.Elements(Cac + "InvoiceLine").ElementAt(4);
        Assert.Equal("-412.6", line.Element(Cbc + "InvoicedQuantity")!.Value);
        Assert.Equal("0.085", line.Element(Cac + "Price")!.Element(Cbc + "PriceAmount")!.Value);
        Assert.Equal("-35.07", line.Element(Cbc + "LineExtensionAmount")!.Value);
    }

    [Fact]
    public void A_negative_market_price_moves_its_sign_to_the_quantity()
    {
        var line = FirstLine(An.Line("Energy at market price", ChargeKind.Energy, 120.5m, Unit.KilowattHour, -0.04125m));
        Assert.Equal("-120.5", line.Element(Cbc + "InvoicedQuantity")!.Value);
        Assert.Equal("0.04125", line.Element(Cac + "Price")!.Element(Cbc + "PriceAmount")!.Value);
    }

    [Fact]
    public void A_price_for_a_hundred_units_keeps_its_base()
    {
        var price = Parse(UblWriter.Write(An.Invoice())).Root!.Elements(Cac + "InvoiceLine").Last().Element(Cac + "Price")!;
        Assert.Equal("9.157", price.Element(Cbc + "PriceAmount")!.Value);
        Assert.Equal("100", price.Element(Cbc + "BaseQuantity")!.Value);
    }

    [Fact]
    public void A_weighted_amount_is_shown_at_its_effective_price()
    {
        var line = FirstLine(An.Line("Capacity, price changed on the 11th", ChargeKind.Demand, 50, Unit.Kilowatt, 4.75m, exact: 231.994m));
        Assert.Equal("50", line.Element(Cbc + "InvoicedQuantity")!.Value);
        Assert.Equal("4.6398", line.Element(Cac + "Price")!.Element(Cbc + "PriceAmount")!.Value);
        Assert.Equal("231.99", line.Element(Cbc + "LineExtensionAmount")!.Value);
    }

    [Fact]
    public void Metering_point_period_serials_and_reads_are_in_the_document()
    {
        var root = Parse(UblWriter.Write(An.Invoice())).Root!;
        var point = root.Element(Cac + "AdditionalDocumentReference")!;
        Assert.Equal(("871687140001234567", "130"), (point.Element(Cbc + "ID")!.Value, point.Element(Cbc + "DocumentTypeCode")!.Value));
        Assert.Equal("2026-10-31", root.Element(Cac + "InvoicePeriod")!.Element(Cbc + "EndDate")!.Value);
        var attributes = root.Descendants(Cac + "AdditionalItemProperty")
            .GroupBy(property => property.Element(Cbc + "Name")!.Value)
            .ToDictionary(group => group.Key, group => group.First().Element(Cbc + "Value")!.Value);
        Assert.Equal("54021877", attributes["Meter 1 serial number"]);
        Assert.Equal("130102.375 kWh", attributes["Meter 1 end read"]);
        Assert.Equal("2026-10-12", attributes["Meter 1 end read date"]);
        Assert.Equal("2026-10-31", attributes["Meter 2 end read date"]);
    }

    [Fact]
    public void A_tax_that_is_no_vat_is_refused()
    {
        var charges = An.Bill().Charges;
        var invoice = An.Invoice(charges with { Taxes = [charges.Taxes[0] with { Name = "Sales tax" }] });
        Assert.False(UblWriter.Supports(invoice));
        Assert.Throws<NotSupportedException>(() => UblWriter.Write(invoice));
    }

    [Fact]
    public void A_name_with_control_characters_still_makes_a_document()
    {
        var bill = An.Bill() with { Customer = An.Customer with { Name = "Caf\u0007é & <Söhne> \U0001F950" } };
        var invoice = Invoice.Issue(BillSnapshot.Freeze(bill), "1", An.To, An.To, An.Payment);
        var document = UblWriter.Write(invoice);
        Assert.Contains("Café & <Söhne> \U0001F950", Parse(document).Root!.Value, StringComparison.Ordinal);
        AssertValid(document);
    }

    [Fact]
    public void Any_rated_period_makes_an_invoice_and_a_credit_note_whose_arithmetic_holds() =>
        Prop.ForAll(RandomBills.Rated, charges =>
        {
            var invoice = An.Invoice(charges);
            Assert.Empty(En16931.Check(UblWriter.Write(invoice)));
            Assert.Empty(En16931.Check(UblWriter.Write(CreditNote.Of(invoice, "C1", An.To, "Random"))));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_credit_note_mirrors_its_invoice_line_by_line() =>
        Prop.ForAll(RandomBills.Rated, charges =>
        {
            var invoice = An.Invoice(charges);
            var billed = Parse(UblWriter.Write(invoice)).Root!;
            var credited = Parse(UblWriter.Write(CreditNote.Of(invoice, "C1", An.To, "Random"))).Root!;
            Assert.Equal(Amounts(billed, "InvoiceLine", "InvoicedQuantity"), Amounts(credited, "CreditNoteLine", "CreditedQuantity"));
            Assert.Equal(
                billed.Element(Cac + "LegalMonetaryTotal")!.Element(Cbc + "PayableAmount")!.Value,
                credited.Element(Cac + "LegalMonetaryTotal")!.Element(Cbc + "PayableAmount")!.Value);
        }).QuickCheckThrowOnFailure();

    private static List<string> Amounts(XElement root, string line, string quantity) =>
        [.. root.Elements(Cac + line).Select(element => element.Element(Cbc + quantity)!.Value + " " + element.Element(Cbc + "LineExtensionAmount")!.Value)];

    private static XElement FirstLine(ChargeLine line)
    {
        var document = UblWriter.Write(An.Invoice(An.Rated(line)));
        Assert.Empty(En16931.Check(document));
        return Parse(document).Root!.Element(Cac + "InvoiceLine")!;
    }

    private static XDocument Parse(byte[] document) => XDocument.Load(new MemoryStream(document));

    // The last thing a test does: it is skipped here where the schemas are not to be had.
    private static void AssertValid(byte[] document)
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        Assert.Empty(UblSchemas.Problems(document));
    }
}
