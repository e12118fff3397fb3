using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>
/// Which channel an NMI's data stream is. The service point is the NMI; the stream of a further meter or register at it (E2, B2, 41) is the point
/// <c>NMI-2</c>, <c>NMI-41</c>, so that two streams never share a channel. A suffix's first letter says what flows, seen from the network
/// (AEMO, National Metering Identifier Procedure): E, Q and their check and net kin leave the network for the customer, B and K come from the customer.
/// </summary>
internal static class NemChannel
{
    // A B C: import into the network; D E F: export from it; J K L and P Q R the same for reactive energy; S T U: apparent energy. First of each three is
    // an average of meters, the second a master, the third a check meter.
    private const string IntoNetwork = "ABCJKL";

    public static Direction Direction(string suffix) =>
        IntoNetwork.Contains(char.ToUpperInvariant(suffix[0]), StringComparison.Ordinal) ? Protocols.Direction.Export : Protocols.Direction.Import;

    public static SourceChannel Of(string nmi, string suffix, string unit, int? minutes, Direction direction)
    {
        var found = SourceUnit.Find(unit);
        return new SourceChannel(nmi, suffix, unit, minutes, found is { } known ? new Measurand(known.Quantity, direction) : null, found?.Exponent ?? 0, NemText.Zone)
        {
            Point = Point(nmi, suffix),
            NeverNegative = true,
        };
    }

    // E1 and B1 are the NMI's first meter, 11 its first register.
    private static string Point(string nmi, string suffix)
    {
        var letter = char.IsAsciiLetter(suffix[0]);
        var master = letter && "BEKQT".Contains(char.ToUpperInvariant(suffix[0]), StringComparison.Ordinal);
        return master && suffix.Length > 1
            ? suffix[1..] == "1" ? PointName.Of(nmi) : PointName.Of($"{nmi}-{suffix[1..]}")
            : suffix == "11" ? PointName.Of(nmi) : PointName.Of($"{nmi}-{suffix}");
    }
}
