using System.Text.Json.Serialization;
using NodaTime;
using UsageBilling.Invoicing.Snapshots;

namespace UsageBilling.Invoicing.Invoices;

/// <summary>
/// Takes back a whole invoice. Quantities and amounts are those of the invoice, with the same signs: it is the document type that
/// turns them round (EN 16931 type 381).
/// </summary>
public sealed record CreditNote
{
    /// <summary>Number without gaps within the supplier's series of credit notes.</summary>
    public required string Number { get; init; }

    /// <summary>Issue date.</summary>
    public required LocalDate IssueDate { get; init; }

    /// <summary>Why, for the customer.</summary>
    public required string Reason { get; init; }

    /// <summary>SHA-256 of the invoice that is taken back, lower-case hex.</summary>
    public required string InvoiceHash { get; init; }

    /// <summary>The invoice that is taken back.</summary>
    public required Invoice Invoice { get; init; }

    /// <summary>Names the earlier invoice (BT-25, BT-26).</summary>
    [JsonIgnore]
    public DocumentReference Credits => new(Invoice.Number, Invoice.IssueDate);

    /// <summary>What the customer gets back.</summary>
    [JsonIgnore]
    public decimal Amount => Invoice.AmountDue;

    /// <summary>Takes back an invoice.</summary>
    public static CreditNote Of(Invoice invoice, string number, LocalDate issueDate, string reason) => new()
    {
        Number = number,
        IssueDate = issueDate,
        Reason = reason,
        InvoiceHash = invoice.Hash(),
        Invoice = invoice,
    };

    /// <summary>Canonical JSON of the whole credit note: this is what is stored.</summary>
    public byte[] ToBytes() => CanonicalJson.ToBytes(this, SnapshotJson.Default.CreditNote);

    /// <summary>SHA-256 of <see cref="ToBytes"/>, lower-case hex.</summary>
    public string Hash() => CanonicalJson.Hash(ToBytes());

    /// <summary>Reads a stored credit note.</summary>
    /// <exception cref="FormatException">The bytes are not a credit note in canonical form, or its invoice does not have the hash it names.</exception>
    public static CreditNote Parse(ReadOnlySpan<byte> bytes)
    {
        var note = CanonicalJson.Parse(bytes, SnapshotJson.Default.CreditNote, "credit note");
        return note.Invoice.Hash() == note.InvoiceHash
            ? note
            : throw new FormatException($"credit note {note.Number}: its invoice does not have the hash {note.InvoiceHash}");
    }
}
