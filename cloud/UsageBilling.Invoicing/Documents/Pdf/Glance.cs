using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>The foot of the first page: sums by kind on the left, how to pay on the right.</summary>
internal static class Glance
{
    private const double ColumnWidth = 228;
    private const double TallestRow = 14;
    private const double QrSize = 92;

    public static void Draw(Flow flow, Statement statement)
    {
        flow.Heading(statement.Note is null ? "Your bill at a glance" : "The credit at a glance", 0);
        var top = flow.Y;
        Sums(flow.Page, top + 10, statement);
        if (statement.Note is null)
        {
            Payment(flow.Page, top - 9, statement);
        }
    }

    private static void Sums(Canvas page, double top, Statement statement)
    {
        var charges = statement.Bill.Charges;
        List<(string Label, decimal Amount)> rows =
        [
            .. charges.Lines.GroupBy(line => line.Kind).OrderBy(kind => kind.Key).Select(kind => (NameOf(kind.Key), kind.Sum(line => line.Amount))),
            .. charges.Taxes.Select(tax => ($"{tax.Name} {NumberText.Exact(tax.Rate)} %", tax.Amount)),
        ];
        if (charges.Rounding != 0)
        {
            rows.Add(("Rounding", charges.Rounding));
        }

        var height = Math.Min(TallestRow, (Look.Bottom - top - 14) / (rows.Count + 1));
        var y = top;
        foreach (var (label, amount) in rows)
        {
            page.Text(Look.Body.Fit(label, ColumnWidth - 80), Look.Left, y, Look.Body);
            page.TextRight(NumberText.Amount(amount, statement.Currency), Look.Left + ColumnWidth, y, Look.Body);
            page.Rule(Look.Left, y + (height * 0.3), Look.Left + ColumnWidth, y + (height * 0.3), 0.3, Look.Faint);
            y += height;
        }

        page.Text("Total", Look.Left, y + 2, Look.BodyStrong with { Size = 10, Colour = Look.Brand });
        page.TextRight(
            NumberText.Money(charges.Total, statement.Currency), Look.Left + ColumnWidth, y + 2, Look.BodyStrong with { Size = 10, Colour = Look.Brand });
    }

    private static void Payment(Canvas page, double top, Statement statement)
    {
        var left = Look.Left + ColumnWidth + 24;
        var invoice = statement.Invoice;
        if (invoice.AmountDue <= 0)
        {
            page.Text("Payment", left, top, Look.Heading);
            Lines(page, left, top + 19, Look.Right - left, invoice.AmountDue < 0
                ? "This amount is in your favour. We transfer it to the account you named to us or set it off against your next bill."
                : "There is nothing to pay for this period.");
            return;
        }

        page.Text("How to pay", left, top, Look.Heading);
        var code = PaymentCode.Text(invoice);
        var right = code is null ? Look.Right : Look.Right - QrSize - 8;
        (string Label, string? Value)[] rows =
        [
            ("To", invoice.Payment.AccountName),
            ("IBAN", Grouped(invoice.Payment.Iban)),
            ("BIC", invoice.Payment.Bic),
            ("Reference", invoice.Payment.Reference),
            ("Due", NumberText.Date(invoice.DueDate)),
        ];
        var y = top + 16;
        foreach (var (label, value) in rows.Where(row => !string.IsNullOrWhiteSpace(row.Value)))
        {
            page.Text(label, left, y, Look.Small);
            page.Text(Look.CellStrong.Fit(value!, right - left), left, y + 9.5, Look.CellStrong);
            y += 22;
        }

        if (code is not null)
        {
            PaymentCode.Draw(page, code, Look.Right - QrSize, top + 6, QrSize);
            page.TextCentre("Scan with your banking app", Look.Right - (QrSize / 2), top + QrSize + 14, Look.Tiny);
        }

        if (invoice.Payment.Terms is { } terms)
        {
            Lines(page, left, y + 2, Look.Right - left, terms);
        }
    }

    private static void Lines(Canvas page, double x, double y, double width, string text)
    {
        foreach (var line in Look.Small.Wrap(text, width).Take(4))
        {
            page.Text(line, x, y, Look.Small);
            y += Look.Small.Leading;
        }
    }

    private static string Grouped(string iban) => string.Join(' ', iban.Chunk(4).Select(group => new string(group)));

    private static string NameOf(ChargeKind kind) => kind switch
    {
        ChargeKind.Energy => "Energy",
        ChargeKind.Demand => "Demand",
        ChargeKind.Fixed => "Standing charges",
        ChargeKind.Minimum => "Minimum charge",
        ChargeKind.Maximum => "Limit to the maximum",
        ChargeKind.Export => "Fed into the grid",
        ChargeKind.Reactive => "Reactive energy",
        ChargeKind.Adjustment => "Levies and adjustments",
        ChargeKind.Discount => "Discounts",
        ChargeKind.Credit => "Credits",
        ChargeKind.Tax => "Taxes",
        _ => kind.ToString(),
    };
}
