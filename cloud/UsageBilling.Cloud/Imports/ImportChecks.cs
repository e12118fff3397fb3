using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Cloud.Imports;

/// <summary>What stands between a stream of a file and a channel.</summary>
internal static class ImportChecks
{
    private const decimal Largest = long.MaxValue / 1000m;

    /// <summary>Why the stream cannot be delivered, or null.</summary>
    /// <param name="stream">The stream as it was read.</param>
    /// <param name="known">The channel, where there is one already.</param>
    /// <param name="exponent">Power of ten of the channel's stored unit.</param>
    /// <param name="now">Now.</param>
    public static string? Problem(StreamSurvey stream, ChannelTerms? known, int exponent, Instant now)
    {
        if (known is { Feed: not ChannelFeed.Deliveries })
        {
            return $"it is fed by {known.Feed.ToString().ToLowerInvariant()}, and a channel has one feed: import to another point with --point";
        }

        if (exponent is < -9 or > 9)
        {
            return $"a number has {stream.Decimals} decimals of {stream.Channel.Unit}, more than a channel can keep (10^-9 of its base unit)";
        }

        if (stream.Channel.UnitExponent - stream.Decimals < exponent && !FitsWithout(stream, exponent))
        {
            return $"a number has {stream.Decimals} decimals of {stream.Channel.Unit}, but the channel counts in 10^{exponent} of its base unit since it was made, and nothing is rounded: import to another point with --point";
        }

        if (stream.Largest > Largest / DecimalText.PowerOfTen(Math.Max(0, stream.Channel.UnitExponent - exponent)))
        {
            return $"the number {DecimalText.Format(stream.Largest)} is too large for a channel that counts in 10^{exponent} of its base unit";
        }

        if (stream.From < Instant.FromUtc(1970, 1, 1, 0, 0))
        {
            return $"data of {stream.From} is older than 1970, before which no time is believed";
        }

        return stream.To > now + Duration.FromDays(1) ? $"data until {stream.To} lies in the future" : null;
    }

    /// <summary>The IANA zone of a channel that an import makes, where nobody says one: that of the file if it has one, else the fixed offset it counts in.</summary>
    public static string ZoneOf(DateTimeZone zone)
    {
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(zone.Id) is { } named && named.Id == zone.Id && !zone.Id.StartsWith("UTC", StringComparison.Ordinal))
        {
            return zone.Id;
        }

        var seconds = Math.Min(zone.MinOffset.Seconds, zone.MaxOffset.Seconds);
        // The sign is POSIX's: Etc/GMT-10 is ten hours ahead of UTC.
        return seconds == 0 || seconds % 3600 != 0 ? "Etc/UTC" : $"Etc/GMT{(seconds > 0 ? "-" : "+")}{Math.Abs(seconds) / 3600}";
    }

    // 1.500 is as exact as 1.5.
    private static bool FitsWithout(StreamSurvey stream, int exponent) => stream.SignificantDecimals <= stream.Channel.UnitExponent - exponent;
}
