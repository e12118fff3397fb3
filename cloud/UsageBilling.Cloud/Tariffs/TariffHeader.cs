using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>What the catalogue must know of a tariff document.</summary>
internal sealed record TariffHeader(string Code, string Name, string Version, LocalDate ValidFrom)
{
    public static bool TryRead(string document, [NotNullWhen(true)] out TariffHeader? header, out IReadOnlyList<TariffProblem> problems)
    {
        header = null;
        try
        {
            using var json = JsonDocument.Parse(document);
            var root = json.RootElement;
            var wrong = new List<TariffProblem>();
            var code = Text(root, "code", wrong);
            var name = Text(root, "name", wrong);
            var version = Text(root, "version", wrong);
            var from = LocalDatePattern.Iso.Parse(Text(root, "validFrom", wrong));
            if (!from.Success)
            {
                wrong.Add(new("$.validFrom", "must be a date like 2026-01-01"));
            }

            problems = wrong;
            if (wrong.Count == 0)
            {
                header = new TariffHeader(code, name, version, from.Value);
            }

            return wrong.Count == 0;
        }
        catch (JsonException e)
        {
            problems = [new("$", e.Message)];
            return false;
        }
    }

    private static string Text(JsonElement root, string name, List<TariffProblem> wrong)
    {
        if (root.TryGetProperty(name, out var value) && value.ToString() is { Length: > 0 } text)
        {
            return text;
        }

        wrong.Add(new("$." + name, "is missing"));
        return "";
    }
}
