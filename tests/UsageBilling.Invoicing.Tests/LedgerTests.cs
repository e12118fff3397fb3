using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Invoicing.Ledger;
using UsageBilling.Invoicing.Verification;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests;

public class LedgerTests
{
    [Fact]
    public void An_invoice_debits_the_receivable_and_credits_revenue_by_kind_and_vat_by_rate()
    {
        var posting = LedgerPosting.For(An.Invoice());
        Assert.Equal("invoice:2026-000123", posting.Document);
        Assert.Equal(
            [
                ("receivable", 2378.05m), ("revenue:energy", -1362.72m), ("revenue:demand", -182.40m), ("revenue:fixed", -15.29m),
                ("revenue:export", 35.07m), ("revenue:adjustment", -439.99m), ("tax:VAT:S:21", -412.72m),
            ],
            posting.Legs.Select(leg => (leg.Account.Name, leg.Amount)));
    }

    [Fact]
    public void Rates_of_vat_are_posted_apart() => Assert.Equal(
        ["receivable", "revenue:energy", "tax:VAT:S:21", "tax:VAT:S:5.5"],
        LedgerPosting.For(An.Invoice(An.Rated(
            An.Line("Energy", ChargeKind.Energy, 10, Unit.KilowattHour, 1),
            An.Line("Heat", ChargeKind.Energy, 10, Unit.KilowattHour, 1, rate: 5.5m)))).Legs.Select(leg => leg.Account.Name));

    [Fact]
    public void Every_posting_balances_and_its_credit_note_takes_it_back() =>
        Prop.ForAll(RandomBills.Rated, charges =>
        {
            var invoice = An.Invoice(charges);
            var posting = LedgerPosting.For(invoice);
            var back = LedgerPosting.For(CreditNote.Of(invoice, "C1", An.To, "Random"));
            Assert.Equal(0, posting.Legs.Sum(leg => leg.Amount));
            Assert.Equal(invoice.AmountDue, posting.Legs[0].Amount);
            Assert.Equal(posting.Legs.Select(leg => (leg.Account, -leg.Amount)), back.Legs.Select(leg => (leg.Account, leg.Amount)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Totals_of_any_bill_are_the_sums_of_its_lines() =>
        Prop.ForAll(RandomBills.Rated, charges => ChargeArithmetic.Check(charges).Count == 0).QuickCheckThrowOnFailure();

    [Fact]
    public void A_bill_of_nothing_is_posted_too()
    {
        var legs = LedgerPosting.For(An.Invoice(An.Rated())).Legs;
        Assert.Equal(2, legs.Count);
        Assert.All(legs, leg => Assert.Equal(0, leg.Amount));
    }

    [Fact]
    public void Legs_that_do_not_balance_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new LedgerPosting("x", "A-1", An.From, "EUR", [new LedgerLeg(LedgerAccount.Bank, 1), new LedgerLeg(LedgerAccount.Receivable, -2)]));
        Assert.Throws<ArgumentException>(() => new LedgerPosting("x", "A-1", An.From, "EUR", [new LedgerLeg(LedgerAccount.Bank, 0)]));
    }
}
