using UsageBilling.Metering.Formats;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>The channel that a stream of a file is delivered to, and the power of ten in which it counts when this import makes it.</summary>
/// <param name="Key">Point and measurand.</param>
/// <param name="Exponent">Power of ten of one stored unit, in the base unit.</param>
internal sealed record ImportTarget(ChannelKey Key, int Exponent)
{
    // A thousandth of a watt-hour (kWh with six decimals, as AEMO allows), a millilitre.
    private static int Usual(Quantity quantity) => quantity is Quantity.GasVolume or Quantity.WaterVolume ? -6 : quantity is Quantity.Count or Quantity.Duration or Quantity.Data ? 0 : -3;

    /// <summary>The target; null where the stream measures nothing that has channels.</summary>
    public static ImportTarget? Of(SourceChannel channel) =>
        channel.Measurand is { } measurand ? new ImportTarget(new ChannelKey(channel.Point, measurand), Usual(measurand.Quantity)) : null;

    /// <summary>What would happen to a stream, in words.</summary>
    public static string Describe(StreamSurvey stream) => Of(stream.Channel) is { } target
        ? $"channel {target.Key} ({target.Key.Id})"
        : $"no channel: {(stream.Channel.Unit.Length == 0 ? "no unit" : stream.Channel.Unit)} is not a quantity that channels carry; the raw file keeps it";
}
