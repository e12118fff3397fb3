using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>What stands on every page: the running head from the second page on, and the foot.</summary>
internal static class PageFrame
{
    public static void RunningHead(Canvas page, Statement statement)
    {
        page.Text(Look.BodyStrong.Fit(statement.Invoice.Supplier.Name, Look.Width / 2), Look.Left, 54, Look.BodyStrong with { Colour = Look.Brand });
        page.TextRight(
            Look.Small.Fit($"{statement.Kind} {statement.Number} · {statement.Invoice.Customer.Name}", Look.Width / 2), Look.Right, 54, Look.Small);
        page.Rule(Look.Left, 62, Look.Right, 62, 0.8, Look.Brand);
    }

    public static void Foot(Canvas page, Statement statement, int number, int count)
    {
        const double Top = Look.PageHeight - 58;
        const double PageNumberWidth = 60;
        var supplier = statement.Invoice.Supplier;
        page.Rule(Look.Left, Top, Look.Right, Top, 0.5, Look.Faint);
        page.Text(Look.Small.Fit(Legal(supplier), Look.Width - PageNumberWidth), Look.Left, Top + 13, Look.Small);
        page.Text(Look.Small.Fit(Contact(supplier), Look.Width - PageNumberWidth), Look.Left, Top + 23, Look.Small);
        page.Text($"Document fingerprint (SHA-256) {statement.Hash}", Look.Left, Top + 34, Look.Tiny);
        page.TextRight($"Page {number} of {count}", Look.Right, Top + 13, Look.Small);
    }

    private static string Legal(Party supplier) => Join(
        supplier.Name,
        $"{supplier.Address.Street}, {supplier.Address.PostalCode} {supplier.Address.City}, {supplier.Address.Country}",
        supplier.RegistrationNumber is { } number ? $"Reg. no. {number}" : null,
        supplier.VatId is { } vat ? $"VAT {vat}" : null);

    private static string Contact(Party supplier) => Join(supplier.ContactName, supplier.Telephone, supplier.Email, supplier.Website);

    private static string Join(params string?[] parts) => string.Join(" · ", parts.Where(part => !string.IsNullOrWhiteSpace(part)));
}
