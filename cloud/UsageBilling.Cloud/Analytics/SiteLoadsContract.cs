using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Validation;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Analytics;

/// <summary>What a site's month will probably have come to. Money is null where there is no contract or the forecast cannot be rated; the problem says why.</summary>
/// <param name="Period">The contract's billing period, or the calendar month where there is no contract.</param>
/// <param name="Until">Intervals until here are known.</param>
/// <param name="Quantities">By channel: so far and at the end of the period.</param>
/// <param name="SoFar">Cost of the elapsed days, today included.</param>
/// <param name="Total">Cost of the whole period.</param>
/// <param name="Problem">Why there is no money.</param>
public sealed record SiteForecast(LocalPeriod Period, Instant Until, IReadOnlyList<ChannelForecast> Quantities, ContractCost? SoFar, ContractCost? Total, string? Problem);

/// <summary>A channel's use so far in a period and as it will probably be at its end, in stored units with their unit for people; how many days the forecast rests on.</summary>
public sealed record ChannelForecast(ChannelKey Channel, LoadUnit Unit, long SoFar, long Expected, int KnownIntervals, int ExpectedIntervals);

/// <summary>Load profiles of sites in whole local days, and what follows from them.</summary>
public sealed class SiteLoads(NpgsqlDataSource database, IntervalStore intervals, ContractCosts costs)
{
    /// <summary>Profiles of a service point's channels over local days; channels that do not exist are not in the result.</summary>
    public async Task<IReadOnlyList<(ChannelKey Channel, LoadProfile Profile)>> ReadAsync(
        ServicePointRecord point, IReadOnlyCollection<Measurand> measurands, LocalDate from, LocalDate to, CancellationToken cancellationToken)
    {
        var span = new LocalPeriod(from, to, DateTimeZoneProviders.Tzdb[point.Zone]);
        var keys = measurands.Select(m => new ChannelKey(point.Id, m)).ToDictionary(k => k.Id);
        var profiles = await intervals.ReadAsync([.. keys.Keys], span.Start, span.End, cancellationToken);
        return [.. keys.Values.Where(k => profiles.ContainsKey(k.Id)).Select(k => (k, profiles[k.Id].Profile))];
    }

    /// <summary>All measurands that a tariff may name.</summary>
    public static ImmutableArray<Measurand> Measurands { get; } = [.. Measure.All.Select(name => Measure.Find(name)!.Value)];

    /// <summary>The running period of a service point at an instant, and its contract where it has one.</summary>
    public async Task<(LocalPeriod Period, BillableContract? Contract)> PeriodAsync(ServicePointRecord point, Instant now, CancellationToken cancellationToken)
    {
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var today = now.InZone(zone).Date;
        var month = new LocalDate(today.Year, today.Month, 1);
        var contract = await BillableContracts.AtAsync(database, point.Id, now, cancellationToken);
        return contract is not null && ContractCosts.PeriodAt(contract, today) is { } period ? (period, contract) : (new LocalPeriod(month, month.PlusMonths(1), zone), null);
    }

    /// <summary>The forecast of the running period.</summary>
    public async Task<SiteForecast> ForecastAsync(ServicePointRecord point, Instant now, CancellationToken cancellationToken)
    {
        var (period, contract) = await PeriodAsync(point, now, cancellationToken);
        var history = await ReadAsync(point, Measurands, period.From.PlusWeeks(-ForecastProfile.WeeksOfHistory), period.To, cancellationToken);
        var holidays = await Holidays.ReadAsync(database, cancellationToken);
        var quantities = new List<ChannelForecast>();
        var expected = new List<LoadProfile>();
        foreach (var (channel, profile) in history)
        {
            if (ForecastProfile.Of(profile, period, now, holidays) is not { } forecast)
            {
                continue;
            }

            expected.Add(forecast);
            var (soFar, known) = Known(profile, period, now);
            quantities.Add(new ChannelForecast(channel, LoadUnit.Of(channel.Measurand, profile.Exponent), soFar, Sum(forecast), known, forecast.Length));
        }

        if (contract is null)
        {
            return new(period, now, quantities, null, null, $"service point {point.Id} has no contract on this day");
        }

        var (total, problem) = await costs.RateAsync(contract, period, expected, cancellationToken);
        var (spent, why) = await SpentAsync(contract, period, history, now, cancellationToken);
        return new(period, now, quantities, spent, total, problem ?? why);
    }

    /// <summary>The cost of a running period's elapsed days, today included; intervals that are not known cost nothing yet.</summary>
    public async Task<(ContractCost? Cost, string? Problem)> SpentAsync(ServicePointRecord point, BillableContract contract, LocalPeriod period, Instant now, CancellationToken cancellationToken) =>
        await SpentAsync(contract, period, await ReadAsync(point, Measurands, period.From, period.To, cancellationToken), now, cancellationToken);

    private async Task<(ContractCost? Cost, string? Problem)> SpentAsync(
        BillableContract contract, LocalPeriod period, IReadOnlyList<(ChannelKey Channel, LoadProfile Profile)> profiles, Instant now, CancellationToken cancellationToken)
    {
        var tomorrow = LocalDate.Min(now.InZone(period.Zone).Date.PlusDays(1), period.To);
        return await costs.RateAsync(contract, new LocalPeriod(period.From, tomorrow, period.Zone), [.. profiles.Select(p => p.Profile)], cancellationToken);
    }

    // Of the period until now; an interval that ends later is still running.
    private static (long Sum, int Known) Known(LoadProfile profile, LocalPeriod period, Instant now)
    {
        var (sum, known) = (0L, 0);
        for (var i = 0; i < profile.Length; i++)
        {
            var from = profile.Start + Duration.FromMinutes((long)i * profile.IntervalMinutes);
            if (from >= period.Start && from + Duration.FromMinutes(profile.IntervalMinutes) <= now && (profile.Qualities.IsEmpty || profile.Qualities.Span[i] != (byte)IntervalQuality.Missing))
            {
                (sum, known) = (checked(sum + profile.Quantities.Span[i]), known + 1);
            }
        }

        return (sum, known);
    }

    private static long Sum(LoadProfile profile)
    {
        var sum = 0L;
        foreach (var quantity in profile.Quantities.Span)
        {
            sum = checked(sum + quantity);
        }

        return sum;
    }
}
