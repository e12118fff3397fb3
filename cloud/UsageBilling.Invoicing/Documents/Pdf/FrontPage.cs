using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>The first page: who, what is to be paid and by when, the month's load, and how to pay.</summary>
internal static class FrontPage
{
    private const double DetailsLeft = 338;
    private const double PanelHeight = 84;

    /// <summary>A metering point has up to 33 characters, all of which a customer must be able to type.</summary>
    private const double SmallestDetail = 6;

    public static void Draw(Flow flow, Statement statement)
    {
        var page = flow.Page;
        Letterhead(page, statement.Invoice.Supplier);
        AddressWindow(page, statement);
        Details(page, statement);

        flow.Y = 256;
        foreach (var line in Look.Title.Wrap(statement.Title, Look.Width).Take(2))
        {
            page.Text(line, Look.Left, flow.Y, Look.Title);
            flow.Y += Look.Title.Leading;
        }

        flow.Y -= 9;
        var subtitle = statement.Note is { } note ? note.Reason : $"Supplied at {OneLine(statement.Bill.Supply.Address)}";
        page.Text(Look.Body.Fit(subtitle, Look.Width), Look.Left, flow.Y, Look.Body with { Colour = Look.Muted });
        flow.Y += 12;
        Panel(flow, statement);
        if (statement is { Note: null, MainUsage: { } usage })
        {
            flow.Heading("Day by day", 0);
            LoadChart.Draw(flow, usage, statement.ExportUsage, statement.Time);
        }

        Glance.Draw(flow, statement);
    }

    private static void Letterhead(Canvas page, Party supplier)
    {
        page.Fill(Look.Left, 39, 4, 25, Look.Bar);
        page.Text(Look.Name.Fit(supplier.Name, 290), Look.Left + 12, 57, Look.Name);
        string?[] lines =
        [
            supplier.Address.Street,
            $"{supplier.Address.PostalCode} {supplier.Address.City}, {supplier.Address.Country}",
            supplier.Telephone,
            supplier.Email,
        ];
        var y = 42.0;
        foreach (var line in lines.Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            page.TextRight(Look.Small.Fit(line!, 180), Look.Right, y, Look.Small);
            y += Look.Small.Leading;
        }

        page.Rule(Look.Left, 84, Look.Right, 84, 0.8, Look.Brand);
    }

    /// <summary>Where a window envelope shows it (DIN 5008 form B): 20 mm from the left, 45 to 90 mm from the top.</summary>
    private static void AddressWindow(Canvas page, Statement statement)
    {
        const double Width = 241;
        var supplier = statement.Invoice.Supplier;
        page.Text(Look.Tiny.Fit($"{supplier.Name} · {OneLine(supplier.Address)}", Width), Look.Left, 138, Look.Tiny);
        page.Rule(Look.Left, 142, Look.Left + Width, 142, 0.4, Look.Faint);
        var customer = statement.Invoice.Customer;
        string?[] lines =
        [
            .. NameLines(customer.Name, Width),
            customer.Address.AdditionalStreet,
            customer.Address.Street,
            $"{customer.Address.PostalCode} {customer.Address.City}",
            customer.Address.Country == supplier.Address.Country ? null : customer.Address.Country,
        ];
        var y = 158.0;
        foreach (var line in lines.Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            page.Text(Look.Address.Fit(line!, Width), Look.Left, y, Look.Address);
            y += 13.6;
        }
    }

    private static IEnumerable<string> NameLines(string name, double width)
    {
        var lines = Look.Address.Wrap(name, width);
        return lines.Count <= 2 ? lines : [lines[0], Look.Address.Fit(string.Join(' ', lines.Skip(1)), width)];
    }

    private static void Details(Canvas page, Statement statement)
    {
        var bill = statement.Bill;
        (string Label, string? Value)[] rows =
        [
            ($"{statement.Kind} number", statement.Number),
            ("Issue date", NumberText.Date(statement.IssueDate)),
            ("Credits invoice", statement.Note is { } note ? $"{note.Credits.Number}, {NumberText.Date(note.Credits.IssueDate)}" : null),
            ("Replaces invoice", statement.Note is null ? statement.Invoice.Replaces?.Number : null),
            ("Billing period", NumberText.Days(bill.Charges.From, bill.Charges.To)),
            ("Customer number", statement.Invoice.Customer.Number ?? bill.Key.Account),
            ("Customer VAT number", statement.Invoice.Customer.VatId),
            ("Contract", bill.Key.Contract),
            ("Metering point", bill.Supply.MeteringPointId ?? bill.Supply.ServicePoint),
        ];
        var y = 126.0;
        foreach (var (label, value) in rows.Where(row => !string.IsNullOrWhiteSpace(row.Value)))
        {
            page.Text(label, DetailsLeft, y, Look.Body with { Colour = Look.Muted });
            var style = Look.BodyStrong.ShrunkTo(value!, Look.Right - DetailsLeft - Look.Body.Width(label) - 8, SmallestDetail);
            page.TextRight(style.Fit(value!, Look.Right - DetailsLeft - Look.Body.Width(label) - 8), Look.Right, y, style);
            page.Rule(DetailsLeft, y + 4, Look.Right, y + 4, 0.3, Look.Faint);
            y += 14;
        }
    }

