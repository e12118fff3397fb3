using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Billing;

/// <summary>Where a bill stands.</summary>
public enum BillState
{
    /// <summary>Rated, nobody has judged it yet.</summary>
    Draft,

    /// <summary>Waits for a person.</summary>
    Held,

    /// <summary>May be issued.</summary>
    Approved,

    /// <summary>Its content never changes any more; it has no number yet, or no invoice.</summary>
    Frozen,

    /// <summary>There is an invoice.</summary>
    Issued,

    /// <summary>Taken back by a credit note, or given up before it was issued.</summary>
    Cancelled,
}

/// <summary>A frozen bill on its way to an invoice, or an issued one on its way to a credit note.</summary>
public sealed record FrozenBill(string Account, Guid BillId, BillKey Key, ReadOnlyMemory<byte> Content, string Hash, string? CancelReason);

/// <summary>Ids of bills are made from their keys, so that everybody finds the same.</summary>
public static class BillId
{
    private static readonly Guid Bills = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e03");

    /// <summary>The id of a key.</summary>
    public static Guid Of(BillKey key) => NameBasedGuid.Create(Bills, key.ToString());
}

/// <summary>How far a bill run is.</summary>
public sealed record BillRunProgress
{
    /// <summary>The run.</summary>
    public required Guid RunId { get; init; }

    /// <summary>First day of the month that is billed.</summary>
    public required LocalDate Period { get; init; }

    /// <summary>Contracts looked at.</summary>
    public int Contracts { get; init; }

    /// <summary>Bills rated, anew or again.</summary>
    public int Billed { get; init; }

    /// <summary>Bills that were there already, the same.</summary>
    public int Unchanged { get; init; }

    /// <summary>Of the live bills, those that wait for a person.</summary>
    public int Held { get; init; }

    /// <summary>Contracts that could not be billed; each has a row that says why.</summary>
    public int Failed { get; init; }

    /// <summary>Contracts whose period has not ended.</summary>
    public int NotDue { get; init; }

    /// <summary>Invoices issued.</summary>
    public int Issued { get; init; }
}
