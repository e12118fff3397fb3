using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Events;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>A usage definition with its place in the document, the names that it was written with, and the senders' names of service points.</summary>
public sealed record ProvisionedUsage(string Path, UsageDefinition Definition, string Measure, string Unit, IReadOnlyDictionary<string, string> Subjects);

/// <summary>
/// Registers usage definitions in the caller's transaction. A definition never changes; subjects may be added, and one belongs to its service point for ever. The channels of the
/// subjects are made at once, so that a customer who uses nothing is billed for nothing rather than not at all.
/// </summary>
public sealed class UsageDefinitionStore(NpgsqlConnection connection, string actor, Instant now)
{
    /// <summary>Saves one; with any problem the caller rolls back.</summary>
    public async Task<(Saved Saved, IReadOnlyList<ProvisioningProblem> Problems)> SaveAsync(ProvisionedUsage usage, CancellationToken cancellationToken)
    {
        var problems = new List<ProvisioningProblem>();
        var (definition, path) = (usage.Definition, usage.Path);
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        if (UtcDay.StartOf(definition.From) < floor)
        {
            problems.Add(new($"{path}.from", $"{definition.From:uuuu-MM-dd} is older than what is kept, which begins at {floor}"));
            return (Saved.Unchanged, problems);
        }

        var added = await connection.RunAsync(
            """
            INSERT INTO usage_definition (event_type, measure, aggregation, value_path, point_path, unit, exponent, interval_minutes, where_nothing, from_day, registered_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (event_type) DO NOTHING
            """,
            cancellationToken,
            definition.EventType, usage.Measure, UsageDefinitions.Name(definition.Aggregation), definition.Value?.Text, definition.Point.Text, usage.Unit, (short)definition.Exponent,
            (short)definition.IntervalMinutes, definition.ZeroWhereNothing ? "zero" : "missing", definition.From, now) == 1;
        var stored = (await UsageDefinitions.ReadAsync(connection, [definition.EventType], cancellationToken))[definition.EventType];
        if (stored != definition)
        {
            problems.Add(new(path, $"{definition.EventType} is registered otherwise, and intervals and bills stand on it; give this definition an event type of its own"));
            return (Saved.Unchanged, problems);
        }

        var subjects = await SaveSubjectsAsync(usage, problems, cancellationToken);
        if (added || subjects > 0)
        {
            await AuditLog.WriteAsync(
                connection, now,
                [new AuditEntry(actor, added ? "add" : "change", $"usage:{definition.EventType}", null, new { usage.Measure, aggregation = UsageDefinitions.Name(definition.Aggregation), value = definition.Value?.Text, definition.From, newSubjects = subjects })],
                cancellationToken);
        }

        return (added ? Saved.Added : subjects > 0 ? Saved.Changed : Saved.Unchanged, problems);
    }

    private async Task<int> SaveSubjectsAsync(ProvisionedUsage usage, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        if (usage.Subjects.Count == 0)
        {
            return 0;
        }

        var type = usage.Definition.EventType;
        var points = await AccountLookup.ServicePointsAsync(connection, usage.Subjects.Values, cancellationToken);
        foreach (var (subject, point) in usage.Subjects.Where(s => !points.ContainsKey(s.Value)))
        {
            problems.Add(new($"{usage.Path}.subjects.{subject}", $"there is no service point {point}"));
        }

        var added = problems.Count > 0 ? 0 : await connection.RunAsync(
            """
            INSERT INTO usage_subject (event_type, subject, service_point_id) SELECT $1, s, p FROM unnest($2::text[], $3::text[]) AS n (s, p)
            ON CONFLICT (event_type, subject) DO NOTHING
            """,
            cancellationToken, type, usage.Subjects.Keys.ToArray(), usage.Subjects.Values.ToArray());
        var stored = await UsageDefinitions.SubjectsAsync(connection, type, usage.Subjects.Keys, cancellationToken);
        foreach (var (subject, point) in usage.Subjects.Where(s => stored.TryGetValue(s.Key, out var other) && other != s.Value))
        {
            problems.Add(new($"{usage.Path}.subjects.{subject}", $"{subject} belongs to service point {stored[subject]}, and its events with it; let the sender use another name for {point}"));
        }

        if (problems.Count > 0)
        {
            return 0;
        }

        var refused = await UsageChannels.EnsureAsync(connection, usage.Definition, [.. points.Values.DistinctBy(p => p.Id)], now, cancellationToken);
        problems.AddRange(refused.Select(r => new ProvisioningProblem($"{usage.Path}.subjects.{usage.Subjects.First(s => s.Value == r.Key).Key}", r.Value)));
        return added;
    }
}

/// <summary>Registered definitions.</summary>
public static class UsageDefinitions
{
    /// <summary>Definitions by event type; unknown types are not in the result.</summary>
    public static async Task<Dictionary<string, UsageDefinition>> ReadAsync(NpgsqlConnection connection, IEnumerable<string> types, CancellationToken cancellationToken) =>
        (await connection.RowsAsync($"SELECT {Columns} FROM usage_definition WHERE event_type = ANY($1)", Read, cancellationToken, types.Distinct().ToArray()))
            .ToDictionary(d => d.Definition.EventType, d => d.Definition, StringComparer.Ordinal);

    /// <summary>Service points by the names that senders of a type use.</summary>
    public static async Task<Dictionary<string, string>> SubjectsAsync(NpgsqlConnection connection, string type, IEnumerable<string> subjects, CancellationToken cancellationToken) =>
        (await connection.RowsAsync(
            "SELECT subject, service_point_id FROM usage_subject WHERE event_type = $1 AND subject = ANY($2)", r => (r.GetString(0), r.GetString(1)), cancellationToken, type, subjects.Distinct().ToArray()))
            .ToDictionary(s => s.Item1, s => s.Item2, StringComparer.Ordinal);

    internal const string Columns = "event_type, measure, aggregation, value_path, point_path, unit, exponent, interval_minutes, where_nothing, from_day, registered_at";

    internal static ProvisionedUsage Read(NpgsqlDataReader row)
    {
        var measurand = Rating.Tariffs.Measure.Find(row.GetString(1))!.Value;
        return new ProvisionedUsage(
            "$",
            new UsageDefinition
            {
                EventType = row.GetString(0),
                Measurand = measurand,
                Aggregation = Enum.Parse<UsageAggregation>(row.GetString(2), ignoreCase: true),
                Value = row.TextOrNull(3) is { } value ? EventPath.Parse(value) : null,
                Point = EventPath.Parse(row.GetString(4))!,
                UnitFactor = (long)Rating.Tariffs.Measure.BaseUnitsIn(Unit.Find(row.GetString(5))!, measurand.Quantity)!.Value,
                Exponent = row.GetInt16(6),
                IntervalMinutes = row.GetInt16(7),
                ZeroWhereNothing = row.GetString(8) == "zero",
                From = row.GetFieldValue<LocalDate>(9),
            },
            row.GetString(1),
            row.GetString(5),
            new Dictionary<string, string>());
    }

    internal static string Name(UsageAggregation aggregation) => aggregation.ToString().ToLowerInvariant();
}
