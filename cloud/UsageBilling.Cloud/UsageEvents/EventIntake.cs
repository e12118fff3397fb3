using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.Json.Serialization;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Events;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>What became of an event.</summary>
internal enum EventStatus
{
    /// <summary>It is kept and counts.</summary>
    Accepted,

    /// <summary>It was kept before, the same; it counts once.</summary>
    Duplicate,

    /// <summary>It is not kept; the reason says what to do.</summary>
    Refused,
}

/// <summary>The result of one event. Late: its day had ended for the channel, and is computed again.</summary>
internal sealed record EventResult(int Index, string? Source, string? Id, EventStatus Status, bool Late, string? Channel, string? Path, string? Reason)
{
    /// <summary>What is wrong, in one word to count it by; null where nothing is.</summary>
    [JsonIgnore]
    public string? Kind { get; init; }
}

/// <summary>What became of a request's events, each by its place in the request.</summary>
internal sealed record EventReceipt(int Accepted, int Duplicates, int Refused, int Late, IReadOnlyList<EventResult> Results);

/// <summary>
/// Takes events: each is read by its definition; what can be taken is kept in one transaction, in which the touched days become due for computing. Whether an event was
/// there before is decided by the key of the table.
/// </summary>
internal sealed class EventIntake(NpgsqlDataSource database, TimeProvider time, IMeterFactory meters)
{
    private readonly Counter<long> counter = meters.Create("UsageBilling.Cloud.UsageEvents").CreateCounter<long>("usage_events", description: "Usage events by what became of them.");

    private sealed record Candidate(DecodedEvent Decoded, UsageDefinition Definition, ReadEvent Event)
    {
        public ChannelKey Channel { get; set; }

        public (ChannelId, string, string) Key => (Channel.Id, Event.Source, Event.Id);
    }

    public async Task<EventReceipt> TakeAsync(IReadOnlyList<DecodedEvent> events, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        var results = new EventResult[events.Count];
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var candidates = await ReadAsync(connection, events, results, now, cancellationToken);
        candidates = await RouteAsync(connection, candidates, results, now, cancellationToken);
        await KeepAsync(connection, candidates, results, now, cancellationToken);
        await EventRefusals.NoteAsync(connection, [.. results.Where(r => r.Status == EventStatus.Refused).Select(r => (events[r.Index], r))], now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        foreach (var status in results.GroupBy(r => r.Status))
        {
            counter.Add(status.Count(), new KeyValuePair<string, object?>("status", status.Key.ToString().ToLowerInvariant()));
        }

        return new(
            results.Count(r => r.Status == EventStatus.Accepted), results.Count(r => r.Status == EventStatus.Duplicate), results.Count(r => r.Status == EventStatus.Refused),
            results.Count(r => r.Late), results);
    }

    private static async Task<List<Candidate>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<DecodedEvent> events, EventResult[] results, Instant now, CancellationToken cancellationToken)
    {
        var definitions = await UsageDefinitions.ReadAsync(connection, events.Select(e => e.Attribute("type")).OfType<string>(), cancellationToken);
        var floor = await Retention.FloorAsync(connection, cancellationToken);
        var candidates = new List<Candidate>(events.Count);
        foreach (var e in events)
        {
            if (e.Problem is not null)
            {
                results[e.Index] = Refused(e, "no-cloud-event", null, e.Problem);
            }
            else if (!definitions.TryGetValue(e.Attribute("type")!, out var definition))
            {
                results[e.Index] = Refused(e, "unknown-type", "type", $"no usage definition takes events of type {e.Attribute("type")}; register one (POST {ApiRoutes.Prefix}/usage-definitions)");
            }
            else
            {
                var (read, problem) = EventReading.Read(definition, e.Attributes, e.Time, e.Data, now + Duration.FromMinutes(EventLimits.MinutesAhead));
                if (read?.At < floor)
                {
                    (read, problem) = ((ReadEvent?)null, new EventProblem("time", $"{e.Time} is older than what is kept, which begins at {floor}"));
                }

                if (read is null)
                {
                    results[e.Index] = Refused(e, problem!.Path is "time" or "source" or "id" ? problem.Path : problem.Path == definition.Point.Text ? "customer" : "value", problem.Path, problem.Message);
                }
                else
                {
                    candidates.Add(new Candidate(e, definition, read));
                }
            }
        }

        return candidates;
    }

