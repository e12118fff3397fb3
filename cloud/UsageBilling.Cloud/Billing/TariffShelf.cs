using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Calendars;
using UsageBilling.Rating;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>The tariffs of a run, each parsed once: rating finds its compiled plans by the tariff object.</summary>
internal sealed class TariffShelf
{
    private readonly ConcurrentDictionary<string, ImmutableArray<(Tariff Tariff, string Hash)>> versions = new(StringComparer.Ordinal);

    /// <summary>Reads what is not there yet.</summary>
    public async Task LoadAsync(NpgsqlDataSource database, IEnumerable<string> codes, CancellationToken cancellationToken)
    {
        var missing = codes.Distinct(StringComparer.Ordinal).Where(c => !versions.ContainsKey(c)).ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var tariff in (await TariffVersions.ReadAsync(connection, missing, cancellationToken)).GroupBy(v => v.Code))
        {
            versions.TryAdd(tariff.Key, [.. tariff.OrderBy(v => v.ValidFrom).Select(v => (Parse(v), v.Hash))]);
        }
    }

    /// <summary>Names of the series that any version of these tariffs takes.</summary>
    public IReadOnlyCollection<string> SeriesOf(IEnumerable<string> codes) =>
        [.. codes.Distinct(StringComparer.Ordinal).SelectMany(c => versions.TryGetValue(c, out var found) ? found : []).SelectMany(v => v.Tariff.Series).Distinct(StringComparer.Ordinal)];

    /// <summary>The versions in force over a period: each until the next one begins or its own end.</summary>
    /// <exception cref="RatingInputException">Some day has no version.</exception>
    public (ImmutableArray<TariffSpan> Spans, List<TariffReference> References) Over(string code, LocalPeriod period)
    {
        var spans = ImmutableArray.CreateBuilder<TariffSpan>();
        var references = new List<TariffReference>();
        var all = versions.TryGetValue(code, out var found) ? found : [];
        var next = period.From;
        for (var i = 0; i < all.Length; i++)
        {
            var (tariff, hash) = all[i];
            var from = LocalDate.Max(tariff.EffectiveFrom, period.From);
            var to = LocalDate.Min(tariff.EffectiveTo ?? period.To, LocalDate.Min(i + 1 < all.Length ? all[i + 1].Tariff.EffectiveFrom : period.To, period.To));
            if (to <= from || from != next)
            {
                continue;
            }

            spans.Add(new TariffSpan(tariff, from, to));
            references.Add(new TariffReference(tariff.Label, hash));
            next = to;
        }

        return next == period.To
            ? (spans.ToImmutable(), references)
            : throw new RatingInputException("tariff", $"no version of tariff {code} is in force from {next:uuuu-MM-dd}; add one");
    }

    private static Tariff Parse(TariffVersionRecord version)
    {
        var result = TariffDocument.Parse(Encoding.UTF8.GetBytes(version.Document));
        return result.Tariff ?? throw new InvalidDataException($"stored tariff {version.Code}@{version.Version}: {string.Join("; ", result.Problems)}");
    }
}
