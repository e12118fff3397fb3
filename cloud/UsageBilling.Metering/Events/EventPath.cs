using System.Collections.Immutable;
using System.Text.Json;

namespace UsageBilling.Metering.Events;

/// <summary>
/// A place in an event: <c>subject</c>, <c>source</c> or another context attribute by its name, or <c>data</c> with the names below it
/// (<c>data.call.seconds</c>). Names are letters, digits, '_' and '-'.
/// </summary>
public sealed record EventPath
{
    private EventPath(string text, ImmutableArray<string> names)
    {
        Text = text;
        Names = names;
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Whether the place is in the data rather than among the attributes.</summary>
    public bool InData => Names[0] == "data";

    private ImmutableArray<string> Names { get; }

    /// <summary>Reads a path; null where it is none.</summary>
    public static EventPath? Parse(string text)
    {
        var names = text.Split('.');
        var valid = text.Length <= 200 && names.All(n => n.Length > 0 && n.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            && (names[0] == "data" || names.Length == 1);
        return valid ? new EventPath(text, [.. names]) : null;
    }

    /// <summary>The text or number that stands there, as it was written; null with the reason where there is none.</summary>
    public string? Find(IReadOnlyDictionary<string, string> attributes, JsonElement? data, out string problem)
    {
        problem = "";
        if (!InData)
        {
            if (attributes.TryGetValue(Names[0], out var attribute))
            {
                return attribute;
            }

            problem = $"the event has no attribute {Text}";
            return null;
        }

        if (data is not { } element)
        {
            problem = $"the event has no JSON data, and {Text} stands there";
            return null;
        }

        foreach (var name in Names.Skip(1))
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                problem = $"there is no {Text}";
                return null;
            }
        }

        if (element.ValueKind is JsonValueKind.String)
        {
            // GetString throws at half a surrogate pair, which JSON can escape and no text may hold.
            try
            {
                return element.GetString();
            }
            catch (InvalidOperationException)
            {
                problem = $"{Text} is no valid text";
                return null;
            }
        }

        if (element.ValueKind is JsonValueKind.Number)
        {
            return element.GetRawText();
        }

        problem = $"{Text} is neither a number nor a text";
        return null;
    }

    /// <inheritdoc/>
    public bool Equals(EventPath? other) => Text == other?.Text;

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <summary>As it was written.</summary>
    public override string ToString() => Text;
}
