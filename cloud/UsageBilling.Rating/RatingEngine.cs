using UsageBilling.Metering.Calendars;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating;

/// <summary>
/// Rates a billing period: usage × tariff → lines with their traces. A pure function: the same input gives an equal
/// result, on every machine and in every order of profiles.
/// </summary>
public static class RatingEngine
{
    /// <summary>Rates one period. <paramref name="plans"/> keeps what accounts share; give the same one to every rating of a run.</summary>
    /// <exception cref="RatingInputException">Something that the tariff needs is missing or does not fit; every problem says what to do.</exception>
    public static RatedPeriod Rate(RatingInput input, RatePlans plans)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(plans);
        CheckSpans(input);
        try
        {
            return RateChecked(input, plans);
        }
        catch (OverflowException overflow)
        {
            throw new RatingInputException("usage", $"quantities times prices leave the range of money ({overflow.Message}); check units and prices");
        }
    }

    private static RatedPeriod RateChecked(RatingInput input, RatePlans plans)
    {
        var run = new RatingRun(input);
        if (input.Tariffs.Length > 1)
        {
            run.Whole = new WholeBill(input.Profiles, [.. input.Tariffs.Select(span => Plan(input, span, plans))]);
        }

        foreach (var span in input.Tariffs)
        {
            var plan = Plan(input, span, plans);
            var segment = new SegmentRun(run, span.Tariff, plan, UsageStreams.Scan(span.Tariff, plan, input.Profiles));
            foreach (var charge in span.Tariff.Ordered)
            {
                charge.Rate(segment);
            }
        }

        return Close(input, run);
    }

    private static SegmentPlan Plan(RatingInput input, TariffSpan span, RatePlans plans) =>
        plans.Segment(span.Tariff, new LocalPeriod(span.From, span.To, input.Period.Zone), input.AnchorDay, input.Contract.EventDays);

    private static RatedPeriod Close(RatingInput input, RatingRun run)
    {
        var tariff = input.Tariffs[^1].Tariff;
        var net = 0m;
        var exact = 0m;
        foreach (var line in run.Lines)
        {
            net += line.Amount;
            exact += line.Exact;
        }

        var (taxes, tax, exactTax) = TaxTotals.Of(run.Lines, tariff.Tax.Name, tariff.Currency);
        var total = net + tax;
        var rounding = 0m;
        if (tariff.Rounding == RoundingRule.Total)
        {
            var rounded = tariff.Currency.Round(exact + exactTax);
            rounding = rounded - total;
            total = rounded;
        }

        return new RatedPeriod(input.Period.From, input.Period.To, tariff.Currency.Code, run.Lines, taxes, net, tax, rounding, total)
        {
            Closing = run.State,
        };
    }

    private static void CheckSpans(RatingInput input)
    {
        if (input.AnchorDay is < 1 or > 31)
        {
            throw new RatingInputException("anchor", $"{input.AnchorDay} is not a day of the month; give 1 to 31");
        }

        if (input.Tariffs.IsDefaultOrEmpty)
        {
            throw new RatingInputException("tariff", "no tariff was given");
        }

        if (input.Contract.PowerFactor is not null && !input.Tariffs.Any(span => span.Tariff.Charges.Any(charge => charge is PowerFactorCharge)))
        {
            throw new RatingInputException("powerFactor", $"the contract has a power-factor rule and {input.Tariffs[0].Tariff.Label} no power-factor component that would bill it; add one to the tariff or remove the rule");
        }

        var next = input.Period.From;
        foreach (var span in input.Tariffs)
        {
            if (span.From != next || span.To <= span.From)
            {
                throw new RatingInputException("tariff", $"{span.Tariff.Label} covers {span.From:uuuu-MM-dd} to {span.To:uuuu-MM-dd}, expected from {next:uuuu-MM-dd}; versions must follow each other without hole or overlap");
            }

            if (span.Tariff.Currency != input.Tariffs[0].Tariff.Currency)
            {
                throw new RatingInputException("tariff", $"{span.Tariff.Label} is in {span.Tariff.Currency}, {input.Tariffs[0].Tariff.Label} in {input.Tariffs[0].Tariff.Currency}; a period has one currency");
            }

            next = span.To;
        }

        if (next != input.Period.To)
        {
            throw new RatingInputException("tariff", $"tariffs end on {next:uuuu-MM-dd}, the period on {input.Period.To:uuuu-MM-dd}");
        }
    }
}
