using System.Text;
using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.UsageEvents;

/// <summary>Refused events of one kind, source and type, with the latest one as it came, as far as there is room.</summary>
internal sealed record EventRefusalRow(string Kind, string Source, string EventType, long Times, Instant FirstAt, Instant LastAt, string LastReason, string LastEvent);

/// <summary>
/// What was refused. A sender is told at once, but nobody else would know: so it is counted by what is wrong, by source and by type, with the latest example. Sources and types beyond a
/// thousand rows are counted together, so that nobody fills the table with names.
/// </summary>
internal static class EventRefusals
{
    /// <summary>What stands for sources that are not kept apart.</summary>
    public const string Others = "(others)";

    /// <summary>Rows that are kept apart.</summary>
    public const int MostRows = 1_000;

    private const int MostExample = 2_000;

    /// <summary>Counts, in the caller's transaction.</summary>
    public static async Task NoteAsync(NpgsqlConnection connection, IReadOnlyList<(DecodedEvent Event, EventResult Result)> refused, Instant now, CancellationToken cancellationToken)
    {
        if (refused.Count == 0)
        {
            return;
        }

        var known = (await connection.RowsAsync("SELECT kind, source, event_type FROM usage_refusal", r => (r.GetString(0), r.GetString(1), r.GetString(2)), cancellationToken)).ToHashSet();
        (string Kind, string Source, string Type) Key(DecodedEvent e, EventResult r)
        {
            var own = (r.Kind!, Short(e.Attribute("source") ?? ""), Short(e.Attribute("type") ?? ""));
            return known.Contains(own) || known.Count < MostRows && known.Add(own) ? own : (r.Kind!, Others, Others);
        }

        // In one order everywhere, so that two requests never wait for each other.
        foreach (var group in refused.Select(r => (Key: Key(r.Event, r.Result), r.Event, r.Result)).GroupBy(r => r.Key).OrderBy(g => g.Key))
        {
            var (_, last, result) = group.Last();
            await connection.RunAsync(
                """
                INSERT INTO usage_refusal (kind, source, event_type, times, first_at, last_at, last_reason, last_event) VALUES ($1, $2, $3, $4, $5, $5, $6, $7)
                ON CONFLICT (kind, source, event_type) DO UPDATE SET times = usage_refusal.times + EXCLUDED.times, last_at = EXCLUDED.last_at, last_reason = EXCLUDED.last_reason, last_event = EXCLUDED.last_event
                """,
                cancellationToken, group.Key.Kind, group.Key.Source, group.Key.Type, group.LongCount(), now, Clean(result.Reason!), Example(last));
        }
    }

    /// <summary>All of them, the latest first.</summary>
    public static Task<List<EventRefusalRow>> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken) => database.RowsAsync(
        "SELECT kind, source, event_type, times, first_at, last_at, last_reason, last_event FROM usage_refusal ORDER BY last_at DESC, kind, source, event_type",
        r => new EventRefusalRow(r.GetString(0), r.GetString(1), r.GetString(2), r.GetInt64(3), r.GetFieldValue<Instant>(4), r.GetFieldValue<Instant>(5), r.GetString(6), r.GetString(7)), cancellationToken);

    // In structured mode all of the event; in binary mode its attributes, which came as headers, and its data.
    private static string Example(DecodedEvent e)
    {
        var raw = Encoding.UTF8.GetString(e.Raw.Span[..Math.Min(MostExample, e.Raw.Length)]) + (e.Raw.Length > MostExample ? "…" : "");
        var structured = raw.TrimStart().StartsWith('{') && raw.Contains("specversion", StringComparison.Ordinal);
        var text = structured || e.Attributes.Count == 0 ? raw : JsonSerializer.Serialize(e.Attributes) + "\n" + raw;
        return Clean(text.Length > 2 * MostExample ? text[..(2 * MostExample)] : text);
    }

    private static string Short(string text) => Clean(text.Length > 250 ? text[..250] + "…" : text);

    // PostgreSQL keeps no NUL, and no half of a surrogate pair survives UTF-8.
    private static string Clean(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Replace('\0', ' ')));
}
