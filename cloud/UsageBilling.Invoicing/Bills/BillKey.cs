using NodaTime;

namespace UsageBilling.Invoicing.Bills;

/// <summary>Names a bill: an account's contract, the first local day of the period, and which attempt at that period it is.</summary>
/// <param name="Account">Account number.</param>
/// <param name="Contract">Contract of the account.</param>
/// <param name="PeriodStart">First local day of the period.</param>
/// <param name="Revision">1 for the first bill of the period, one more for each rebill.</param>
public sealed record BillKey(string Account, string Contract, LocalDate PeriodStart, int Revision)
{
    /// <summary><c>account/contract/2026-10-01/1</c>.</summary>
    public override string ToString() => $"{Account}/{Contract}/{PeriodStart:uuuu-MM-dd}/{Revision}";
}
