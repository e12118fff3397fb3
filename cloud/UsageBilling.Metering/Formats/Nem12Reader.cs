namespace UsageBilling.Metering.Formats;

/// <summary>
/// Reads AEMO's NEM12 (interval data): 100 header, 200 stream, 300 day, 400 qualities of a part of the day, 500 field event, 900 end. One line is
/// held at a time, and one day until its 400 records have been read. Source: AEMO, Meter Data File Format Specification NEM12 &amp; NEM13, chapter 4.
/// </summary>
public static class Nem12Reader
{
    /// <summary>Reads a whole file, lazily: every day and every problem in the order of the lines.</summary>
    public static IEnumerable<SourceItem> Read(IEnumerable<string> lines) => new Nem12Records().ReadAll(lines);
}
