using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating;

/// <summary>A tariff version over the local days [From, To) of a billing period.</summary>
public readonly record struct TariffSpan(Tariff Tariff, LocalDate From, LocalDate To)
{
    /// <summary>Cuts the versions of a tariff to a period by their effective dates; a day without a version, or with two, is a problem.</summary>
    /// <exception cref="RatingInputException">Versions overlap or leave a hole inside the period.</exception>
    public static ImmutableArray<TariffSpan> Over(LocalPeriod period, IEnumerable<Tariff> versions)
    {
        var spans = ImmutableArray.CreateBuilder<TariffSpan>();
        var next = period.From;
        foreach (var tariff in versions.OrderBy(version => version.EffectiveFrom))
        {
            var from = LocalDate.Max(tariff.EffectiveFrom, period.From);
            var to = tariff.EffectiveTo is { } end ? LocalDate.Min(end, period.To) : period.To;
            if (to <= from)
            {
                continue;
            }

            if (from != next)
            {
                throw new RatingInputException("tariff", from > next
                    ? $"no version is effective from {next:uuuu-MM-dd} to {from:uuuu-MM-dd}; extend a version or add one"
                    : $"{tariff.Label} begins on {from:uuuu-MM-dd} while an earlier version lasts until {next:uuuu-MM-dd}; end the earlier one");
            }

            spans.Add(new TariffSpan(tariff, from, to));
            next = to;
        }

        return next == period.To
            ? spans.ToImmutable()
            : throw new RatingInputException("tariff", $"no version is effective from {next:uuuu-MM-dd} to {period.To:uuuu-MM-dd}; extend a version or add one");
    }
}

/// <summary>Everything that one billing period is rated from. Rating it again gives the same bytes.</summary>
public sealed record RatingInput
{
    /// <summary>Local days billed.</summary>
    public required LocalPeriod Period { get; init; }

    /// <summary>Tariff versions that cover the period in order, without hole or overlap (<see cref="TariffSpan.Over"/>).</summary>
    public required ImmutableArray<TariffSpan> Tariffs { get; init; }

    /// <summary>Load profiles; those of the same measurand are added up. Each covers the period; more is allowed.</summary>
    public ImmutableArray<LoadProfile> Profiles { get; init; } = [];

    /// <summary>Parameters of the contract.</summary>
    public ContractParameters Contract { get; init; } = ContractParameters.None;

    /// <summary>Price and factor series that tariffs name.</summary>
    public ImmutableDictionary<string, ValueSeries> Series { get; init; } = ImmutableDictionary<string, ValueSeries>.Empty;

    /// <summary>Day of the month (1 to 31) on which billing months begin, clamped at month ends. The default value is 1.</summary>
    public int AnchorDay { get; init; } = 1;
}
