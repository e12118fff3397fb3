using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;
using UsageBilling.Rating;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Files;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>A series as it stood after a load.</summary>
public sealed record LoadedSeries(int Load, ValueSeries Values);

/// <summary>How far a series reaches. Until is null where its last value holds on.</summary>
internal sealed record PriceSeriesSummary(string Series, int Load, Instant From, Instant? Until, Instant LoadedAt, string Actor);

/// <summary>What a load did; with any problem, nothing. Replaced: values that stood before and are different now.</summary>
internal sealed record PriceSeriesLoad(string Series, int Load, bool Loaded, int Values, int Replaced, Instant? From, Instant? Until, IReadOnlyList<Problem> Problems);

/// <summary>
/// Prices and factors over time that tariffs name and do not hold: tomorrow's day-ahead prices, last month's calorific value. Loads are numbered and only added, so a bill that names
/// a load can be rated again whatever was corrected since.
/// </summary>
public static class PriceSeries
{
    internal const int MostBytes = 16 << 20;

    // The values that stand after a load: each is one that no load between it and that one covers.
    private const string Standing =
        """
        FROM price_series_value v JOIN price_series_load o ON o.series = v.series AND o.load = v.load
        WHERE v.series = $1 AND v.load <= $2 AND NOT EXISTS (
          SELECT FROM price_series_load l WHERE l.series = v.series AND l.load > v.load AND l.load <= $2 AND v.starts_at >= l.from_at AND v.starts_at < l.covers_until)
        """;

    /// <summary>Series as they stand now, with the values that hold in [from, to); those that nobody loaded are not in the result.</summary>
    public static async Task<IReadOnlyDictionary<string, LoadedSeries>> ReadAsync(NpgsqlDataSource database, IReadOnlyCollection<string> names, Instant from, Instant to, CancellationToken cancellationToken)
    {
        if (names.Count == 0)
        {
            return new Dictionary<string, LoadedSeries>();
        }

        var loads = await database.RowsAsync("SELECT series, last_load FROM price_series WHERE series = ANY($1)", r => (r.GetString(0), r.GetInt32(1)), cancellationToken, (object)names.ToArray());
        return await ReadAsync(database, loads, from, to, cancellationToken);
    }

    /// <summary>The same as it stood after named loads.</summary>
    public static async Task<IReadOnlyDictionary<string, LoadedSeries>> ReadAsync(
        NpgsqlDataSource database, IEnumerable<(string Name, int Load)> loads, Instant from, Instant to, CancellationToken cancellationToken)
    {
        var read = new Dictionary<string, LoadedSeries>(StringComparer.Ordinal);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var (name, load) in loads)
        {
            var values = await connection.RowsAsync(
                $"""
                SELECT v.starts_at, v.value, o.holds_until {Standing} AND v.starts_at < $4
                  AND v.starts_at >= coalesce((SELECT max(v.starts_at) {Standing} AND v.starts_at <= $3), $3)
                ORDER BY v.starts_at
                """,
                r => (Start: r.GetFieldValue<Instant>(0), Value: r.GetDecimal(1), HoldsUntil: r.IsDBNull(2) ? default(Instant?) : r.GetFieldValue<Instant>(2)), cancellationToken, name, load, from, to);
            if (values.Count > 0)
            {
                read.Add(name, new LoadedSeries(load, new ValueSeries(values.Select(v => (v.Start, v.Value)), values[^1].HoldsUntil)));
            }
        }

