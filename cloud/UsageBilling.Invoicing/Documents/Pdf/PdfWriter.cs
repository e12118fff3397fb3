using System.Globalization;
using System.Text;
using UglyToad.PdfPig.Writer;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>The printed invoice and credit note: A4, fonts embedded. The same document always gives the same bytes.</summary>
public static class PdfWriter
{
    private const double PdfVersion = 1.7;
    private const int IdentifierLength = 32;

    /// <summary>Prints an invoice.</summary>
    public static byte[] Write(Invoice invoice) => Write(Statement.Of(invoice));

    /// <summary>Prints a credit note.</summary>
    public static byte[] Write(CreditNote note) => Write(Statement.Of(note));

    private static byte[] Write(Statement statement)
    {
        using var document = new PdfDocumentBuilder(PdfVersion);
        document.DocumentInformation.Title = $"{statement.Kind} {statement.Number}";
        document.DocumentInformation.Author = statement.Invoice.Supplier.Name;
        document.DocumentInformation.Subject = statement.Title;
        document.DocumentInformation.Producer = "Usage Billing";
        document.DocumentInformation.CreationDate = statement.IssueDate.ToString("'D:'uuuuMMdd'000000Z'", CultureInfo.InvariantCulture);

        var flow = new Flow(document, page => PageFrame.RunningHead(page, statement));
        FrontPage.Draw(flow, statement);
        flow.NewPage();
        if (statement.Invoice.Message is { } message && statement.Note is null)
        {
            flow.Paragraph(message, Look.Body);
        }

        MeterSection.Draw(flow, statement);
        ChargesSection.Draw(flow, statement);
        if (statement.Note is null)
        {
            CalculationSection.Draw(flow, statement);
        }

        for (var i = 0; i < flow.Pages.Count; i++)
        {
            PageFrame.Foot(flow.Pages[i], statement, i + 1, flow.Pages.Count);
        }

        return Identify(document.Build(), statement.Hash);
    }

    /// <summary>The library draws the file identifier at random; ours is the beginning of the document's hash, so that bytes repeat.</summary>
    private static byte[] Identify(byte[] pdf, string hash)
    {
        var identifier = Encoding.ASCII.GetBytes(hash[..IdentifierLength].ToUpperInvariant());
        var at = pdf.AsSpan().LastIndexOf("/ID [ <"u8);
        if (at < 0)
        {
            throw new InvalidOperationException("the PDF has no file identifier in its trailer");
        }

        foreach (var _ in (ReadOnlySpan<int>)[1, 2])
        {
            at += pdf.AsSpan(at).IndexOf((byte)'<') + 1;
            if (pdf[at + IdentifierLength] != '>')
            {
                throw new InvalidOperationException("the PDF's file identifier does not have 32 digits");
            }

            identifier.CopyTo(pdf.AsSpan(at));
        }

        return pdf;
    }
}
