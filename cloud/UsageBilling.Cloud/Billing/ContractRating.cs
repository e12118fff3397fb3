using System.Collections.Immutable;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>A contract's charges over a period: the one way from profiles to money, for bills and for what is only asked.</summary>
internal static class ContractRating
{
    /// <summary>The charges, and the state they begin with: that of the bill before, or where there was none, the contract's own.</summary>
    /// <exception cref="RatingInputException">The period cannot be rated from what there is.</exception>
    public static (RatedPeriod Charges, RatingState Opening) Rate(
        ContractRecord contract, LocalPeriod period, ImmutableArray<TariffSpan> tariffs, IEnumerable<LoadProfile> profiles, RatingState? before, ImmutableDictionary<string, ValueSeries> series, RatePlans plans)
    {
        var problems = new List<ContractInputProblem>();
        var parameters = ContractInputs.Read(ContractInputs.Named(contract.Parameters), before, problems);
        if (problems.Count > 0)
        {
            throw new RatingInputException($"contract {contract.Id}", string.Join("; ", problems.Select(p => $"parameter {p.Name} {p.Message}")));
        }

        var input = new RatingInput { Period = period, Tariffs = tariffs, Profiles = [.. profiles], Contract = parameters, Series = series, AnchorDay = contract.AnchorDay };
        return (RatingEngine.Rate(input, plans), parameters.Opening);
    }
}
