using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Invoicing.Documents.Ubl;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Invoicing.Ledger;

namespace UsageBilling.Cloud.Verification;

/// <summary>Every invoice says what its bill said, is posted as it says, and its documents are the ones that were stored.</summary>
internal sealed class InvoiceChecks(Verification report, NpgsqlConnection connection)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var postings = await InvoicesAsync(cancellationToken);
        await LedgerAsync(postings, cancellationToken);
        await DocumentsAsync(cancellationToken);
    }

    private async Task<Dictionary<string, LedgerPosting>> InvoicesAsync(CancellationToken cancellationToken)
    {
        var postings = new Dictionary<string, LedgerPosting>(StringComparer.Ordinal);
        await foreach (var row in connection.StreamAsync("""
            SELECT i.invoice_number, i.kind, i.snapshot, i.hash, i.total, b.content_hash, b.state, i.net, i.tax, i.currency, i.period_start, i.period_end, i.due_date, i.preceding
            FROM invoice i LEFT JOIN bill b ON b.account_id = i.account_id AND b.bill_id = i.bill_id ORDER BY i.invoice_number
            """,
            cancellationToken))
        {
            report.Count("invoices");
            var number = row.GetString(0);
            var snapshot = Encoding.UTF8.GetBytes(row.GetString(2));
            if (!SHA256.HashData(snapshot).AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(3)))
            {
                report.Differs("invoice", number, "the snapshot does not have its hash");
            }

            try
            {
                var note = row.GetString(1) == "credit-note" ? CreditNote.Parse(snapshot) : null;
                var invoice = note?.Invoice ?? Invoice.Parse(snapshot);
                var posting = note is null ? LedgerPosting.For(invoice) : LedgerPosting.For(note);
                postings[posting.Document] = posting;
                Compare(number, note, invoice, row);
            }
            catch (FormatException e)
            {
                report.Differs("invoice", number, e.Message);
            }
        }

        return postings;
    }

    private void Compare(string number, CreditNote? note, Invoice invoice, NpgsqlDataReader row)
    {
        if ((note?.Number ?? invoice.Number) is var stated && stated != number)
        {
            report.Differs("invoice", number, $"the snapshot has the number {stated}");
        }

        if (invoice.AmountDue != row.GetDecimal(4))
        {
            report.Differs("invoice", number, $"the row says {row.GetDecimal(4)}, the snapshot {invoice.AmountDue}");
        }

        var charges = invoice.Bill.Charges;
        (string What, object? Row, object? Snapshot)[] columns =
        [
            ("net", row.GetDecimal(7), charges.Net),
            ("tax", row.GetDecimal(8), charges.Tax),
            ("currency", row.GetString(9), invoice.Currency),
            ("period start", row.GetFieldValue<LocalDate>(10), charges.From),
            ("period end", row.GetFieldValue<LocalDate>(11), charges.To),
            ("due date", row.GetFieldValue<LocalDate>(12), note?.IssueDate ?? invoice.DueDate),
            ("earlier document", row.IsDBNull(13) ? null : row.GetString(13), note?.Credits.Number ?? invoice.Replaces?.Number),
        ];
        foreach (var (what, said, meant) in columns.Where(c => !Equals(c.Row, c.Snapshot)))
        {
            report.Differs("invoice", number, string.Create(CultureInfo.InvariantCulture, $"the row says {what} {said ?? "none"}, the snapshot {meant ?? "none"}"));
        }

        if (row.IsDBNull(5) || Convert.ToHexStringLower(row.GetFieldValue<byte[]>(5)) != invoice.BillHash)
        {
            report.Differs("invoice", number, "its bill is gone or has another content");
        }
        else if (row.GetString(6) is not ("issued" or "cancelled"))
        {
            report.Differs("invoice", number, $"its bill is {row.GetString(6)}");
        }
    }

    private async Task LedgerAsync(Dictionary<string, LedgerPosting> expected, CancellationToken cancellationToken)
    {
        var waiting = expected.Keys.ToHashSet(StringComparer.Ordinal);
        await foreach (var row in connection.StreamAsync("SELECT source, account_id, leg_accounts, leg_amounts FROM ledger_posting ORDER BY account_id, source", cancellationToken))
        {
            report.Count("postings");
            var source = row.GetString(0);
            var names = row.GetFieldValue<string[]>(2);
            var amounts = row.GetFieldValue<decimal[]>(3);
            if (amounts.Sum() != 0 || amounts.Length < 2 || names.Length != amounts.Length)
            {
                report.Differs("ledger", source, $"the legs sum to {amounts.Sum()}");
            }

            waiting.Remove(source);
            var isDocument = source.StartsWith("invoice:", StringComparison.Ordinal) || source.StartsWith("credit-note:", StringComparison.Ordinal);
            if (expected.TryGetValue(source, out var posting))
            {
                if (posting.CustomerAccount != row.GetString(1) || !posting.Legs.Select(l => (l.Account.Name, l.Amount)).SequenceEqual(names.Zip(amounts)))
                {
                    report.Differs("ledger", source, "the posting is not what its document says");
                }
            }
            else
            {
                report.Differs("ledger", source, isDocument ? "the posting has no document" : "nothing that is known posts this");
            }
        }

        foreach (var source in waiting)
        {
            report.Differs("ledger", source, "the document is not posted");
        }
    }

    private async Task DocumentsAsync(CancellationToken cancellationToken)
    {
        await foreach (var row in connection.StreamAsync("""
            SELECT i.invoice_number, d.format, d.content, d.hash, p.error, i.kind, i.snapshot FROM invoice i
            LEFT JOIN invoice_document d ON d.account_id = i.account_id AND d.bill_id = i.bill_id AND d.kind = i.kind
            LEFT JOIN document_pending p ON p.account_id = i.account_id AND p.bill_id = i.bill_id AND p.kind = i.kind
            """,
            cancellationToken))
        {
            var number = row.GetString(0);
            if (row.IsDBNull(1))
            {
                report.Waits("document", number, row.IsDBNull(4) ? "not rendered yet" : row.GetString(4));
                continue;
            }

            report.Count("documents");
            var content = row.GetFieldValue<byte[]>(2);
            if (!SHA256.HashData(content).AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(3)))
            {
                report.Differs("document", number, $"the {row.GetString(1)} does not have its hash");
            }
            else if (row.GetString(1) == "ubl")
            {
                Ubl(number, content, row.GetString(5), Encoding.UTF8.GetBytes(row.GetString(6)));
            }
        }
    }

    private void Ubl(string number, byte[] content, string kind, byte[] snapshot)
    {
        try
        {
            foreach (var difference in kind == "credit-note" ? UblAgreement.Differences(content, CreditNote.Parse(snapshot)) : UblAgreement.Differences(content, Invoice.Parse(snapshot)))
            {
                report.Differs("document", number, $"ubl: {difference}");
            }

            foreach (var violation in En16931.Check(content))
            {
                report.Differs("document", number, $"{violation.Rule} at {violation.Path}: {violation.Message}");
            }
        }
        catch (Exception e) when (e is FormatException or NotSupportedException or XmlException)
        {
            report.Differs("document", number, $"the ubl cannot be compared: {e.Message}");
        }
    }
}