    // From the sender's name of a customer to a channel that takes events of this type.
    private static async Task<List<Candidate>> RouteAsync(NpgsqlConnection connection, List<Candidate> candidates, EventResult[] results, Instant now, CancellationToken cancellationToken)
    {
        var routed = new List<Candidate>(candidates.Count);
        foreach (var type in candidates.GroupBy(c => c.Definition.EventType).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var definition = type.First().Definition;
            var subjects = await UsageDefinitions.SubjectsAsync(connection, type.Key, type.Select(c => c.Event.Point), cancellationToken);
            var points = await AccountLookup.ServicePointsAsync(connection, type.Select(c => subjects.GetValueOrDefault(c.Event.Point, c.Event.Point)), cancellationToken);
            var refused = await UsageChannels.EnsureAsync(connection, definition, points.Values, now, cancellationToken);
            foreach (var candidate in type)
            {
                var point = subjects.GetValueOrDefault(candidate.Event.Point, candidate.Event.Point);
                if (!points.ContainsKey(point))
                {
                    results[candidate.Decoded.Index] = Refused(
                        candidate.Decoded, "customer", definition.Point.Text, $"'{candidate.Event.Point}' is neither a service point nor a subject of {type.Key}; add it to the definition's subjects");
                }
                else if (refused.TryGetValue(point, out var reason))
                {
                    results[candidate.Decoded.Index] = Refused(candidate.Decoded, "channel", "type", reason);
                }
                else
                {
                    candidate.Channel = new ChannelKey(point, definition.Measurand);
                    routed.Add(candidate);
                }
            }
        }

        return routed;
    }

    private static async Task KeepAsync(NpgsqlConnection connection, List<Candidate> candidates, EventResult[] results, Instant now, CancellationToken cancellationToken)
    {
        if (candidates.Count == 0)
        {
            return;
        }

        await MeasuredLayer.LockAsync(connection, [.. candidates.Select(c => c.Channel.Id).Distinct()], ChannelFeed.Events, cancellationToken);
        var closed = await UsageChannels.ReadAsync(connection, candidates.Select(c => c.Channel.Id), cancellationToken);
        var added = await InsertAsync(connection, candidates, now, cancellationToken);
        var kept = await KeptAsync(connection, candidates, cancellationToken);
        var touched = new HashSet<(ChannelId, LocalDate)>();
        var counts = candidates.Select(c => c.Channel.Id).Distinct().ToDictionary(c => c, _ => (Added: 0L, Late: 0L, Duplicates: 0L));
        foreach (var candidate in candidates)
        {
            var (e, channel) = (candidate.Event, candidate.Channel);
            var count = counts[channel.Id];
            var same = kept[candidate.Key] == (e.At, e.Value);
            if (same && added.Remove(candidate.Key))
            {
                var day = UtcDay.Of(e.At);
                var late = day <= closed[channel.Id].ClosedThrough;
                touched.Add((channel.Id, day));
                counts[channel.Id] = (count.Added + 1, count.Late + (late ? 1 : 0), count.Duplicates);
                results[candidate.Decoded.Index] = new(candidate.Decoded.Index, e.Source, e.Id, EventStatus.Accepted, late, channel.ToString(), null, null);
            }
            else if (same)
            {
                counts[channel.Id] = count with { Duplicates = count.Duplicates + 1 };
                results[candidate.Decoded.Index] = new(candidate.Decoded.Index, e.Source, e.Id, EventStatus.Duplicate, false, channel.ToString(), null, null);
            }
            else
            {
                var (at, value) = kept[candidate.Key];
                results[candidate.Decoded.Index] = Refused(candidate.Decoded, "id", "id", $"source {e.Source} used this id for {value} at {at}; an event never changes, send another one under an id of its own");
            }
        }

        await NoteAsync(connection, touched, counts, now, cancellationToken);
    }

