using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using Gap = UsageBilling.Metering.Estimation.Gap;

namespace UsageBilling.Cloud.Validation;

/// <summary>
/// Validates local days of one channel in the caller's transaction, which holds the channel's lock. Where the class says so, gaps that touch the days are estimated first: those
/// days change by it, are due again, and are validated as they then are.
/// </summary>
internal sealed class DayValidation(NpgsqlConnection connection, RuleSet rules, Instant now)
{
    public const string Actor = "validation";

    /// <summary>What was done: days validated, gaps estimated.</summary>
    public async Task<(int Days, int Estimates)> RunAsync(ChannelId channel, ChannelTerms terms, LocalDate first, LocalDate last, CancellationToken cancellationToken)
    {
        var window = await ChannelWindow.ReadAsync(connection, channel, terms, rules, first, last, now, cancellationToken);
        var estimates = window.Class.Estimation.Automatic && terms.Feed != ChannelFeed.Virtual && window.HasDays ? await EstimateAsync(window, cancellationToken) : 0;
        if (estimates > 0)
        {
            window = await ChannelWindow.ReadAsync(connection, channel, terms, rules, first, last, now, cancellationToken);
        }

        var days = await window.ReadDaysAsync(cancellationToken);
        var findings = days.SelectMany(d => Validator.Run(d, window.Class.Thresholds).Select(f => (Finding: f, InQuestion: InQuestion.Of(f, d, window.Class.Thresholds)))).ToList();
        await new FindingStore(connection, rules.Version, now).SaveAsync(terms, channel, window.Class.Name, first, last, findings, cancellationToken);
        return (days.Count, estimates);
    }

    /// <summary>The days cannot be validated at all: that is a finding of each of them, until they can.</summary>
    public Task CannotAsync(ChannelId channel, ChannelTerms terms, LocalDate first, LocalDate last, string why, CancellationToken cancellationToken) =>
        new FindingStore(connection, rules.Version, now).AddAsync(terms, channel, rules.ClassOf(terms.Key).Name,
            [.. Enumerable.Range(0, Period.DaysBetween(first, last) + 1).Select(i => new Finding(RuleNames.NotValidated, channel, first.PlusDays(i), [], [], null, Verdict.Fail, $"the day could not be validated: {why}"))],
            cancellationToken);

    private async Task<int> EstimateAsync(ChannelWindow window, CancellationToken cancellationToken)
    {
        if (window.ForEstimation(ImmutableHashSet<LocalDate>.Empty) is not { } all)
        {
            return 0;
        }

        // Before the first day that was ever known there is nothing to fill, and days that are not to be validated have their own turn.
        var start = Instant.Max(LocalDay.Of(window.First, window.Zone).Start, window.Life.Start);
        var end = Instant.Min(LocalDay.Of(window.Last, window.Zone).End, window.Life.End);
        var read = window.ReadAt();
        var gaps = Gap.Find(all.Profile, index => read.Contains(At(all.Profile, index)))
            .Where(g => At(all.Profile, g.First) < end && At(all.Profile, g.End) > start && At(all.Profile, g.First) >= window.Life.Start && g.First > 0)
            .Select(g => Within(g, all.Profile, end)).OfType<Gap>().ToArray();
        if (gaps.Length == 0)
        {
            return 0;
        }

        var doubtful = await FindingStore.DoubtfulDaysAsync(connection, window.Id, window.First.PlusDays(-70), window.Last.PlusDays(70), cancellationToken);
        var source = (await window.ForEstimationAsync(doubtful, cancellationToken))!;
        var overrides = gaps.Select(g => Estimator.Fill(g, source, window.Class.Estimation)).OfType<Estimate>()
            .Select(e => Override(window, e, source.Profile, Actor, "the rule set fills gaps")).ToArray();
        await IntervalOverrides.AddAsync(connection, overrides, now, cancellationToken);
        return overrides.Length;
    }

    /// <summary>An estimate as an override.</summary>
    public NewOverride Override(ChannelWindow window, Estimate estimate, LoadProfile measured, string actor, string reason) => new(
        window.Id, Guid.CreateVersion7(now.ToDateTimeOffset()), EstimateParts.Of(estimate, measured), EstimationMethods.NameOf(estimate.Method), rules.Version, actor,
        estimate.Alternate is { } alternate ? $"{reason}; from {alternate}" : estimate.Sources.IsEmpty ? reason : $"{reason}; from {string.Join(", ", estimate.Sources.Select(d => $"{d:uuuu-MM-dd}"))}");

    /// <summary>Of a run of which nothing is known, the part up to the last day to validate: what comes after it may still arrive. A known advance is taken whole.</summary>
    private static Gap? Within(Gap gap, LoadProfile profile, Instant end)
    {
        if (gap.Advance is not null || At(profile, gap.End) <= end)
        {
            return gap;
        }

        var count = 0;
        while (count < gap.Count && At(profile, gap.First + count) < end)
        {
            count++;
        }

        return count == 0 ? null : new Gap(gap.First, count, null, gap.Known[..count]);
    }

    private static Instant At(LoadProfile profile, int index) => profile.Start + Duration.FromMinutes((long)index * profile.IntervalMinutes);
}
