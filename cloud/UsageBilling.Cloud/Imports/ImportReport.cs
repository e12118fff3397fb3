using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using NodaTime.Text;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Cloud.Imports;

/// <summary>What <c>usage-cloud import</c> prints about a file. The JSON's <c>channels</c> and <c>errors</c> are a contract.</summary>
internal static class ImportReport
{
    private const int HolesListed = 100;

    /// <summary>How reports are printed.</summary>
    public static JsonSerializerOptions Readable { get; } = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary><c>{taken, channels:[{id,register,unit,intervalMinutes,days,intervals,sum,gaps,duplicates,quality,…}], errors:[{line,reason}],notes:[{line,reason}]}</c>: a file that
    /// is refused has no channels; the errors of one that is taken are its defects; notes say what is to be known and is nothing wrong.</summary>
    public static void WriteJson(Stream output, FileSurvey survey)
    {
        using var writer = new Utf8JsonWriter(output, Indented);
        writer.WriteStartObject();
        writer.WriteBoolean("taken", !survey.Refused);
        writer.WriteStartArray("channels");
        foreach (var stream in survey.Refused ? [] : survey.Streams)
        {
            Write(writer, stream);
        }

        writer.WriteEndArray();
        Write(writer, "errors", Shown(survey));
        Write(writer, "notes", survey.Notes);
        writer.WriteEndObject();
    }

    /// <summary>The same for people.</summary>
    public static void WriteText(TextWriter output, TextWriter errors, string file, FileSurvey survey, long delivered = 0)
    {
        foreach (var problem in Shown(survey))
        {
            errors.WriteLine($"{file}:{problem.Line}: {problem.Reason}");
        }

        foreach (var note in survey.Notes)
        {
            errors.WriteLine($"{file}:{note.Line}: note: {note.Reason}");
        }

        if (survey.Refused)
        {
            errors.WriteLine(delivered == 0 ? $"{file} is refused; nothing of it was taken." : $"{file} is refused; {delivered} days and totals of it had been delivered before.");
            return;
        }

        foreach (var stream in survey.Streams)
        {
            var channel = stream.Channel;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{channel.Id} {channel.Register}: {DecimalText.Format(stream.Sum)} {channel.Unit} in {stream.Intervals} {(channel.IntervalMinutes is { } minutes ? $"intervals of {minutes} min" : "totals")} on {stream.Days} days, {stream.From} to {stream.To}; {Gaps(stream)}, {stream.Duplicates} duplicates; {string.Join(", ", stream.Quality.Select(q => $"{q.Value} {q.Key}"))}"));
            output.WriteLine($"  → {ImportTarget.Describe(stream)}");
        }
    }

    /// <summary>How many holes of which length: "4 single gaps, 1 hole of 48 (from …)".</summary>
    public static string Gaps(StreamSurvey stream)
    {
        if (stream.Gaps == 0)
        {
            return "no gaps";
        }

        if (stream.Channel.IntervalMinutes is null)
        {
            return $"{stream.Gaps} gaps";
        }

        var holes = stream.Holes().GroupBy(hole => hole.Intervals).OrderBy(g => g.Key).Select(g => (Length: g.Key, Count: g.Count(), First: g.First().From)).ToArray();
        return string.Join(", ", holes.Take(10).Select(h => h.Length == 1 ? $"{h.Count} single gaps" : $"{h.Count} {(h.Count == 1 ? "hole" : "holes")} of {h.Length}{(h.Count == 1 ? $" (from {h.First})" : string.Empty)}"))
            + (holes.Length > 10 ? $" and {holes.Skip(10).Sum(h => h.Count)} longer ones" : string.Empty);
    }

    private static void Write(Utf8JsonWriter writer, string name, IEnumerable<SourceProblem> problems)
    {
        writer.WriteStartArray(name);
        foreach (var problem in problems)
        {
            writer.WriteStartObject();
            writer.WriteNumber("line", problem.Line);
            writer.WriteString("reason", problem.Reason);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, StreamSurvey stream)
    {
        var channel = stream.Channel;
        writer.WriteStartObject();
        writer.WriteString("id", channel.Id);
        writer.WriteString("register", channel.Register);
        writer.WriteString("unit", channel.Unit);
        if ((channel.IntervalMinutes ?? channel.NominalMinutes) is { } minutes)
        {
            writer.WriteNumber("intervalMinutes", minutes);
        }
        else
        {
            writer.WriteNull("intervalMinutes");
        }

        writer.WriteNumber("days", stream.Days);
        writer.WriteNumber("intervals", stream.Intervals);
        writer.WriteString("sum", DecimalText.Format(stream.Sum));
        writer.WriteNumber("gaps", stream.Gaps);
        writer.WriteNumber("duplicates", stream.Duplicates);
        writer.WriteStartObject("quality");
        foreach (var (code, count) in stream.Quality)
        {
            writer.WriteNumber(code, count);
        }

        writer.WriteEndObject();
        writer.WriteStartArray("holes");
        foreach (var hole in channel.IntervalMinutes is null ? [] : stream.Holes().Take(HolesListed))
        {
            writer.WriteStartObject();
            writer.WriteString("from", InstantPattern.General.Format(hole.From));
            writer.WriteNumber("intervals", hole.Intervals);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteString("from", stream.From is { } from ? InstantPattern.General.Format(from) : null);
        writer.WriteString("to", stream.To is { } to ? InstantPattern.General.Format(to) : null);
        writer.WriteString("channel", ImportTarget.Of(channel)?.Key.ToString());
        writer.WriteEndObject();
    }

    private static IEnumerable<SourceProblem> Shown(FileSurvey survey)
    {
        foreach (var problem in survey.Problems.OrderBy(p => p.Line))
        {
            yield return problem;
        }

        if (survey.MoreProblems > 0)
        {
            yield return new SourceProblem(survey.Problems[^1].Line, $"and {survey.MoreProblems} more problems", survey.Refused);
        }
    }
}
