using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>Every line with quantity, price and amount, then VAT and the total.</summary>
internal static class ChargesSection
{
    private const double SumsWidth = 252;

    public static void Draw(Flow flow, Statement statement)
    {
        var charges = statement.Bill.Charges;
        flow.Heading(statement.Note is null ? "Charges" : "Credited charges", 60);
        var table = new Table(flow,
        [
            new Column("Description", 164),
            new Column("Period", 84),
            new Column("Quantity", 84, RightAligned: true),
            new Column($"Price ({charges.Currency})", 68, RightAligned: true),
            new Column("VAT", 32, RightAligned: true),
            new Column($"Amount ({charges.Currency})", Look.Width - 432, RightAligned: true),
        ]);
        table.Head();
        foreach (var line in charges.Lines)
        {
            table.Row(
                new Cell(line.Description, Note(line)),
                NumberText.Days(line.From, line.To),
                $"{NumberText.Exact(line.Quantity)} {NumberText.UnitOf(line.Quantity, line.Unit)}".TrimEnd(),
                new Cell(NumberText.Exact(line.Price, 2), PerUnit(line)),
                line.TaxCategory is "S" or "Z" ? $"{NumberText.Exact(line.TaxRate)} %" : line.TaxCategory,
                NumberText.Amount(line.Amount, charges.Currency));
        }

        Totals(flow, charges, statement.Note is not null);
    }

    private static string? Note(ChargeLine line)
    {
        string?[] parts = [line.Period, line.Tier is { } tier ? $"tier {tier}" : null];
        var text = string.Join(" · ", parts.Where(part => part is not null && !line.Description.Contains(part, StringComparison.OrdinalIgnoreCase)));
        return text.Length == 0 ? null : text;
    }

    private static string? PerUnit(ChargeLine line) =>
        line.Unit == Protocols.Unit.One && line.PriceBase == 1 ? null
        : line.PriceBase == 1 ? $"per {line.Unit.Symbol}"
        : $"per {NumberText.Exact(line.PriceBase)} {NumberText.UnitOf(line.PriceBase, line.Unit)}".TrimEnd();

    private static void Totals(Flow flow, RatedPeriod charges, bool credited)
    {
        List<(string Label, decimal Amount)> rows = [("Total without VAT", charges.Net)];
        rows.AddRange(charges.Taxes.Select(tax => (Describe(tax, charges.Currency), tax.Amount)));
        rows.Add(("Total with VAT", charges.Net + charges.Tax));
        if (charges.Rounding != 0)
        {
            rows.Add(("Rounding", charges.Rounding));
        }

        flow.Need((rows.Count * 15) + 36);
        flow.Y += 8;
        var left = Look.Right - SumsWidth;
        foreach (var (label, amount) in rows)
        {
            flow.Y += 15;
            flow.Page.Text(Look.Cell.Fit(label, SumsWidth - 76), left + 4, flow.Y - 4.5, Look.Cell);
            flow.Page.TextRight(NumberText.Amount(amount, charges.Currency), Look.Right - 4, flow.Y - 4.5, Look.Cell);
            flow.Page.Rule(left, flow.Y, Look.Right, flow.Y, 0.4, Look.Faint);
        }

        var strong = Look.BodyStrong with { Size = 11, Colour = Look.Brand };
        flow.Page.Fill(left, flow.Y, SumsWidth, 23, Look.Panel);
        flow.Page.Text(credited ? "Amount credited" : charges.Total < 0 ? "Amount in your favour" : "Amount due", left + 4, flow.Y + 15.5, strong);
        flow.Page.TextRight(NumberText.Money(charges.Total, charges.Currency), Look.Right - 4, flow.Y + 15.5, strong);
        flow.Y += 27;
    }

    private static string Describe(TaxSubtotal tax, string currency)
    {
        var kind = tax.Category switch
        {
            "E" => " (exempt)",
            "AE" => " (reverse charge)",
            "O" => " (outside the scope)",
            _ => "",
        };
        return $"{tax.Name} {NumberText.Exact(tax.Rate)} % on {NumberText.Amount(tax.Base, currency)}{kind}";
    }
}
