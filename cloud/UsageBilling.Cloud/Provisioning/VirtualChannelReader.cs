using System.Numerics;
using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Virtual;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>A virtual channel of a document, with where it stands there.</summary>
public sealed record ProvisionedVirtualChannel(string Path, ChannelKey Key, VirtualFormula Formula);

/// <summary>A channel that stands for another's gaps.</summary>
public sealed record ProvisionedAlternate(string Path, ChannelKey Of, ChannelKey By, bool IsCheckMeter, LocalDate? From, LocalDate? To);

/// <summary>Reads <c>virtualChannels</c> (sums and differences) and <c>divisions</c> (one channel divided into parts that sum to it).</summary>
internal static class VirtualChannelReader
{
    private static readonly Dictionary<string, Quantity> Quantities = new(StringComparer.Ordinal)
    {
        ["active-energy"] = Quantity.ActiveEnergy, ["reactive-energy"] = Quantity.ReactiveEnergy, ["apparent-energy"] = Quantity.ApparentEnergy, ["gas-volume"] = Quantity.GasVolume,
        ["water-volume"] = Quantity.WaterVolume, ["heat-energy"] = Quantity.HeatEnergy, ["count"] = Quantity.Count, ["duration"] = Quantity.Duration, ["data"] = Quantity.Data,
    };

    public static IReadOnlyList<ProvisionedVirtualChannel> Read(JsonObjectReader root) =>
        [.. root.List("virtualChannels", Combination), .. root.List("divisions", Division).SelectMany(d => d)];

    /// <summary>Reads <c>alternates</c>: which channel stands for which.</summary>
    public static IReadOnlyList<ProvisionedAlternate> ReadAlternates(JsonObjectReader root) => root.List("alternates", item =>
    {
        var unknown = new Named(new ChannelKey("refused", new Measurand(Quantity.ActiveEnergy, Direction.Import)));
        var alternate = new ProvisionedAlternate(
            item.Path, (item.Object("of", c => new Named(Channel(c))) ?? unknown).Key, (item.Object("by", c => new Named(Channel(c))) ?? unknown).Key,
            item.OneOf("kind", "check", "alternate") == "check", item.OptionalDate("from"), item.OptionalDate("to"));
        if (alternate.To <= alternate.From)
        {
            item.Problem("to", "must be after from: it is the day after the last");
        }

        return alternate;
    });

    private sealed record Named(ChannelKey Key);

    private sealed record Part(string Path, string Point, Fraction Share);

    private static ProvisionedVirtualChannel Combination(JsonObjectReader item)
    {
        var (plus, minus) = (item.List("plus", c => new Named(Channel(c))), item.List("minus", c => new Named(Channel(c))));
        if (plus.Count + minus.Count == 0)
        {
            item.Problem("plus", "a virtual channel reads at least one channel: name it here or in minus");
        }

        return new(item.Path, Channel(item), new Combination([.. plus.Select(c => c.Key.Id)], [.. minus.Select(c => c.Key.Id)]));
    }

    private static List<ProvisionedVirtualChannel> Division(JsonObjectReader item)
    {
        var whole = item.Object("of", c => new Named(Channel(c)))?.Key;
        var parts = item.List("parts", part => new Part(part.Path, part.Id("servicePoint"), Share(part)));
        if (parts.Count == 0)
        {
            item.Problem("parts", "a division has parts: service points with the share of each");
        }

        if (parts.Count == 0 || whole is not { } divided)
        {
            return [];
        }

        // Over the common denominator the shares are whole numbers.
        var denominator = parts.Aggregate(BigInteger.One, (d, p) => d * p.Share.Denominator / BigInteger.GreatestCommonDivisor(d, p.Share.Denominator));
        var weights = parts.Select(p => p.Share.Numerator * (denominator / p.Share.Denominator)).ToArray();
        var sum = weights.Aggregate(BigInteger.Zero, (a, b) => a + b);
        if (sum != denominator || denominator > long.MaxValue)
        {
            item.Problem("parts", $"the shares sum to {sum}/{denominator}: they must be all of it, so that nothing is lost; add a part for the rest");
            return [];
        }

        return [.. parts.Select((p, i) => new ProvisionedVirtualChannel(
            p.Path, new ChannelKey(Valid(p.Point), divided.Measurand), new Share(divided.Id, [.. weights.Select(w => (long)w)], i)))];
    }

    private static ChannelKey Channel(JsonObjectReader item)
    {
        var point = item.Id("servicePoint");
        var quantity = item.OptionalText("quantity") is { } named ? Known(item, named) : Quantity.ActiveEnergy;
        var direction = item.OptionalText("direction") switch
        {
            null or "import" => Direction.Import,
            "export" => Direction.Export,
            _ => Wrong(item),
        };
        return new ChannelKey(Valid(point), new Measurand(quantity, direction));
    }

    private static Quantity Known(JsonObjectReader item, string named)
    {
        if (!Quantities.TryGetValue(named, out var quantity))
        {
            item.Problem("quantity", $"'{named}' must be one of {string.Join(", ", Quantities.Keys)}");
        }

        return quantity;
    }

    private static Direction Wrong(JsonObjectReader item)
    {
        item.Problem("direction", "must be import or export");
        return Direction.Import;
    }

    private static Fraction Share(JsonObjectReader item)
    {
        var text = item.Text("share", "a fraction like 3/10");
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && long.TryParse(text[..slash], out var numerator) && long.TryParse(text[(slash + 1)..], out var denominator) && numerator > 0 && denominator >= numerator)
        {
            return new Fraction(numerator, denominator);
        }

        if (text.Length > 0)
        {
            item.Problem("share", $"'{text}' must be a fraction up to one, like 3/10 or 1/1");
        }

        return Fraction.One;
    }

    // A name that was refused is a problem of the document already.
    private static string Valid(string point) => Name.IsValid(point) ? point : "refused";
}
