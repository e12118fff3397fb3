namespace UsageBilling.Edge.Configuration;

/// <summary>Finds what somebody meant to type.</summary>
internal static class Spelling
{
    /// <summary>": did you mean 'x'?", or the known words when none is near.</summary>
    public static string Suggest(string typed, IEnumerable<string> known)
    {
        var words = known.Order(StringComparer.Ordinal).ToList();
        var nearest = words.Find(w => typed.Length > 2 && w.StartsWith(typed, StringComparison.OrdinalIgnoreCase)) ?? words.MinBy(w => Distance(typed, w));
        return nearest is not null && (nearest.StartsWith(typed, StringComparison.OrdinalIgnoreCase) || Distance(typed, nearest) <= Math.Max(2, typed.Length / 3))
            ? $"; did you mean '{nearest}'?"
            : words.Count == 0 ? "" : $"; known are {string.Join(", ", words)}";
    }

    /// <summary>Levenshtein distance without regard to case.</summary>
    internal static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                var best = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                (diagonal, row[j]) = (row[j], best);
            }
        }

        return row[b.Length];
    }
}
