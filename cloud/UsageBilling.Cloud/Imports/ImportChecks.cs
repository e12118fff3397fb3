using NodaTime;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Formats;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>What stands between a stream of a file and a channel.</summary>
internal static class ImportChecks
{
    private const decimal Largest = long.MaxValue / 1000m;

    /// <summary>
    /// Checks what a file holds against its channels, as far as they are known: refusals become problems of the survey, what is delivered nowhere its notes. Returns the
    /// power of ten in which each channel counts, or would.
    /// </summary>
    /// <param name="survey">The file.</param>
    /// <param name="terms">The channels that there are.</param>
    /// <param name="now">Now.</param>
    public static Dictionary<ChannelKey, int> Check(FileSurvey survey, IReadOnlyDictionary<ChannelId, ChannelTerms> terms, Instant now)
    {
        var exponents = new Dictionary<ChannelKey, int>();
        foreach (var stream in survey.Streams.Where(s => ImportTarget.Of(s.Channel) is null))
        {
            survey.Add(SourceProblem.Note(
                Math.Max(1, stream.FirstLine),
                $"{stream.Channel.Id} {stream.Channel.Register}: its {stream.Intervals} values in {(stream.Channel.Unit.Length == 0 ? "no unit" : stream.Channel.Unit)} go to no channel, only the kept file has them; channels count electricity in Wh, varh and VAh, gas and water in m³, by powers of ten, and nothing is rounded"));
        }

        var wanted = survey.Streams.Select(stream => (Stream: stream, Target: ImportTarget.Of(stream.Channel))).Where(s => s.Target is not null);
        foreach (var group in wanted.GroupBy(s => s.Target!.Key))
        {
            var known = terms.GetValueOrDefault(group.Key.Id);
            var exponent = known?.Exponent ?? group.Min(s => Math.Min(s.Target!.Exponent, s.Stream.Channel.UnitExponent - s.Stream.SignificantDecimals));
            exponents[group.Key] = exponent;
            foreach (var (stream, _) in group)
            {
                if (stream.NegativeLine is { } line)
                {
                    // Market files have none. Others are taken, and validation fails each day with one: nothing is taken off a bill by a sign unseen.
                    var (at, words) = (Math.Max(1, line), $"{stream.Channel.Id} {stream.Channel.Register} → channel {group.Key}: a quantity below zero; what flows the other way is a stream of its own");
                    survey.Add(stream.Channel.NeverNegative ? new SourceProblem(at, words, true) : SourceProblem.Note(at, $"{words}; it is taken, and validation will ask about its day"));
                }

                if (Problem(stream, known, exponent, now) is { } problem)
                {
                    survey.Add(new SourceProblem(Math.Max(1, stream.FirstLine), $"{stream.Channel.Id} {stream.Channel.Register} → channel {group.Key}: {problem}", true));
                }
            }
        }

        return exponents;
    }

    /// <summary>Checks a file without a database, and notes what only one knows.</summary>
    public static void CheckDry(FileSurvey survey, Instant now)
    {
        if (survey.Refused)
        {
            return;
        }

        Check(survey, new Dictionary<ChannelId, ChannelTerms>(), now);
        if (survey.Refused)
        {
            return;
        }

        var floor = Instant.FromUtc(now.InUtc().Year - Retention.UsualYears, 1, 1, 0, 0);
        foreach (var stream in survey.Streams.Where(s => s.From < floor && ImportTarget.Of(s.Channel) is not null))
        {
            survey.Add(SourceProblem.Note(
                Math.Max(1, stream.FirstLine),
                $"{stream.Channel.Id} {stream.Channel.Register}: data from {stream.From} on is older than {floor}, which is what a database keeps that was not told otherwise (usage-cloud retention): it would be parked"));
        }

        survey.Add(SourceProblem.Note(1, "only the database knows whether these channels are fed otherwise or count in coarser units, how far back data is kept and what was delivered before: import without --dry-run checks that first and delivers nothing where it refuses"));
    }

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
