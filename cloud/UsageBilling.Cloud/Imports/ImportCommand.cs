using System.CommandLine;
using NodaTime;
using UsageBilling.Metering.Formats;

namespace UsageBilling.Cloud.Imports;

/// <summary><c>usage-cloud import FILE --format …</c>. With <c>--dry-run</c> no database, no network, nothing is written.</summary>
internal static class ImportCommand
{
    public static Command Build()
    {
        var file = new Argument<FileInfo>("file") { Description = "The file; gzip and ZIP archives of one file are read through." };
        var format = new Option<string>("--format") { Description = "nem12, nem13, greenbutton or csv.", Required = true };
        format.AcceptOnlyFromAmong(ImportFormat.Names);
        var zone = new Option<string?>("--zone") { Description = "IANA zone: of CSV times without an offset (without it they are UTC), and of the service point that the first import makes." };
        var point = new Option<string?>("--point") { Description = "Service point, for a file of one metering point: instead of its own name (a CSV's is the file's name)." };
        var unit = new Option<string>("--unit") { Description = "Unit of CSV columns that name none.", DefaultValueFactory = _ => "kWh" };
        var stamps = new Option<string?>("--stamps") { Description = "Where a CSV's time stands in its interval: start or end. Without it the column's name decides, and start where it does not say." };
        stamps.AcceptOnlyFromAmong("start", "end");
        var interval = new Option<int?>("--interval") { Description = "Minutes of a CSV's interval; without it the smallest distance between its first rows." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would happen. Needs no database and stores nothing." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("import", "Take meter data from a file.") { file, format, zone, point, unit, stamps, interval, dryRun, json };
        command.SetAction((parsed, _) =>
        {
            var source = parsed.GetRequiredValue(file);
            var read = new ImportFormat(
                parsed.GetRequiredValue(format), source.Name, parsed.GetValue(zone), parsed.GetValue(point), parsed.GetRequiredValue(unit), parsed.GetValue(stamps), parsed.GetValue(interval));
            if (Wrong(read) is { } usage)
            {
                Console.Error.WriteLine(usage);
                return Task.FromResult(ExitCodes.Usage);
            }

            return Task.FromResult(DryRun(source, read, parsed.GetValue(json)));
        });
        return command;
    }

    private static string? Wrong(ImportFormat read) =>
        read.Zone is { } zone && DateTimeZoneProviders.Tzdb.GetZoneOrNull(zone) is null ? $"--zone {zone}: no such IANA time zone; write for example Europe/Berlin."
        : read.Point is { } point && !Protocols.Name.IsValid(point) ? $"--point {point}: a service point is 1 to {Protocols.Name.MaxLength} letters, digits, '-', '_' or '.'."
        : read.IntervalMinutes is < 1 or > 60 ? $"--interval {read.IntervalMinutes}: 1 to 60 minutes."
        : null;

    private static int DryRun(FileInfo source, ImportFormat read, bool json)
    {
        FileSurvey survey;
        try
        {
            var raw = RawFile.At(source.FullName);
            survey = FileSurvey.Of(() => read.Read(raw));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            survey = new FileSurvey();
            survey.Add(new SourceProblem(0, $"{source.FullName} cannot be read: {error.Message}", true));
        }

        if (json)
        {
            using var output = Console.OpenStandardOutput();
            ImportReport.WriteJson(output, survey);
        }
        else
        {
            ImportReport.WriteText(Console.Out, Console.Error, source.Name, survey);
        }

        return survey.Refused ? ExitCodes.BadInput : ExitCodes.Ok;
    }
}
