using System.Globalization;
using QRCoder;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>The QR code for a SEPA credit transfer (European Payments Council, EPC069-12, version 002).</summary>
internal static class PaymentCode
{
    private const decimal Least = 0.01m;
    private const decimal Most = 999_999_999.99m;

    /// <summary>The code's text, or null where no SEPA transfer is asked for: another currency, nothing due.</summary>
    public static string? Text(Invoice invoice)
    {
        if (invoice.Currency != "EUR" || invoice.AmountDue is < Least or > Most)
        {
            return null;
        }

        var payment = invoice.Payment;
        return string.Join('\n',
            "BCD",
            "002",
            "1",
            "SCT",
            payment.Bic ?? "",
            Cut(payment.AccountName, 70),
            payment.Iban,
            "EUR" + invoice.AmountDue.ToString("0.00", CultureInfo.InvariantCulture),
            "",
            "",
            Cut(payment.Reference, 140));
    }

    /// <summary>Draws the code as a square, dark modules in runs so that no seams show.</summary>
    public static void Draw(Canvas page, string text, double x, double y, double size)
    {
        using var data = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.M, forceUtf8: true);
        var rows = data.ModuleMatrix;
        var module = size / rows.Count;
        page.Fill(x, y, size, size, Look.White);
        for (var row = 0; row < rows.Count; row++)
        {
            var start = 0;
            while (start < rows.Count)
            {
                var end = start;
                while (end < rows.Count && rows[row][end])
                {
                    end++;
                }

                if (end > start)
                {
                    page.Fill(x + (start * module), y + (row * module), (end - start) * module, module, Look.Black);
                }

                start = end + 1;
            }
        }
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..length];
}
