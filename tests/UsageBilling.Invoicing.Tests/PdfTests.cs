using System.Text;
using NodaTime;
using UglyToad.PdfPig;
using UglyToad.PdfPig.Content;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Documents.Pdf;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests;

public class PdfTests
{
    [Fact]
    public void The_same_invoice_gives_the_same_bytes() => Assert.Equal(PdfWriter.Write(An.Invoice()), PdfWriter.Write(Invoice.Parse(An.Invoice().ToBytes())));

    [Fact]
    public void The_file_identifier_is_the_beginning_of_the_invoices_hash()
    {
        var trailer = Encoding.Latin1.GetString(Keep("invoice", PdfWriter.Write(An.Invoice())))[^400..];
        var identifier = An.Invoice().Hash()[..32].ToUpperInvariant();
        Assert.Contains($"/ID [ <{identifier}><{identifier}>", trailer, StringComparison.Ordinal);
    }

    [Fact]
    public void What_must_be_read_can_be_read_back()
    {
        var text = Text(PdfWriter.Write(An.Invoice()));
        string[] needed =
        [
            "Your electricity bill for October 2026", "Bakkerij De Gouden Korst", "2026-000123", "What you pay", "17 November 2026", "€2,378.05",
            "54021877", "128,430.125", "12 Oct 2026", "10:07", "871687140001234567", "Energy, off-peak hours", "0.2418", "−35.07", "NL91 ABNA 0417 1643 00",
            "VAT 21 % on 1,965.33", "412.72", "14 Oct 2026 at 07:15 (UTC+02)", "= 887.890625 ≈ 887.89 EUR", An.Invoice().Hash(), "Page 1 of",
        ];
        Assert.All(needed, piece => Assert.Contains(piece, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_overlaps_and_nothing_leaves_the_page() => AssertTidy(PdfWriter.Write(An.Invoice()));

    [Fact]
    public void Fifty_lines_with_long_names_run_over_pages_with_the_head_repeated()
    {
        var lines = Enumerable.Range(1, 50)
            .Select(i => An.Line(
                $"Line {i}: network use of the regional distribution system operator, peak hours of working days including the surcharge for concession fees",
                ChargeKind.Energy, 1_234_567.891m * i, Unit.KilowattHour, 0.123456m))
            .ToList();
        var longName = string.Join(' ', Enumerable.Repeat("Wohnungseigentümergemeinschaft", 6)) + new string('X', 90);
        var bill = An.Bill(An.Rated(lines)) with
        {
            Customer = An.Customer with { Name = longName, Address = An.Customer.Address with { Street = longName } },
            Supplier = An.Supplier with { Name = longName },
        };
        var invoice = Invoice.Issue(BillSnapshot.Freeze(bill), "2026-000124", An.To, An.To.PlusDays(14), An.Payment);
        var pdf = Keep("fifty-lines", PdfWriter.Write(invoice));
        AssertTidy(pdf);
        using var document = PdfDocument.Open(pdf);
        var pages = document.GetPages().Select(PageText).ToList();
        var charged = pages.Where(page => page.Contains("network use", StringComparison.Ordinal) && page.Contains("Amount (EUR)", StringComparison.Ordinal)).ToList();
        Assert.True(charged.Count >= 3, $"{charged.Count} pages with the head of the charges");
        Assert.All(Enumerable.Range(1, 50), i => Assert.Contains($"Line {i}:", string.Concat(pages), StringComparison.Ordinal));
    }

    [Fact]
    public void A_credit_note_names_its_invoice_and_asks_for_nothing()
    {
        var pdf = Keep("credit-note", PdfWriter.Write(CreditNote.Of(An.Invoice(), "C2026-7", new LocalDate(2026, 11, 20), "Corrected meter read")));
        AssertTidy(pdf);
        var text = Text(pdf);
        Assert.Contains("Credit note for invoice 2026-000123", text, StringComparison.Ordinal);
        Assert.Contains("What you get back", text, StringComparison.Ordinal);
        Assert.Contains("Corrected meter read", text, StringComparison.Ordinal);
        Assert.DoesNotContain("How to pay", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bill_in_the_customers_favour_asks_for_nothing()
    {
        var pdf = Keep("in-favour", PdfWriter.Write(An.Invoice(An.Rated(An.Line("Export paid to you", ChargeKind.Export, -900, Unit.KilowattHour, 0.11m)))));
        AssertTidy(pdf);
        var text = Text(pdf);
        Assert.Contains("What we pay you", text, StringComparison.Ordinal);
        Assert.DoesNotContain("How to pay", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Water_in_cubic_metres_without_meters_estimates_or_peaks()
    {
        var channel = new ChannelKey("SP-7", new Measurand(Quantity.WaterVolume, Direction.Import));
        var days = Enumerable.Range(0, 31).Select(day => new DayUsage(An.From.PlusDays(day), 0.4m + (day % 3 * 0.1m), 24, 0, 0)).ToList();
        var bill = An.Bill(An.Rated(An.Line("Water", ChargeKind.Energy, 15.4m, Unit.CubicMetre, 1.02m, rate: 9))) with
        {
            Supply = An.Supply with { Meters = [], MeteringPointId = null },
            Usage = [new ChannelUsage { Channel = channel, Unit = Unit.CubicMetre, Quantity = days.Sum(day => day.Quantity), Days = days }],
        };
        var pdf = Keep("water", PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "W-1", An.To, An.To.PlusDays(14), An.Payment)));
        AssertTidy(pdf);
        var text = Text(pdf);
        Assert.Contains("Your water bill", text, StringComparison.Ordinal);
        Assert.Contains("15.4 m³", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metering_point_of_33_characters_stands_whole_on_the_first_page()
    {
        const string Melo = "DE0007123456000000000000000012345";
        var bill = An.Bill() with { Supply = An.Supply with { MeteringPointId = Melo } };
        var pdf = PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "M-1", An.To, An.To, An.Payment));
        AssertTidy(pdf);
        using var document = PdfDocument.Open(pdf);
        Assert.Contains(Melo, PageText(document.GetPage(1)), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_numbers_and_makers_read_for_a_customer()
    {
        var line = An.Line("Energy, peak hours", ChargeKind.Energy, 13_141.668m, Unit.KilowattHour, 0.1987m) with
        {
            Formula = "13141.668 kWh × 0.1987 EUR/kWh = 2611.2494316 → 2611.25 EUR (as of 2026-01-31, highest on 5 Oct 2026 at 14:15)",
            Determinants = [new Determinant("import.peak.kWh", 13_141.668m, Unit.KilowattHour, null)],
        };
        var text = Text(PdfWriter.Write(An.Invoice(An.Rated(line, An.Line("Credit", ChargeKind.Credit, -4_102.79m, Unit.KilowattHour, 0.1m)))));
        Assert.Contains("Import, peak hours: 13,141.668 kWh", text, StringComparison.Ordinal);
        Assert.Contains("13,141.668 kWh × 0.1987 EUR/kWh = 2,611.2494316 ≈ 2,611.25 EUR (as of 2026-01-31, highest on 5 Oct 2026 at 14:15)", text, StringComparison.Ordinal);
        Assert.Contains("−4,102.79 kWh × 0.1 EUR/kWh", text, StringComparison.Ordinal);
        Assert.Contains("Landisgyr 54021877", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("import.kWh", "kWh", false, "Import")]
    [InlineData("export.midday.kWh", "kWh", false, "Export, midday hours")]
    [InlineData("import.off-peak.kWh", "kWh", false, "Import, off-peak hours")]
    [InlineData("peak.kW", "kW", true, "Highest demand")]
    [InlineData("peak.peak.kW", "kW", true, "Highest demand, peak hours")]
    [InlineData("import.coincident.kW", "kW", true, "Demand when the whole system peaked")]
    [InlineData("reactive.kWh", "kWh", false, "Reactive energy")]
    [InlineData("something.else.we.know.not", "kWh", false, "something.else.we.know.not")]
    public void Determinants_have_names_in_words(string name, string unit, bool peak, string words)
    {
        var determinant = new Determinant(name, 7.5m, unit == "kW" ? Unit.Kilowatt : Unit.KilowattHour, peak ? Instant.FromUtc(2026, 10, 5, 12, 15) : null);
        var line = An.Line("Energy", ChargeKind.Energy, 1, Unit.KilowattHour, 0.25m) with { Determinants = [determinant] };
        Assert.Contains($"0.25 EUR{words}: 7.5 {unit}", Text(PdfWriter.Write(An.Invoice(An.Rated(line)))), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_it_was_calculated_from_never_stands_alone_on_a_page()
    {
        var lonely = Enumerable.Range(4, 14).Select(count =>
        {
            var invoice = An.Invoice(An.Rated([.. Enumerable.Range(1, count).Select(i => An.Line($"Line {i}", ChargeKind.Energy, 1_000.5m, Unit.KilowattHour, 0.25m))]));
            using var document = PdfDocument.Open(PdfWriter.Write(invoice));
            var page = document.GetPages().Select(PageText).Single(text => text.Contains("What it was calculated from", StringComparison.Ordinal));
            return (count, With: page.Contains("EUR/kWh", StringComparison.Ordinal));
        }).Where(page => !page.With).ToList();
        Assert.Empty(lonely);
    }

    [Fact]
    public void Gas_says_how_volume_became_energy()
    {
        var channel = new ChannelKey("SP-7", new Measurand(Quantity.GasVolume, Direction.Import));
        var line = An.Line("Natural gas", ChargeKind.Energy, 2_271m, Unit.KilowattHour, 0.0987m) with { Determinants = [new Determinant("gas.kWh", 2_271m, Unit.KilowattHour, null)] };
        var bill = An.Bill(An.Rated(line)) with
        {
            Supply = An.Supply with { Meters = [] },
            Usage = [new ChannelUsage { Channel = channel, Unit = Unit.CubicMetre, Quantity = 210.75m, Days = [new DayUsage(An.From, 210.75m, 24, 0, 0)] }],
        };
        var text = Text(PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "G-1", An.To, An.To, An.Payment)));
        Assert.Contains("210.75 m³ gave 2,271 kWh, 10.7758 kWh for each m³", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_usage_bill_without_any_channel_still_prints()
    {
        var bill = An.Bill() with { Usage = [], Supply = An.Supply with { Meters = [] } };
        AssertTidy(PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "U-1", An.To, An.To.PlusDays(14), An.Payment)));
    }

    [Fact]
    public void Signs_that_the_font_lacks_do_not_stop_the_bill()
    {
        var bill = An.Bill() with { Customer = An.Customer with { Name = "漢字 Żółć Ελλάς Україна → \U0001F950" } };
        var text = Text(PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "U-1", An.To, An.To, An.Payment)));
        Assert.Contains("?? Żółć Ελλάς Україна › ?", text, StringComparison.Ordinal);
    }

    [Fact]
    public void More_characters_than_a_font_holds_do_not_stop_the_bill()
    {
        var all = string.Concat(Enumerable.Range(0x100, 0x120).Select(c => (char)c));
        var bill = An.Bill(An.Rated(An.Line("Energy", ChargeKind.Energy, 1, Unit.KilowattHour, 1) with { Formula = all }));
        var text = Text(PdfWriter.Write(Invoice.Issue(BillSnapshot.Freeze(bill), "U-1", An.To, An.To, An.Payment)));
        Assert.Contains("?", text, StringComparison.Ordinal);
        Assert.Contains("Page 1 of", text, StringComparison.Ordinal);
    }

    /// <summary>No letter outside the margins, and no two lines of text in one place.</summary>
    private static void AssertTidy(byte[] pdf)
    {
        using var document = PdfDocument.Open(pdf);
        foreach (var page in document.GetPages())
        {
            var letters = page.Letters.Where(letter => letter.Value.Trim().Length > 0).ToList();
            Assert.All(letters, letter => Assert.InRange(letter.StartBaseLine.X, 50, 550));
            Assert.All(letters, letter => Assert.InRange(letter.StartBaseLine.Y, 20, 815));
            var placed = letters.Select(letter => (letter.Value, Left: letter.StartBaseLine.X, Right: letter.EndBaseLine.X, Bottom: letter.StartBaseLine.Y, Top: letter.StartBaseLine.Y + (letter.PointSize * 0.5)))
                .OrderBy(letter => letter.Left).ToList();
            for (var i = 0; i < placed.Count; i++)
            {
                for (var j = i + 1; j < placed.Count && placed[j].Left < placed[i].Right - 0.3; j++)
                {
                    Assert.False(
                        placed[j].Bottom < placed[i].Top && placed[i].Bottom < placed[j].Top,
                        $"page {page.Number}: '{placed[i].Value}' and '{placed[j].Value}' overlap at {placed[j].Left:0},{placed[j].Bottom:0}");
                }
            }
        }
    }

    /// <summary>Left beside the test for whoever wants to look at it.</summary>
    private static byte[] Keep(string name, byte[] pdf)
    {
        File.WriteAllBytes(Path.Combine(AppContext.BaseDirectory, name + ".actual.pdf"), pdf);
        return pdf;
    }

    private static string Text(byte[] pdf)
    {
        using var document = PdfDocument.Open(pdf);
        return string.Join('\n', document.GetPages().Select(PageText));
    }

    private static string PageText(Page page) => page.Text;
}
