namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads AEMO's NEM13 (accumulated data): 100 header, 250 two reads of a register and what flowed between them, 550 field event, 900 end. The
/// quantity is the truth; reads are not subtracted, since a multiplier may stand between them and it.
/// Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapter 5.
/// </summary>
public static class Nem13Reader
{
    /// <summary>Reads a whole file, lazily: every total and every problem in the order of the lines.</summary>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines) => new Nem13Records().ReadAll(lines);
}
