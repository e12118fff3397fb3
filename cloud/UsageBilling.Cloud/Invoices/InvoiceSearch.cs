using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace UsageBilling.Cloud.Invoices;

/// <summary>What to look for: part of a number, accounts, a month in which the billed period begins, a kind; null: any.</summary>
internal sealed record InvoiceQuery(string? Number, string[]? Accounts, LocalDate? Month, string? Kind);

/// <summary>Finds issued documents for people, latest first.</summary>
internal static class InvoiceSearch
{
    /// <summary>Up to <paramref name="limit"/> documents.</summary>
    public static async Task<List<InvoiceSummary>> FindAsync(NpgsqlDataSource database, InvoiceQuery query, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {InvoiceReading.Columns} FROM invoice
            WHERE ($1::text IS NULL OR invoice_number ILIKE '%' || $1 || '%' OR account_id = ANY($2))
              AND ($3::date IS NULL OR (period_start >= $3 AND period_start < $3 + interval '1 month')) AND ($4::text IS NULL OR kind = $4)
            ORDER BY issued_at DESC, invoice_number DESC LIMIT $5
            """);
        command.Parameters.Add(new() { Value = (object?)query.Number ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = query.Accounts ?? [] });
        command.Parameters.Add(new() { Value = (object?)query.Month ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Date });
        command.Parameters.Add(new() { Value = (object?)query.Kind ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = limit });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var list = new List<InvoiceSummary>();
        while (await row.ReadAsync(cancellationToken))
        {
            list.Add(InvoiceReading.Read(row));
        }

        return list;
    }
}
