using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>A line of what a period would cost.</summary>
public sealed record CostLine(string Description, decimal Amount);

/// <summary>What a period would cost, as a bill of the same intervals would say it.</summary>
public sealed record ContractCost(LocalDate From, LocalDate To, string Currency, decimal Net, decimal Tax, decimal Total, IReadOnlyList<CostLine> Lines);

/// <summary>
/// What a contract would be billed for intervals that somebody has: known ones, or expected ones. Rated as a bill is, with the contract's tariff versions and parameters,
/// beginning where the last live bill ended; nothing is stored.
/// </summary>
public sealed class ContractCosts(NpgsqlDataSource database)
{
    /// <summary>The contract's billing period that holds a local day; null before it begins and after it ends.</summary>
    public static LocalPeriod? PeriodAt(BillableContract contract, LocalDate day)
    {
        var zone = DateTimeZoneProviders.Tzdb[contract.ServicePoint.Zone];
        var month = new LocalDate(day.Year, day.Month, 1);
        foreach (var from in (LocalDate[])[month, month.PlusMonths(-1)])
        {
            if (new BillingMonth(new YearMonth(from.Year, from.Month)).PeriodOf(contract.Contract, zone) is { } period && period.From <= day && day < period.To)
            {
                return period;
            }
        }

        return null;
    }

    /// <summary>The cost, or why it cannot be rated in words.</summary>
    /// <param name="contract">The contract.</param>
    /// <param name="period">Its period, or the first days of it.</param>
    /// <param name="profiles">Intervals that cover the days.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<(ContractCost? Cost, string? Problem)> RateAsync(BillableContract contract, LocalPeriod period, IReadOnlyList<LoadProfile> profiles, CancellationToken cancellationToken)
    {
        var tariffs = new TariffShelf(); // read anew: a version may have been added since
        await tariffs.LoadAsync(database, [contract.Contract.Tariff], cancellationToken);
        try
        {
            var (spans, _) = tariffs.Over(contract.Contract.Tariff, period);
            var prices = PriceSeries.Of(spans, await PriceSeries.ReadAsync(database, tariffs.SeriesOf([contract.Contract.Tariff]), period.Start, period.End, cancellationToken));
            var (rated, _) = ContractRating.Rate(
                contract.Contract, period, spans, profiles, await OpeningAsync(contract, period, cancellationToken), prices.ToImmutableDictionary(s => s.Key, s => s.Value.Values), new RatePlans());
            return (new ContractCost(rated.From, rated.To, rated.Currency, rated.Net, rated.Tax, rated.Total, [.. rated.Lines.Select(l => new CostLine(l.Description, l.Amount))]), null);
        }
        catch (RatingInputException e)
        {
            return (null, e.Message);
        }
    }

    private async Task<RatingState?> OpeningAsync(BillableContract contract, LocalPeriod period, CancellationToken cancellationToken)
    {
        var key = (contract.Contract.Account, contract.Contract.Id, period.From, period.To);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var earlier = await BillStore.EarlierAsync(connection, [key], cancellationToken);
        var closing = (earlier.GetValueOrDefault((key.Account, key.Id)) ?? []).Where(o => o.End == period.From).Select(o => o.Closing).FirstOrDefault();
        return closing is null ? null : RatingStateText.Read(closing);
    }
}
