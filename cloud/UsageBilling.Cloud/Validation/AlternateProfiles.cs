using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>
/// The channels that stand for a channel, on the grid of its window. Days on which a rule doubts them, times for which their own point has a reason for zero use, and days on which they
/// are not to stand for it are missing.
/// </summary>
internal static class AlternateProfiles
{
    public static async Task<ImmutableArray<Alternate>> ReadAsync(
        NpgsqlConnection connection, ChannelId channel, string point, LoadProfile profile, DateTimeZone zone, CancellationToken cancellationToken)
    {
        var (first, last) = (UtcDay.Of(profile.Start), UtcDay.Of(profile.End - Duration.Epsilon));
        var configured = await ChannelAlternates.ReadAsync(connection, channel, first.PlusDays(-1), last.PlusDays(1), cancellationToken);
        if (configured.Count == 0)
        {
            return [];
        }

        var terms = await MeasuredLayer.ReadTermsAsync(connection, configured.Select(c => c.By), cancellationToken);
        var alternates = ImmutableArray.CreateBuilder<Alternate>();
        foreach (var alternate in configured)
        {
            var of = terms[alternate.By];
            var days = await ValidationEvidence.ReadDaysAsync(connection, alternate.By, first, last, cancellationToken);
            var doubtful = await FindingStore.DoubtfulDaysAsync(connection, alternate.By, first.PlusDays(-1), last.PlusDays(1), cancellationToken, apartFrom: RuleNames.InactiveDevice);
            var reasons = of.Key.Point == point ? [] : await ZeroReasons.ReadAsync(connection, of.Key.Point, profile.Start, profile.End, cancellationToken);
            var theirs = DateTimeZoneProviders.Tzdb[of.Zone];
            bool Stands(Instant at) =>
                at.InZone(zone).Date is var day && day >= alternate.From && !(day >= alternate.To) && !doubtful.Contains(at.InZone(theirs).Date) && !reasons.Any(r => r.From <= at && !(r.To <= at));
            alternates.Add(new Alternate(alternate.IsCheckMeter ? EstimationMethod.CheckMeter : EstimationMethod.AlternateChannel, of.Key.ToString(), On(profile, of.Exponent, days, Stands)));
        }

        return alternates.ToImmutable();
    }

    /// <summary>On the window's grid: finer intervals are summed; days of a coarser one are of no use.</summary>
    private static LoadProfile On(LoadProfile window, int exponent, SortedDictionary<LocalDate, IntervalDay> days, Func<Instant, bool> stands)
    {
        var minutes = window.IntervalMinutes;
        var usable = days.Where(d => minutes % d.Value.IntervalMinutes == 0).Select(d => new KeyValuePair<LocalDate, IntervalDay>(d.Key, Coarser(d.Value, minutes))).ToArray();
        var assembled = ProfileAssembly.Assemble(window.Measurand, exponent, window.Start, window.End, usable, minutes);
        var qualities = assembled.Qualities.ToArray();
        for (var i = 0; i < qualities.Length; i++)
        {
            if (!stands(window.Start + Duration.FromMinutes((long)i * minutes)))
            {
                qualities[i] = (byte)IntervalQuality.Missing;
            }
        }

        return new LoadProfile(window.Measurand, exponent, window.Start, minutes, assembled.Quantities, qualities);
    }

    private static IntervalDay Coarser(IntervalDay day, int minutes)
    {
        var together = minutes / day.IntervalMinutes;
        var (quantities, qualities) = (new long[day.Slots / together], new byte[day.Slots / together]);
        for (var slot = 0; slot < quantities.Length; slot++)
        {
            quantities[slot] = day.Quantities.Slice(slot * together, together).ToArray().Sum();
            qualities[slot] = day.Qualities.Slice(slot * together, together).ToArray().Min();
        }

        return new IntervalDay(minutes, quantities, qualities);
    }
}
