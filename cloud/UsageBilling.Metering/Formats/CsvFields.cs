using System.Text;

namespace UsageBilling.Metering.Formats;

/// <summary>Splits a line of CSV at its separator, taking quoted fields (RFC 4180) as one. Quoted fields do not run over lines here.</summary>
internal static class CsvFields
{
    /// <summary>The separator of a header: tab or ';' where it has one and no comma.</summary>
    public static char Separator(string header) =>
        header.Contains(',', StringComparison.Ordinal) && !header.Contains(';', StringComparison.Ordinal) ? ','
        : header.Contains(';', StringComparison.Ordinal) ? ';'
        : header.Contains('\t', StringComparison.Ordinal) ? '\t' : ',';

    public static string[] Split(string line, char separator)
    {
        if (!line.Contains('"', StringComparison.Ordinal))
        {
            return line.Split(separator);
        }

        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c == '"')
            {
                if (quoted && i + 1 < line.Length && line[i + 1] == '"')
                {
                    field.Append('"');
                    i++;
                }
                else
                {
                    quoted = !quoted;
                }
            }
            else if (c == separator && !quoted)
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
            {
                field.Append(c);
            }
        }

        fields.Add(field.ToString());
        return [.. fields];
    }
}
