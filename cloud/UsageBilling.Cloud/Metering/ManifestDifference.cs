using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Cloud.Metering;

/// <summary>What a bill used of a channel beside what the channel says now.</summary>
internal static class ManifestDifference
{
    public static async Task<ImmutableArray<IntervalDifference>> ReadAsync(NpgsqlDataSource database, IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken)
    {
        var billed = await ManifestReading.ReadAsync(database, manifest, cancellationToken);
        var channel = manifest[0].Channel;
        var current = (await ProfileReading.ReadAsync(database, [channel], billed.Start, billed.End, cancellationToken))[channel].Profile;
        var minutes = IntervalStep.CommonInterval([billed.IntervalMinutes, current.IntervalMinutes]);
        var differences = ImmutableArray.CreateBuilder<IntervalDifference>();
        for (var at = billed.Start; at < billed.End; at += Duration.FromMinutes(minutes))
        {
            var (before, beforeQuality) = Sum(billed, at, minutes);
            var (now, nowQuality) = Sum(current, at, minutes);
            if (before != now || beforeQuality != nowQuality)
            {
                differences.Add(new IntervalDifference(
                    at, minutes, billed.Measurand.Unit.Symbol, Scaled(before, billed.Exponent), beforeQuality, Scaled(now, current.Exponent), nowQuality));
            }
        }

        return differences.ToImmutable();
    }

    private static (long Quantity, IntervalQuality Quality) Sum(LoadProfile profile, Instant from, int minutes)
    {
        var first = (int)((from - profile.Start).TotalMinutes / profile.IntervalMinutes);
        var (sum, worst) = (0L, byte.MaxValue);
        for (var i = first; i < Math.Min(profile.Length, first + (minutes / profile.IntervalMinutes)); i++)
        {
            sum = checked(sum + profile.Quantities.Span[i]);
            worst = Math.Min(worst, profile.Qualities.IsEmpty ? (byte)IntervalQuality.Measured : profile.Qualities.Span[i]);
        }

        return (sum, (IntervalQuality)worst);
    }

    private static decimal Scaled(long quantity, int exponent)
    {
        var value = (decimal)quantity;
        for (; exponent > 0; exponent--)
        {
            value *= 10;
        }

        for (; exponent < 0; exponent++)
        {
            value /= 10;
        }

        return value;
    }
}
