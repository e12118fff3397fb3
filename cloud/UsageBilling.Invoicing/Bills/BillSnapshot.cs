using UsageBilling.Invoicing.Snapshots;

namespace UsageBilling.Invoicing.Bills;

/// <summary>A frozen bill: canonical JSON and its SHA-256. The same bill always gives the same bytes.</summary>
/// <param name="Bytes">Canonical JSON, UTF-8.</param>
/// <param name="Hash">SHA-256 of <paramref name="Bytes"/>, lower-case hex.</param>
public sealed record BillSnapshot(ReadOnlyMemory<byte> Bytes, string Hash)
{
    /// <summary>Freezes a bill.</summary>
    public static BillSnapshot Freeze(Bill bill)
    {
        var bytes = ToBytes(bill);
        return new BillSnapshot(bytes, CanonicalJson.Hash(bytes));
    }

    /// <summary>Canonical JSON of a bill.</summary>
    public static byte[] ToBytes(Bill bill) => CanonicalJson.ToBytes(bill, SnapshotJson.Default.Bill);

    /// <summary>Reads a frozen bill.</summary>
    /// <exception cref="FormatException">The bytes are not a bill in canonical form.</exception>
    public static Bill Parse(ReadOnlySpan<byte> bytes) => CanonicalJson.Parse(bytes, SnapshotJson.Default.Bill, "bill");
}
