using System.Globalization;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Ledger;

/// <summary>An account of the general ledger, by name; subledger detail (which customer) is the posting's.</summary>
/// <param name="Name">Stable name, for example <c>revenue:energy</c>.</param>
public readonly record struct LedgerAccount(string Name)
{
    /// <summary>What customers owe.</summary>
    public static LedgerAccount Receivable { get; } = new("receivable");

    /// <summary>Money at the bank.</summary>
    public static LedgerAccount Bank { get; } = new("bank");

    /// <summary>Money received that belongs to no account yet.</summary>
    public static LedgerAccount Suspense { get; } = new("suspense");

    /// <summary>Receivables given up.</summary>
    public static LedgerAccount WriteOff { get; } = new("write-off");

    /// <summary>Differences of rounding to the payable amount (BT-114).</summary>
    public static LedgerAccount Rounding { get; } = new("rounding");

    /// <summary>Revenue by kind of charge.</summary>
    public static LedgerAccount Revenue(ChargeKind kind) => new("revenue:" + kind.ToString().ToLowerInvariant());

    /// <summary>Tax owed to the state, by name, category and rate: <c>tax:VAT:S:21</c>.</summary>
    public static LedgerAccount Tax(string name, string category, decimal rate) =>
        new(string.Create(CultureInfo.InvariantCulture, $"tax:{name}:{category}:{rate:0.############}"));

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
