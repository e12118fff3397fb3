using System.Text.Json.Serialization;
using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Snapshots;

namespace UsageBilling.Invoicing.Invoices;

/// <summary>Names an issued document (BT-25, BT-26).</summary>
/// <param name="Number">Its number.</param>
/// <param name="IssueDate">When it was issued.</param>
public sealed record DocumentReference(string Number, LocalDate IssueDate);

/// <summary>
/// An issued invoice: a number, dates, payment details and the whole bill. Never changes; documents are rendered from it.
/// Its hash covers the canonical JSON of all of it.
/// </summary>
public sealed record Invoice
{
    /// <summary>Number without gaps within the supplier's series (BT-1).</summary>
    public required string Number { get; init; }

    /// <summary>Issue date (BT-2), local to the supplier.</summary>
    public required LocalDate IssueDate { get; init; }

    /// <summary>Due date (BT-9).</summary>
    public required LocalDate DueDate { get; init; }

    /// <summary>How to pay.</summary>
    public required PaymentDetails Payment { get; init; }

    /// <summary>The invoice this one replaces after a credit note, or null.</summary>
    public DocumentReference? Replaces { get; init; }

    /// <summary>Free text for the customer (BT-22), or null.</summary>
    public string? Message { get; init; }

    /// <summary>SHA-256 of the frozen bill, lower-case hex.</summary>
    public required string BillHash { get; init; }

    /// <summary>What is invoiced.</summary>
    public required Bill Bill { get; init; }

    /// <summary>Who sells.</summary>
    [JsonIgnore]
    public Party Supplier => Bill.Supplier;

    /// <summary>Who buys.</summary>
    [JsonIgnore]
    public Party Customer => Bill.Customer;

    /// <summary>ISO 4217.</summary>
    [JsonIgnore]
    public string Currency => Bill.Charges.Currency;

    /// <summary>What is to be paid; negative when the supplier owes.</summary>
    [JsonIgnore]
    public decimal AmountDue => Bill.Charges.Total;

    /// <summary>Gives a frozen bill a number and dates.</summary>
    /// <exception cref="FormatException">The snapshot's bytes are not a bill, or not the one its hash names.</exception>
    public static Invoice Issue(
        BillSnapshot bill,
        string number,
        LocalDate issueDate,
        LocalDate dueDate,
        PaymentDetails payment,
        DocumentReference? replaces = null,
        string? message = null)
    {
        if (CanonicalJson.Hash(bill.Bytes.Span) != bill.Hash)
        {
            throw new FormatException($"invoice {number}: the frozen bill does not have the hash {bill.Hash}");
        }

        return new Invoice
        {
            Number = number,
            IssueDate = issueDate,
            DueDate = dueDate,
            Payment = payment,
            Replaces = replaces,
            Message = message,
            BillHash = bill.Hash,
            Bill = BillSnapshot.Parse(bill.Bytes.Span),
        };
    }

    /// <summary>Canonical JSON of the whole invoice: this is what is stored.</summary>
    public byte[] ToBytes() => CanonicalJson.ToBytes(this, SnapshotJson.Default.Invoice);

    /// <summary>SHA-256 of <see cref="ToBytes"/>, lower-case hex.</summary>
    public string Hash() => CanonicalJson.Hash(ToBytes());

    /// <summary>Reads a stored invoice.</summary>
    /// <exception cref="FormatException">The bytes are not an invoice in canonical form, or its bill does not have the hash it names.</exception>
    public static Invoice Parse(ReadOnlySpan<byte> bytes)
    {
        var invoice = CanonicalJson.Parse(bytes, SnapshotJson.Default.Invoice, "invoice");
        return BillSnapshot.Freeze(invoice.Bill).Hash == invoice.BillHash
            ? invoice
            : throw new FormatException($"invoice {invoice.Number}: its bill does not have the hash {invoice.BillHash}");
    }
}