        return read;
    }

    /// <summary>Of what was read, what the tariffs of a period name.</summary>
    public static IReadOnlyDictionary<string, LoadedSeries> Of(IEnumerable<TariffSpan> tariffs, IReadOnlyDictionary<string, LoadedSeries> read) =>
        tariffs.SelectMany(t => t.Tariff.Series).Distinct(StringComparer.Ordinal).Where(read.ContainsKey).ToDictionary(n => n, n => read[n], StringComparer.Ordinal);

    internal static Task<List<PriceSeriesSummary>> ListAsync(NpgsqlDataSource database, CancellationToken cancellationToken) => database.RowsAsync(
        """
        SELECT s.series, s.last_load, min(l.from_at), CASE WHEN bool_or(l.holds_until IS NULL) THEN NULL ELSE max(l.holds_until) END,
          max(l.loaded_at), (array_agg(l.actor ORDER BY l.load DESC))[1]
        FROM price_series s JOIN price_series_load l ON l.series = s.series GROUP BY s.series, s.last_load ORDER BY s.series
        """,
        r => new PriceSeriesSummary(r.GetString(0), r.GetInt32(1), r.GetFieldValue<Instant>(2), r.IsDBNull(3) ? null : r.GetFieldValue<Instant>(3), r.GetFieldValue<Instant>(4), r.GetString(5)),
        cancellationToken);

    /// <summary>Adds the values of a CSV. They must join on to what stands without a hole; values that stand are only replaced with a reason.</summary>
    internal static async Task<PriceSeriesLoad> LoadAsync(
        NpgsqlDataSource database, string series, string csv, string zoneId, string actor, string? reason, DateTimeOffset at, CancellationToken cancellationToken)
    {
        PriceSeriesLoad Refused(params IReadOnlyList<Problem> problems) => new(series, 0, false, 0, 0, null, null, problems);
        if (!Name.IsValid(series))
        {
            return Refused(new Problem("series", $"'{series}' must be 1 to {Name.MaxLength} letters, digits, '-', '_' or '.', as the tariff names it"));
        }

        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(zoneId) is not { } zone)
        {
            return Refused(new Problem("zone", $"'{zoneId}' is no IANA time zone; write for example Europe/Berlin"));
        }

        var (given, problems) = SmallCsv.ReadSeries(csv, series, zone);
        if (given is null)
        {
            return Refused(problems);
        }

        var fresh = Enumerable.Range(0, given.Count).Select(i => given[i]).ToArray();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.RunAsync("INSERT INTO price_series (series, last_load) VALUES ($1, 0) ON CONFLICT DO NOTHING", cancellationToken, series);
        var load = (await connection.RowsAsync("UPDATE price_series SET last_load = last_load + 1 WHERE series = $1 RETURNING last_load", r => r.GetInt32(0), cancellationToken, series))[0];
        var standing = await connection.RowsAsync(
            $"SELECT v.starts_at, v.value, o.holds_until {Standing} ORDER BY v.starts_at",
            r => (Start: r.GetFieldValue<Instant>(0), Value: r.GetDecimal(1), HoldsUntil: r.IsDBNull(2) ? default(Instant?) : r.GetFieldValue<Instant>(2)), cancellationToken, series, load - 1);
        var coversUntil = given.End ?? fresh[^1].Start + Duration.FromMilliseconds(1);
        var covered = standing.Where(s => s.Start >= given.Start && s.Start < coversUntil).ToDictionary(s => s.Start, s => s.Value);
        var replaced = covered.Count(c => given.At(c.Key) != c.Value);
        if (Steps([.. standing.Select(s => s.Start)]) is { Length: > 0 } old && old.Min() <= SmallCsv.LongestInterval)
        {
            // A price of an hour that quarter hours now cut.
            var before = new ValueSeries(standing.Select(s => (s.Start, s.Value)), standing[^1].HoldsUntil);
            replaced += fresh.Count(f => !covered.ContainsKey(f.Start) && before.At(f.Start) is { } value && value != f.Value);
        }

        if (fresh.All(f => covered.TryGetValue(f.Start, out var known) && known == f.Value) && covered.Count == fresh.Length)
        {
            return new PriceSeriesLoad(series, load - 1, false, 0, 0, given.Start, given.End, []);
        }

        if (replaced > 0 && string.IsNullOrWhiteSpace(reason))
        {
            return Refused(new Problem("reason", $"{replaced} values of {series} from {given.Start} on were loaded before and differ; give a reason if they are to change, it is kept"));
        }

        var merged = standing.Where(s => !covered.ContainsKey(s.Start)).Select(s => s.Start).Concat(fresh.Select(f => f.Start)).Order().ToArray();
        foreach (var hole in SmallCsv.Holes(merged).Take(1))
        {
            return Refused(new Problem(series, $"values are missing between {merged[hole]} and {merged[hole + 1]}; load them too"));
        }

        var holdsUntil = HoldsUntil(given, merged);
        await connection.RunAsync(
            "INSERT INTO price_series_load (series, load, from_at, covers_until, holds_until, values_loaded, actor, reason, loaded_at) VALUES ($1, $2, $3, $4, $5::timestamptz, $6, $7, $8, $9)",
            cancellationToken, series, load, given.Start, coversUntil, holdsUntil, fresh.Length, actor, reason, Instant.FromDateTimeOffset(at));
        await connection.RunAsync(
            "INSERT INTO price_series_value (series, load, starts_at, value) SELECT $1, $2, starts_at, value FROM unnest($3::timestamptz[], $4::numeric[]) AS v (starts_at, value)",
            cancellationToken, series, load, fresh.Select(f => f.Start).ToArray(), fresh.Select(f => f.Value).ToArray());
        await AuditLog.WriteAsync(
            connection, Instant.FromDateTimeOffset(at), [new AuditEntry(actor, "load", $"price-series:{series}", null, new { load, values = fresh.Length, replaced, from = given.Start, until = holdsUntil }, reason)], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new PriceSeriesLoad(series, load, true, fresh.Length, replaced, given.Start, holdsUntil, []);
    }

    // A price of an hour ends with the hour. A dated factor holds as long as the longest before it did: a month that nobody has loaded yet is not billed by last month's. One that
    // stands alone holds on.
    private static Instant? HoldsUntil(ValueSeries given, Instant[] merged)
    {
        var last = given[given.Count - 1].Start;
        if (given.End is { } end)
        {
            return end;
        }

        var steps = Steps(merged);
        return steps.Length == 0 ? null : steps.Min() <= SmallCsv.LongestInterval ? last + steps.Min() : last + steps.Max();
    }

    private static Duration[] Steps(Instant[] starts) => [.. starts.Zip(starts.Skip(1), (a, b) => b - a)];
}
