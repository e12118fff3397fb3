using System.Text.RegularExpressions;

namespace UsageBilling.Edge.Configuration;

/// <summary>Replaces <c>${NAME}</c> and <c>${NAME:-default}</c> in values by the environment.</summary>
internal static partial class EnvironmentText
{
    [GeneratedRegex(@"\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?<has>:-(?<default>[^}]*))?\}")]
    private static partial Regex Reference();

    /// <summary>The text with all references replaced; <paramref name="missing"/> names the first one that has neither value nor default.</summary>
    public static string Replace(string text, Func<string, string?> environment, out string? missing)
    {
        string? absent = null;
        var replaced = Reference().Replace(text, match =>
        {
            var name = match.Groups["name"].Value;
            if (environment(name) is { Length: > 0 } value)
            {
                return value;
            }

            if (!match.Groups["has"].Success)
            {
                absent ??= name;
            }

            return match.Groups["default"].Value;
        });
        missing = absent;
        return replaced;
    }
}
