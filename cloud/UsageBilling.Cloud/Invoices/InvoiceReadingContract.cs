using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Invoices;

/// <summary>An issued document in a list. The kind is <c>invoice</c> or <c>credit-note</c>.</summary>
public sealed record InvoiceSummary(
    string Number,
    string Kind,
    string Account,
    Guid Bill,
    Instant IssuedAt,
    LocalDate PeriodStart,
    LocalDate PeriodEnd,
    LocalDate DueDate,
    string Currency,
    decimal Net,
    decimal Tax,
    decimal Total,
    string? Preceding,
    string Hash);

/// <summary>How many documents are issued and how many renderings wait.</summary>
public sealed record InvoiceCount(int Invoices, int CreditNotes, int RenderingsWaiting, int RenderingsFailed);

/// <summary>What an account was billed: invoices less credit notes.</summary>
public sealed record AccountRevenue(string Account, string Currency, int Invoices, int CreditNotes, decimal Net, decimal Tax, decimal Total);

/// <summary>Reads issued documents.</summary>
public static class InvoiceReading
{
    internal const string Columns = "invoice_number, kind, account_id, bill_id, issued_at, period_start, period_end, due_date, currency, net, tax, total, preceding, hash";

    /// <summary>Documents by number, after one; of one account only where named.</summary>
    public static async Task<List<InvoiceSummary>> ListAsync(NpgsqlDataSource database, string? account, string after, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"SELECT {Columns} FROM invoice WHERE invoice_number > $1 AND ($2::text IS NULL OR account_id = $2) ORDER BY invoice_number LIMIT $3");
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = (object?)account ?? DBNull.Value });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<InvoiceSummary>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(Read(row));
        }

        return list;
    }

    /// <summary>One document with its snapshot, or null.</summary>
    public static async Task<(InvoiceSummary Summary, string Snapshot)?> FindAsync(NpgsqlDataSource database, string number, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"SELECT {Columns}, snapshot FROM invoice WHERE invoice_number = $1");
        command.Parameters.Add(new() { Value = number });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (Read(row), row.GetString(14)) : null;
    }

    /// <summary>A stored rendering (<c>pdf</c> or <c>ubl</c>) with its hash, or null while there is none.</summary>
    public static async Task<(byte[] Content, string Hash)?> DocumentAsync(NpgsqlDataSource database, InvoiceSummary invoice, string format, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT content, hash FROM invoice_document WHERE account_id = $1 AND bill_id = $2 AND kind = $3 AND format = $4");
        command.Parameters.Add(new() { Value = invoice.Account });
        command.Parameters.Add(new() { Value = invoice.Bill });
        command.Parameters.Add(new() { Value = invoice.Kind });
        command.Parameters.Add(new() { Value = format });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (row.GetFieldValue<byte[]>(0), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(1))) : null;
    }

    /// <summary>Which renderings (<c>pdf</c>, <c>ubl</c>) there are.</summary>
    public static async Task<HashSet<string>> FormatsAsync(NpgsqlDataSource database, InvoiceSummary invoice, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT format FROM invoice_document WHERE account_id = $1 AND bill_id = $2 AND kind = $3");
        command.Parameters.Add(new() { Value = invoice.Account });
        command.Parameters.Add(new() { Value = invoice.Bill });
        command.Parameters.Add(new() { Value = invoice.Kind });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var formats = new HashSet<string>();
        while (await row.ReadAsync(cancellationToken))
        {
            formats.Add(row.GetString(0));
        }

        return formats;
    }

    /// <summary>Revenue of up to <paramref name="limit"/> accounts after one, from documents whose billed period begins in [from, to).</summary>
    public static async Task<List<AccountRevenue>> RevenueAsync(NpgsqlDataSource database, LocalDate from, LocalDate to, string after, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT account_id, min(currency), count(*) FILTER (WHERE kind = 'invoice')::integer, count(*) FILTER (WHERE kind = 'credit-note')::integer,
                   sum(CASE kind WHEN 'invoice' THEN net ELSE -net END), sum(CASE kind WHEN 'invoice' THEN tax ELSE -tax END), sum(CASE kind WHEN 'invoice' THEN total ELSE -total END)
            FROM invoice WHERE account_id > $1 AND period_start >= $2 AND period_start < $3 GROUP BY account_id ORDER BY account_id LIMIT $4
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = from });
        command.Parameters.Add(new() { Value = to });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<AccountRevenue>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(new AccountRevenue(row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetInt32(3), row.GetDecimal(4), row.GetDecimal(5), row.GetDecimal(6)));
        }

        return list;
    }

    /// <summary>Counts for the overview.</summary>
    public static async Task<InvoiceCount> CountAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT (SELECT count(*) FROM invoice WHERE kind = 'invoice')::integer, (SELECT count(*) FROM invoice WHERE kind = 'credit-note')::integer,
                   (SELECT count(*) FROM document_pending WHERE error IS NULL)::integer, (SELECT count(*) FROM document_pending WHERE error IS NOT NULL)::integer
            """);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new InvoiceCount(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3));
    }

    internal static InvoiceSummary Read(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetGuid(3), row.GetFieldValue<Instant>(4), row.GetFieldValue<LocalDate>(5), row.GetFieldValue<LocalDate>(6),
        row.GetFieldValue<LocalDate>(7), row.GetString(8), row.GetDecimal(9), row.GetDecimal(10), row.GetDecimal(11), row.IsDBNull(12) ? null : row.GetString(12),
        Convert.ToHexStringLower(row.GetFieldValue<byte[]>(13)));
}
