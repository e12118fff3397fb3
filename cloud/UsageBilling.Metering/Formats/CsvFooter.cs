namespace UsageBilling.Metering.Formats;

/// <summary>Lines among the rows that are none: sums at the end, the header once more, closing words.</summary>
internal static class CsvFooter
{
    private static readonly string[] Sums = ["total", "subtotal", "sub_total", "grand_total", "sum", "summe", "gesamt", "insgesamt", "totaal", "somme", "suma", "totale"];

    /// <summary>What the line is, for a note; empty where it is nothing at all; null where it is a row.</summary>
    public static string? Of(CsvDialect dialect, string[] fields)
    {
        if (dialect.Columns.When(fields).Written is not null)
        {
            return null;
        }

        var first = Array.Find(fields, f => !string.IsNullOrWhiteSpace(f));
        if (first is null)
        {
            return string.Empty;
        }

        if (fields.AsSpan().SequenceEqual(dialect.Names))
        {
            return "the column names once more: left aside";
        }

        var word = CsvNames.Words(first);
        if (Array.Exists(Sums, s => word == s || word.StartsWith(s + "_", StringComparison.Ordinal)))
        {
            return $"a sum, left aside: {Short(string.Join(' ', fields.Where(f => f.Trim().Length > 0)))}";
        }

        // Without a time and without a number it is words.
        var columns = dialect.Columns.Slots?.Columns ?? dialect.Columns.Values.Select(v => v.Index);
        return columns.Any(i => i < fields.Length && fields[i].AsSpan().ContainsAnyInRange('0', '9')) || When(dialect, fields).ContainsAnyInRange('0', '9')
            ? null
            : $"no row, left aside: {Short(first)}";
    }

    private static ReadOnlySpan<char> When(CsvDialect dialect, string[] fields) => dialect.Columns.When(fields).Text;

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
