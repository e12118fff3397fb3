using NodaTime;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Invoicing.Ledger;

/// <summary>One side of a posting.</summary>
/// <param name="Account">Ledger account.</param>
/// <param name="Amount">Debit positive, credit negative.</param>
public sealed record LedgerLeg(LedgerAccount Account, decimal Amount);

/// <summary>A balanced entry: at least two legs whose amounts sum to zero. Never changed; taken back by a new one.</summary>
public sealed record LedgerPosting
{
    /// <summary>Makes a posting.</summary>
    /// <exception cref="ArgumentException">Fewer than two legs, or they do not balance.</exception>
    public LedgerPosting(string document, string customerAccount, LocalDate date, string currency, IReadOnlyList<LedgerLeg> legs)
    {
        if (legs.Count < 2)
        {
            throw new ArgumentException($"{document}: a posting has at least two legs", nameof(legs));
        }

        var sum = legs.Sum(leg => leg.Amount);
        if (sum != 0)
        {
            throw new ArgumentException($"{document}: the legs do not balance, they sum to {sum}", nameof(legs));
        }

        Document = document;
        CustomerAccount = customerAccount;
        Date = date;
        Currency = currency;
        Legs = legs;
    }

    /// <summary>What is posted, once: <c>invoice:2026-000123</c>, <c>credit-note:…</c>.</summary>
    public string Document { get; }

    /// <summary>The customer's account.</summary>
    public string CustomerAccount { get; }

    /// <summary>Accounting date.</summary>
    public LocalDate Date { get; }

    /// <summary>ISO 4217.</summary>
    public string Currency { get; }

    /// <summary>The legs, receivable first.</summary>
    public IReadOnlyList<LedgerLeg> Legs { get; }

    /// <summary>Receivable against revenue by kind, tax by rate, and rounding.</summary>
    public static LedgerPosting For(Invoice invoice) =>
        new("invoice:" + invoice.Number, invoice.Bill.Key.Account, invoice.IssueDate, invoice.Currency, LegsOf(invoice, 1));

    /// <summary>The invoice's posting turned round.</summary>
    public static LedgerPosting For(CreditNote note) =>
        new("credit-note:" + note.Number, note.Invoice.Bill.Key.Account, note.IssueDate, note.Invoice.Currency, LegsOf(note.Invoice, -1));

    private static List<LedgerLeg> LegsOf(Invoice invoice, int sign)
    {
        var charges = invoice.Bill.Charges;
        List<LedgerLeg> legs = [new(LedgerAccount.Receivable, sign * charges.Total)];
        legs.AddRange(charges.Lines
            .GroupBy(line => line.Kind)
            .OrderBy(kind => kind.Key)
            .Select(kind => new LedgerLeg(LedgerAccount.Revenue(kind.Key), -sign * kind.Sum(line => line.Amount))));
        legs.AddRange(charges.Taxes.Select(tax => new LedgerLeg(LedgerAccount.Tax(tax.Name, tax.Category, tax.Rate), -sign * tax.Amount)));
        if (charges.Rounding != 0)
        {
            legs.Add(new LedgerLeg(LedgerAccount.Rounding, -sign * charges.Rounding));
        }

        // A bill of nothing is posted too, so that documents and postings count the same.
        return legs.Count > 1 ? legs : [legs[0], new LedgerLeg(LedgerAccount.Rounding, 0)];
    }
}
