using System.Collections.Immutable;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>Rates a stored bill again from what its manifest names: the same interval versions, tariff versions and parameters give the same bytes.</summary>
public sealed class BillRerating(NpgsqlDataSource database, IntervalStore intervals)
{
    private readonly RatePlans plans = new();
    private readonly Dictionary<string, (Tariff Tariff, string Hash)> tariffs = new(StringComparer.Ordinal);

    /// <summary>Null when the bill comes out byte for byte; else what is different or missing.</summary>
    public async Task<string?> DifferenceAsync(Bill bill, ReadOnlyMemory<byte> content, string opening, int anchorDay, CancellationToken cancellationToken)
    {
        try
        {
            var again = await RateAsync(bill, opening, anchorDay, cancellationToken);
            if (BillSnapshot.ToBytes(again).AsSpan().SequenceEqual(content.Span))
            {
                return null;
            }

            return again.Charges.Equals(bill.Charges)
                ? "rated again from its manifest, the usage comes out different"
                : $"rated again from its manifest, the bill comes to {again.Charges.Total} instead of {bill.Charges.Total} {bill.Charges.Currency}, or its lines differ";
        }
        catch (Exception e) when (e is InvalidOperationException or RatingInputException or InvalidDataException)
        {
            return $"cannot be rated again: {e.Message}";
        }
    }

    private async Task<Bill> RateAsync(Bill bill, string opening, int anchorDay, CancellationToken cancellationToken)
    {
        var period = new LocalPeriod(bill.Charges.From, bill.Charges.To, DateTimeZoneProviders.Tzdb[bill.Supply.Zone]);
        var profiles = new List<(ChannelKey Key, LoadProfile Profile)>();
        foreach (var usage in bill.Usage)
        {
            var manifest = bill.Manifest.Where(m => m.Channel == usage.Channel.Id)
                .Select(m => new Metering.ManifestEntry(m.Channel, m.Day, m.FromSlot, m.ToSlot - m.FromSlot, m.Version, [.. Convert.FromHexString(m.Hash)])).ToList();
            profiles.Add((usage.Channel, await intervals.ReadManifestAsync(manifest, cancellationToken)));
        }

        var problems = new List<ContractInputProblem>();
        var parameters = ContractInputs.Read(bill.Parameters, RatingStateText.Read(opening), problems);
        if (problems.Count > 0)
        {
            throw new InvalidDataException(string.Join("; ", problems.Select(p => $"parameter {p.Name} {p.Message}")));
        }

        var charges = RatingEngine.Rate(
            new RatingInput
            {
                Period = period,
                Tariffs = await SpansAsync(bill, period, cancellationToken),
                Profiles = [.. profiles.Select(p => p.Profile)],
                Contract = parameters,
                Series = await SeriesAsync(bill, period, cancellationToken),
                AnchorDay = anchorDay,
            },
            plans);
        return bill with { Charges = charges, Usage = [.. profiles.Select(p => UsageSummary.Of(p.Key, p.Profile, period))] };
    }

    // As they stood after the loads that the bill names: what was loaded later is no part of it.
    private async Task<ImmutableDictionary<string, ValueSeries>> SeriesAsync(Bill bill, LocalPeriod period, CancellationToken cancellationToken) => bill.Series is not { } named
        ? ImmutableDictionary<string, ValueSeries>.Empty
        : (await PriceSeries.ReadAsync(database, named.Select(s => (s.Name, s.Load)), period.Start, period.End, cancellationToken)).ToImmutableDictionary(s => s.Key, s => s.Value.Values);

    private async Task<ImmutableArray<TariffSpan>> SpansAsync(Bill bill, LocalPeriod period, CancellationToken cancellationToken)
    {
        var spans = ImmutableArray.CreateBuilder<TariffSpan>();
        for (var i = 0; i < bill.Tariffs.Count; i++)
        {
            var tariff = await TariffAsync(bill.Tariffs[i], cancellationToken);
            var from = LocalDate.Max(tariff.EffectiveFrom, period.From);
            var to = i + 1 < bill.Tariffs.Count ? (await TariffAsync(bill.Tariffs[i + 1], cancellationToken)).EffectiveFrom : period.To;
            spans.Add(new TariffSpan(tariff, from, to));
        }

        return spans.ToImmutable();
    }

    private async Task<Tariff> TariffAsync(TariffReference reference, CancellationToken cancellationToken)
    {
        if (!tariffs.TryGetValue(reference.Version, out var known))
        {
            var code = reference.Version.Split('@')[0];
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            foreach (var version in await TariffVersions.ReadAsync(connection, [code], cancellationToken))
            {
                var parsed = TariffDocument.Parse(Encoding.UTF8.GetBytes(version.Document));
                tariffs[$"{version.Code}@{version.Version}"] = (parsed.Tariff ?? throw new InvalidDataException($"tariff {version.Code}@{version.Version} cannot be read: {parsed.Problems[0]}"), version.Hash);
            }

            known = tariffs.TryGetValue(reference.Version, out var found) ? found : throw new InvalidDataException($"tariff {reference.Version} is not stored");
        }

        return known.Hash == reference.Hash ? known.Tariff : throw new InvalidDataException($"tariff {reference.Version} has the hash {known.Hash}, the bill names {reference.Hash}");
    }
}
