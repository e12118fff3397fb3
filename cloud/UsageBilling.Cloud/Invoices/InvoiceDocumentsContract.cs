using System.Security.Cryptography;
using System.Text;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Invoicing.Documents.Pdf;
using UsageBilling.Invoicing.Documents.Ubl;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Cloud.Invoices;

/// <summary>Renders PDF and UBL of issued documents from their snapshots and stores each once with its hash.</summary>
public sealed class InvoiceDocuments(NpgsqlDataSource database, TimeProvider time)
{
    private const int MostAttempts = 5;

    private sealed record Pending(string Account, Guid BillId, string Kind, string Snapshot);

    /// <summary>Renders up to <paramref name="limit"/> documents that wait. Returns how many were looked at; 0 when none waits.</summary>
    public async Task<int> RenderAsync(int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var pending = await TakeAsync(connection, limit, cancellationToken);
        foreach (var document in pending)
        {
            await RenderAsync(connection, document, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return pending.Count;
    }

    /// <summary>Renders everything that waits.</summary>
    public async Task RenderAllAsync(Action<int>? progress, CancellationToken cancellationToken)
    {
        var done = 0;
        int rendered;
        while ((rendered = await RenderAsync(20, cancellationToken)) > 0)
        {
            progress?.Invoke(done += rendered);
        }
    }

    /// <summary>The bytes of a document, from its snapshot alone: the same snapshot gives the same bytes. UBL is null where taxes other than VAT stand on the bill.</summary>
    public static (byte[] Pdf, byte[]? Ubl) Render(string kind, string snapshot)
    {
        var bytes = Encoding.UTF8.GetBytes(snapshot);
        if (InvoiceNumbers.Parse(kind) == DocumentKind.Invoice)
        {
            var invoice = Invoice.Parse(bytes);
            return (PdfWriter.Write(invoice), UblWriter.Supports(invoice) ? UblWriter.Write(invoice) : null);
        }

        var note = CreditNote.Parse(bytes);
        return (PdfWriter.Write(note), UblWriter.Supports(note.Invoice) ? UblWriter.Write(note) : null);
    }

    private static async Task<List<Pending>> TakeAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT p.account_id, p.bill_id, p.kind, i.snapshot
            FROM document_pending p JOIN invoice i ON i.account_id = p.account_id AND i.bill_id = p.bill_id AND i.kind = p.kind
            WHERE p.attempts < $2 ORDER BY p.account_id, p.bill_id LIMIT $1 FOR UPDATE OF p SKIP LOCKED
            """,
            connection);
        command.Parameters.Add(new() { Value = limit });
        command.Parameters.Add(new() { Value = MostAttempts });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var pending = new List<Pending>();
        while (await row.ReadAsync(cancellationToken))
        {
            pending.Add(new Pending(row.GetString(0), row.GetGuid(1), row.GetString(2), row.GetString(3)));
        }

        return pending;
    }

    private async Task RenderAsync(NpgsqlConnection connection, Pending document, CancellationToken cancellationToken)
    {
        byte[] pdf;
        byte[]? ubl;
        try
        {
            (pdf, ubl) = Render(document.Kind, document.Snapshot);
        }
#pragma warning disable CA1031 // whatever a renderer throws is kept with the document and shown; the other documents go on
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031 // as above
        {
            await connection.RunAsync("UPDATE document_pending SET attempts = attempts + 1, error = $4 WHERE account_id = $1 AND bill_id = $2 AND kind = $3",
                cancellationToken, document.Account, document.BillId, document.Kind, $"{e.GetType().Name}: {e.Message}");
            return;
        }

        await AddAsync(connection, document, "pdf", pdf, cancellationToken);
        if (ubl is not null)
        {
            await AddAsync(connection, document, "ubl", ubl, cancellationToken);
        }

        await connection.RunAsync("DELETE FROM document_pending WHERE account_id = $1 AND bill_id = $2 AND kind = $3", cancellationToken, document.Account, document.BillId, document.Kind);
    }

    private Task<int> AddAsync(NpgsqlConnection connection, Pending document, string format, byte[] content, CancellationToken cancellationToken) => connection.RunAsync("""
        INSERT INTO invoice_document (account_id, bill_id, kind, format, content, hash, rendered_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (account_id, bill_id, kind, format) DO NOTHING
        """,
        cancellationToken, document.Account, document.BillId, document.Kind, format, content, SHA256.HashData(content), time.GetCurrentInstant());
}
