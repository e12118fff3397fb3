using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Determinants;

/// <summary>Makes the streams that a tariff asks for out of the load profiles that were given.</summary>
internal static class UsageStreams
{
    /// <summary>Scans every stream of a segment; an element is null where there is no profile of its measurand.</summary>
    public static StreamResult?[] Scan(Tariff tariff, SegmentPlan plan, IReadOnlyList<LoadProfile> profiles)
    {
        var layouts = tariff.Streams;
        var results = new StreamResult?[layouts.Length];
        for (var stream = 0; stream < layouts.Length; stream++)
        {
            if (results[stream] is not null)
            {
                continue;
            }

            var measurand = layouts[stream].Spec.Measurand;
            if (Combine(profiles, measurand) is { } profile)
            {
                Scan(tariff, plan, profile, null, stream, results);
            }
            else if (measurand == ApparentEnergy.Measurand && ApparentEnergy.PartsOf(profiles) is var (active, reactive))
            {
                Scan(tariff, plan, active, reactive, stream, results);
            }
        }

        return results;
    }

    /// <summary>The sum of all profiles of a measurand, on the longest of their intervals; null when there is none.</summary>
    public static LoadProfile? Combine(IReadOnlyList<LoadProfile> profiles, Measurand measurand)
    {
        LoadProfile? found = null;
        foreach (var profile in profiles)
        {
            if (profile.Measurand == measurand)
            {
                found = found is null ? profile : ProfileSum.Of(found, profile);
            }
        }

        return found;
    }

    /// <summary>Scans a profile, or, where apparent energy is not metered, active and reactive energy on one grid as the sides of its triangle.</summary>
    private static void Scan(Tariff tariff, SegmentPlan plan, LoadProfile profile, LoadProfile? reactive, int stream, StreamResult?[] results)
    {
        var spec = tariff.Streams[stream].Spec;
        var data = Slice(profile, plan, profile.Measurand);
        var side = reactive is null ? default : Slice(reactive, plan, reactive.Measurand);
        var interval = profile.IntervalMinutes;
        var window = spec.WindowMinutes;
        if (spec.Wants(interval))
        {
            // Windows as long as the interval are the intervals: one pass answers both.
            var runs = plan.Runs(stream, interval);
            var shared = new StreamResult(runs, reactive is null ? data : ApparentEnergy.Of(data.Span, side.Span), profile.Exponent, plan.Start, interval);
            foreach (var (member, slotOffset) in tariff.SharedStreams(stream, interval))
            {
                results[member] = shared.Shifted(slotOffset);
            }

            return;
        }

        if (window % interval != 0)
        {
            throw new RatingInputException("usage", $"{Measure.NameOf(spec.Measurand)} comes in intervals of {interval} minutes, the tariff needs windows of {window}; give shorter intervals");
        }

        var windows = DemandWindows.Make(data.Span, window / interval, spec.Rolling);
        if (reactive is not null)
        {
            windows = ApparentEnergy.Of(windows, DemandWindows.Make(side.Span, window / interval, spec.Rolling));
        }

        var step = spec.Rolling ? interval : window;
        results[stream] = new StreamResult(plan.Runs(stream, step), windows, profile.Exponent, plan.Start, window);
    }

    /// <summary>A profile's quantities over a part of the period.</summary>
    public static ReadOnlyMemory<long> Slice(LoadProfile profile, SegmentPlan plan, Measurand measurand)
    {
        var name = Measure.NameOf(measurand);
        if (profile.Start > plan.Start || profile.End < plan.End)
        {
            throw new RatingInputException("usage", $"{name} is known from {profile.Start} to {profile.End}, the period needs {plan.Start} to {plan.End}; give the missing intervals");
        }

        var offset = (plan.Start - profile.Start).BclCompatibleTicks;
        var length = (plan.End - plan.Start).BclCompatibleTicks;
        var ticks = profile.IntervalMinutes * NodaConstants.TicksPerMinute;
        if (offset % ticks != 0 || length % ticks != 0)
        {
            throw new RatingInputException("usage", $"{name} comes in intervals of {profile.IntervalMinutes} minutes, which a local midnight of {plan.Span.Zone.Id} cuts; give shorter intervals");
        }

        return profile.Quantities.Slice((int)(offset / ticks), (int)(length / ticks));
    }
}
