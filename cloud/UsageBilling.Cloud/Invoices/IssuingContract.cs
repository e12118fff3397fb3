using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ledger;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Invoicing.Ledger;

namespace UsageBilling.Cloud.Invoices;

/// <summary>Where issuing may be interrupted; tests do.</summary>
public enum IssuingStep
{
    /// <summary>Step 1 is committed: bills are frozen.</summary>
    Frozen,

    /// <summary>Step 2 is committed: they have numbers.</summary>
    Numbered,

    /// <summary>Step 3 is committed: there are invoices, posted.</summary>
    Issued,
}

/// <summary>
/// Issuing in three steps, each its own transaction and each repeatable: freeze, number, write and post. Whoever runs it next completes what a crash left,
/// so numbers have no gaps and nothing is issued or posted twice.
/// </summary>
public sealed class Issuing(NpgsqlDataSource database, TimeProvider time)
{
    private const int Block = 500;

    /// <summary>Called after each committed step; a test that throws here is a crash.</summary>
    public Action<IssuingStep>? AfterStep { get; init; }

    /// <summary>Issues the approved bills of the periods that begin in [from, to), of one account or contract only where named, and whatever waits from before. Returns how many documents.</summary>
    public async Task<int> IssueAsync(LocalDate from, LocalDate to, string? account, string? contract, Action<int>? progress, CancellationToken cancellationToken)
    {
        var suppliers = await BillableContracts.SuppliersAsync(database, cancellationToken);
        var issued = 0;
        while (true)
        {
            await BillStates.FreezeAsync(database, from, to, account, contract, Now, Block, cancellationToken);
            AfterStep?.Invoke(IssuingStep.Frozen);
            var bills = await BillStates.ToIssueAsync(database, Block, cancellationToken);
            if (bills.Count == 0)
            {
                return issued;
            }

            var accounts = await AccountSuppliersAsync(bills, suppliers, cancellationToken);
            var numbers = await InvoiceNumbers.TakeAsync(database, [.. bills.Select(b => Wanted(b, accounts[b.Account]))], cancellationToken);
            AfterStep?.Invoke(IssuingStep.Numbered);
            issued += await WriteAsync(bills, numbers, accounts, cancellationToken);
            AfterStep?.Invoke(IssuingStep.Issued);
            progress?.Invoke(issued);
        }
    }

    private Instant Now => time.GetCurrentInstant();

    private async Task<Dictionary<string, SupplierRecord>> AccountSuppliersAsync(List<FrozenBill> bills, Dictionary<string, SupplierRecord> suppliers, CancellationToken cancellationToken)
    {
        var of = await BillableContracts.SupplierOfAsync(database, [.. bills.Select(b => b.Account).Distinct()], cancellationToken);
        return of.ToDictionary(p => p.Key, p => suppliers[p.Value]);
    }

    private NumberWanted Wanted(FrozenBill bill, SupplierRecord supplier)
    {
        var today = Now.InZone(DateTimeZoneProviders.Tzdb[supplier.Zone]).Date;
        var kind = bill.CancelReason is null ? DocumentKind.Invoice : DocumentKind.CreditNote;
        return new NumberWanted(bill.Account, bill.BillId, kind, $"{supplier.InvoiceSeries}{(kind == DocumentKind.CreditNote ? "C" : "")}-{today.Year}", Now);
    }

    private async Task<int> WriteAsync(List<FrozenBill> bills, IReadOnlyDictionary<Guid, TakenNumber> numbers, Dictionary<string, SupplierRecord> suppliers, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var waiting = await BillStates.LockAsync(connection, bills, cancellationToken);
        var ours = bills.Where(b => waiting.Contains(b.BillId)).ToList();
        var earlier = await InvoiceStore.EarlierAsync(connection, ours, cancellationToken);
        var documents = ours.Select(b => Make(b, numbers[b.BillId], suppliers[b.Account], earlier)).ToList();
        await InvoiceStore.AddAsync(connection, documents, cancellationToken);
        await LedgerJournal.PostAsync(connection, Now, [.. documents.Select(d => d.Posting)], cancellationToken);
        await BillStates.CompleteAsync(connection, ours, Now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return ours.Count;
    }

    private static IssuedDocument Make(FrozenBill bill, TakenNumber number, SupplierRecord supplier, IReadOnlyDictionary<Guid, Invoice> earlier)
    {
        var date = number.IssuedAt.InZone(DateTimeZoneProviders.Tzdb[supplier.Zone]).Date;
        if (bill.CancelReason is { } reason)
        {
            var note = CreditNote.Of(earlier[bill.BillId], number.Text, date, reason);
            return new IssuedDocument(bill, number, note.Invoice, date, note.ToBytes(), note.Hash(), note.Invoice.Number, LedgerPosting.For(note));
        }

        var previous = bill.Key.Revision > 1 ? earlier.GetValueOrDefault(BillId.Of(bill.Key with { Revision = bill.Key.Revision - 1 })) : null;
        var invoice = Invoice.Issue(
            new BillSnapshot(bill.Content, bill.Hash),
            number.Text,
            date,
            date.PlusDays(supplier.PaymentDays),
            new PaymentDetails(supplier.Iban, supplier.Bic, supplier.Name, number.Text, $"Payable within {supplier.PaymentDays} days without deduction."),
            previous is null ? null : new DocumentReference(previous.Number, previous.IssueDate));
        return new IssuedDocument(bill, number, invoice, invoice.DueDate, invoice.ToBytes(), invoice.Hash(), previous?.Number, LedgerPosting.For(invoice));
    }
}