    private static async Task<HashSet<(ChannelId, string, string)>> InsertAsync(NpgsqlConnection connection, List<Candidate> candidates, Instant now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO usage_event (channel_id, source, event_id, event_at, received_at, value, attributes)
            SELECT channel_id, source, event_id, event_at, $1, value, attributes::jsonb
            FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::numeric[], $7::text[]) AS e (channel_id, source, event_id, event_at, value, attributes)
            ON CONFLICT (channel_id, source, event_id) DO NOTHING
            RETURNING channel_id, source, event_id
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = now },
                new() { Value = candidates.Select(c => c.Channel.Id.Value).ToArray() },
                new() { Value = candidates.Select(c => c.Event.Source).ToArray() },
                new() { Value = candidates.Select(c => c.Event.Id).ToArray() },
                new() { Value = candidates.Select(c => c.Event.At).ToArray() },
                new() { Value = candidates.Select(c => c.Event.Value).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Numeric },
                new() { Value = candidates.Select(c => JsonSerializer.Serialize(c.Decoded.Attributes)).ToArray() },
            },
        };
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var added = new HashSet<(ChannelId, string, string)>();
        while (await row.ReadAsync(cancellationToken))
        {
            added.Add((new ChannelId(row.GetGuid(0)), row.GetString(1), row.GetString(2)));
        }

        return added;
    }

    private static async Task<Dictionary<(ChannelId, string, string), (Instant At, decimal Value)>> KeptAsync(NpgsqlConnection connection, List<Candidate> candidates, CancellationToken cancellationToken) =>
        (await connection.RowsAsync(
            """
            SELECT DISTINCT e.channel_id, e.source, e.event_id, e.event_at, e.value
            FROM unnest($1::uuid[], $2::text[], $3::text[]) AS w (channel_id, source, event_id)
            JOIN usage_event e ON e.channel_id = w.channel_id AND e.source = w.source AND e.event_id = w.event_id
            """,
            r => (Key: (new ChannelId(r.GetGuid(0)), r.GetString(1), r.GetString(2)), Kept: (r.GetFieldValue<Instant>(3), r.GetDecimal(4))),
            cancellationToken,
            candidates.Select(c => c.Channel.Id.Value).ToArray(), candidates.Select(c => c.Event.Source).ToArray(), candidates.Select(c => c.Event.Id).ToArray())).ToDictionary(k => k.Key, k => k.Kept);

    private static async Task NoteAsync(
        NpgsqlConnection connection, HashSet<(ChannelId Channel, LocalDate Day)> touched, Dictionary<ChannelId, (long Added, long Late, long Duplicates)> counts, Instant now, CancellationToken cancellationToken)
    {
        await connection.RunAsync(
            """
            INSERT INTO usage_day_due (channel_id, day, noted_at) SELECT channel_id, day, $1 FROM unnest($2::uuid[], $3::date[]) AS d (channel_id, day)
            ON CONFLICT (channel_id, day) DO UPDATE SET error = NULL
            """,
            cancellationToken, now, touched.Select(t => t.Channel.Value).ToArray(), touched.Select(t => t.Day).ToArray());
        await connection.RunAsync(
            """
            UPDATE usage_channel c SET events = c.events + n.added, late_events = c.late_events + n.late, duplicates = c.duplicates + n.duplicates, last_received_at = $1
            FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n (channel_id, added, late, duplicates) WHERE c.channel_id = n.channel_id
            """,
            cancellationToken, now, counts.Keys.Select(c => c.Value).ToArray(), counts.Values.Select(c => c.Added).ToArray(), counts.Values.Select(c => c.Late).ToArray(),
            counts.Values.Select(c => c.Duplicates).ToArray());
    }

    private static EventResult Refused(DecodedEvent e, string kind, string? path, string reason) =>
        new(e.Index, e.Attribute("source"), e.Attribute("id"), EventStatus.Refused, false, null, path, reason) { Kind = kind };
}
