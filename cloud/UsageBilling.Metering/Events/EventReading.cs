using System.Text.Json;
using NodaTime;

namespace UsageBilling.Metering.Events;

/// <summary>What usage takes from an event: who (as the event names them), when, how much (exact, in the definition's unit).</summary>
public sealed record ReadEvent(string Source, string Id, string Point, Instant At, decimal Value);

/// <summary>An event that cannot be taken: where in it, and what is wrong.</summary>
public sealed record EventProblem(string Path, string Message);

/// <summary>Reads one event by its definition.</summary>
public static class EventReading
{
    private const int MostName = 256;

    /// <summary>The event, or what is wrong with it.</summary>
    /// <param name="definition">Of the event's type.</param>
    /// <param name="attributes">Context attributes by name, with <c>source</c> and <c>id</c>.</param>
    /// <param name="time">The <c>time</c> attribute; kept to the microsecond.</param>
    /// <param name="data">The data where it is JSON.</param>
    /// <param name="latest">Times after this instant are not believed.</param>
    public static (ReadEvent? Event, EventProblem? Problem) Read(
        UsageDefinition definition, IReadOnlyDictionary<string, string> attributes, Instant? time, JsonElement? data, Instant latest)
    {
        if (Long(attributes) is { } name)
        {
            return Refused(name, $"has more than {MostName} characters");
        }

        if (time is not { } at)
        {
            return Refused("time", "is missing: usage needs the instant at which it happened, because the time of receipt would bill a resent event elsewhere");
        }

        if (at > latest)
        {
            return Refused("time", $"{at} is in the future; correct the sender's clock");
        }

        var from = Calendars.UtcDay.StartOf(definition.From);
        if (at < from)
        {
            return Refused("time", $"{at} is before {definition.From:uuuu-MM-dd}, from which on {definition.EventType} is taken");
        }

        if (definition.Point.Find(attributes, data, out var problem) is not { Length: > 0 and <= MostName } point || point.Any(char.IsControl))
        {
            return Refused(definition.Point.Text, problem.Length > 0 ? problem : $"must be a name of 1 to {MostName} characters without control characters");
        }

        var value = 1m;
        if (definition.Value is { } path)
        {
            if (path.Find(attributes, data, out problem) is not { } text)
            {
                return Refused(path.Text, problem);
            }

            if (!ExactNumber.TryParse(text, out var number) || !number.TryDecimal(out value))
            {
                return Refused(path.Text, $"'{(text.Length > 60 ? text[..60] + "…" : text)}' is not a decimal number of up to 28 digits");
            }

            if (!number.TryScale(definition.UnitFactor, definition.Exponent, out _, out problem))
            {
                return Refused(path.Text, $"{value} {problem}");
            }
        }

        return (new ReadEvent(attributes["source"], attributes["id"], point, Instant.FromUnixTimeTicks(at.ToUnixTimeTicks() / 10 * 10), value), null);
    }

    private static string? Long(IReadOnlyDictionary<string, string> attributes) =>
        attributes["source"].Length > MostName ? "source" : attributes["id"].Length > MostName ? "id" : null;

    private static (ReadEvent?, EventProblem?) Refused(string path, string message) => (null, new EventProblem(path, message));
}