    private static void Panel(Flow flow, Statement statement)
    {
        var page = flow.Page;
        page.Fill(Look.Left, flow.Y, Look.Width, PanelHeight, Look.Panel);
        page.Fill(Look.Left, flow.Y, 4, PanelHeight, Look.Bar);
        var x = Look.Left + 18;
        var (label, amount, when) = Due(statement);
        page.Text(label, x, flow.Y + 20, Look.BodyStrong);
        page.Text(when, x, flow.Y + 69, Look.BodyStrong);

        var tiles = Tiles(statement).Take(3).ToList();
        var width = 92.0;
        var left = Look.Right - (tiles.Count * width) - 6;
        var room = left - 16 - x;
        page.Text(amount, x, flow.Y + 50, Look.Big with { Size = Math.Min(Look.Big.Size, Look.Big.Size * room / Look.Big.Width(amount)) });
        foreach (var (head, value, note) in tiles)
        {
            page.Rule(left - 8, flow.Y + 16, left - 8, flow.Y + PanelHeight - 16, 0.5, Look.Faint);
            page.Text(head, left, flow.Y + 26, Look.Small);
            page.Text(Look.BodyStrong.Fit(value, width - 10), left, flow.Y + 43, Look.BodyStrong with { Size = 11, Colour = Look.Brand });
            page.Text(Look.Small.Fit(note, width - 10), left, flow.Y + 57, Look.Small);
            left += width;
        }

        flow.Y += PanelHeight;
    }

    private static (string Label, string Amount, string When) Due(Statement statement)
    {
        var amount = statement.Invoice.AmountDue;
        var money = NumberText.Money(decimal.Abs(amount), statement.Currency);
        return (statement.Note is not null, amount) switch
        {
            (true, < 0) => ("What is charged back", money, $"invoice {statement.Invoice.Number} is cancelled"),
            (true, _) => ("What you get back", money, $"invoice {statement.Invoice.Number} is cancelled"),
            (_, > 0) => ("What you pay", money, $"by {NumberText.LongDate(statement.Invoice.DueDate)}"),
            (_, < 0) => ("What we pay you", money, $"by {NumberText.LongDate(statement.Invoice.DueDate)}"),
            _ => ("What you pay", money, "nothing is due"),
        };
    }

    private static IEnumerable<(string Head, string Value, string Note)> Tiles(Statement statement)
    {
        if (statement.MainUsage is not { } usage)
        {
            yield break;
        }

        var days = usage.Days.Count;
        yield return (
            usage.Channel.Measurand.Direction == Direction.Export ? "Fed in" : "Consumption",
            $"{NumberText.Exact(decimal.Round(usage.Quantity, 1, MidpointRounding.AwayFromZero))} {usage.Unit.Symbol}",
            $"{NumberText.Exact(decimal.Round(usage.Quantity / days, 1, MidpointRounding.AwayFromZero))} {usage.Unit.Symbol} a day");
        if (usage.Peak is { } peak)
        {
            var at = statement.Time.Local(peak.At);
            yield return ("Highest demand", $"{NumberText.Exact(peak.Value)} {peak.Unit.Symbol}", $"{at.Date.ToString("d MMM", null)}, {at:HH:mm}");
        }

        if (statement.ExportUsage is { } export)
        {
            yield return (
                "Fed into the grid",
                $"{NumberText.Exact(decimal.Round(export.Quantity, 1, MidpointRounding.AwayFromZero))} {export.Unit.Symbol}",
                "credited to you");
        }
        else
        {
            yield return ("Days billed", days.ToString("0"), NumberText.Days(statement.Bill.Charges.From, statement.Bill.Charges.To));
        }
    }

    private static string OneLine(PostalAddress address) => $"{address.Street}, {address.PostalCode} {address.City}";
}
