using System.Text;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud.Billing;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Invoicing.Ledger;

namespace UsageBilling.Cloud.Invoices;

/// <summary>An invoice or credit note about to be stored.</summary>
internal sealed record IssuedDocument(
    FrozenBill Bill, TakenNumber Number, Invoice Invoice, LocalDate DueDate, byte[] Snapshot, string Hash, string? Preceding, LedgerPosting Posting);

/// <summary>SQL of issued documents.</summary>
internal static class InvoiceStore
{
    /// <summary>Stores documents and asks for their renderings. What is there already stays as it is.</summary>
    public static async Task AddAsync(NpgsqlConnection connection, IReadOnlyList<IssuedDocument> documents, CancellationToken cancellationToken)
    {
        await using var insert = new NpgsqlCommand(
            """
            INSERT INTO invoice (account_id, bill_id, kind, series, number, invoice_number, issued_at, period_start, period_end, due_date, currency, net, tax, total, preceding, snapshot, hash)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            ON CONFLICT (account_id, bill_id, kind) DO NOTHING
            """,
            connection);
        AddKeys(insert, documents);
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Number.Series).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Number.Number).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Number.Text).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Number.IssuedAt).ToArray() });
        insert.Parameters.Add(Dates(documents.Select(d => d.Invoice.Bill.Charges.From)));
        insert.Parameters.Add(Dates(documents.Select(d => d.Invoice.Bill.Charges.To)));
        insert.Parameters.Add(Dates(documents.Select(d => d.DueDate)));
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Invoice.Currency).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Invoice.Bill.Charges.Net).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Invoice.Bill.Charges.Tax).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Invoice.Bill.Charges.Total).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => d.Preceding).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        insert.Parameters.Add(new() { Value = documents.Select(d => Encoding.UTF8.GetString(d.Snapshot)).ToArray() });
        insert.Parameters.Add(new() { Value = documents.Select(d => Convert.FromHexString(d.Hash)).ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);

        await using var pending = new NpgsqlCommand("INSERT INTO document_pending (account_id, bill_id, kind) SELECT * FROM unnest($1, $2, $3) ON CONFLICT DO NOTHING", connection);
        AddKeys(pending, documents);
        await pending.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The invoices that these bills take back or replace: of a bill itself, and of the revision before it.</summary>
    public static async Task<IReadOnlyDictionary<Guid, Invoice>> EarlierAsync(NpgsqlConnection connection, IReadOnlyList<FrozenBill> bills, CancellationToken cancellationToken)
    {
        var wanted = bills.Where(b => b.CancelReason is not null).Select(b => (b.Account, b.BillId))
            .Concat(bills.Where(b => b.Key.Revision > 1).Select(b => (b.Account, BillId: Billing.BillId.Of(b.Key with { Revision = b.Key.Revision - 1 }))))
            .ToList();
        var invoices = new Dictionary<Guid, Invoice>();
        if (wanted.Count == 0)
        {
            return invoices;
        }

        await using var command = new NpgsqlCommand(
            "SELECT i.bill_id, i.snapshot FROM invoice i JOIN unnest($1, $2) AS w(account_id, bill_id) ON i.account_id = w.account_id AND i.bill_id = w.bill_id WHERE i.kind = 'invoice'", connection);
        command.Parameters.Add(new() { Value = wanted.Select(w => w.Account).ToArray() });
        command.Parameters.Add(new() { Value = wanted.Select(w => w.BillId).ToArray() });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            invoices[row.GetGuid(0)] = Invoice.Parse(Encoding.UTF8.GetBytes(row.GetString(1)));
        }

        return invoices;
    }

    private static void AddKeys(NpgsqlCommand command, IReadOnlyList<IssuedDocument> documents)
    {
        command.Parameters.Add(new() { Value = documents.Select(d => d.Bill.Account).ToArray() });
        command.Parameters.Add(new() { Value = documents.Select(d => d.Bill.BillId).ToArray() });
        command.Parameters.Add(new() { Value = documents.Select(d => d.Number.Kind.Text()).ToArray() });
    }

    private static NpgsqlParameter Dates(IEnumerable<LocalDate> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date };
}
