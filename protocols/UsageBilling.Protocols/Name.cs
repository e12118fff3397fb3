namespace UsageBilling.Protocols;

/// <summary>
/// The one alphabet of names that stand in topics, keys and files: 1 to 64 letters, digits, <c>-</c>, <c>_</c>, <c>.</c>, not beginning with
/// a dot, so that no name leads out of the folder it stands in.
/// </summary>
public static class Name
{
    /// <summary>The longest name.</summary>
    public const int MaxLength = 64;

    /// <summary>True for 1 to 64 ASCII letters, digits, <c>-</c>, <c>_</c>, <c>.</c>, the first not being a dot.</summary>
    public static bool IsValid(string? name)
    {
        if (name is not { Length: > 0 and <= MaxLength } || name[0] == '.')
        {
            return false;
        }

        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.'))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Returns the name or says what is wrong with it.</summary>
    /// <exception cref="FormatException">The name is not valid.</exception>
    public static string Require(string? name, string what) => IsValid(name)
        ? name!
        : throw new FormatException($"{what} '{name}' must be 1 to {MaxLength} letters, digits, '-', '_' or '.', and not begin with '.'");
}
