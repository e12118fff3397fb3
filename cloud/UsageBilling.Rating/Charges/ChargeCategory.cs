using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>The optional field <c>category</c>: what the lines of a component count as, in the words of <c>rate --json</c>.</summary>
internal static class ChargeCategory
{
    private static readonly string[] Names = [.. Enum.GetValues<ChargeKind>().Select(NameOf)];

    public static string NameOf(ChargeKind kind) => kind.ToString().ToLowerInvariant();

    public static ChargeKind Read(StrictObject item, ChargeKind fallback)
    {
        var text = item.Choice("category", NameOf(fallback), Names);
        return Enum.GetValues<ChargeKind>()[Array.IndexOf(Names, text)];
    }
}
