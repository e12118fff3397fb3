using System.CommandLine;
using System.Text.Json.Nodes;
using UsageBilling.Cloud.Database;
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
        var dates = new Option<string?>("--dates") { Description = "Order of day and month in a CSV's dates like 05/06/2026: dmy or mdy. Without it the file's rows decide, and a file that does not show it is refused." };
        dates.AcceptOnlyFromAmong("dmy", "mdy");
        var sign = new Option<string?>("--decimal") { Description = "Decimal sign of a CSV's numbers: . or , - without it the file's rows decide." };
        sign.AcceptOnlyFromAmong(".", ",");
        var columns = new Option<string[]>("--column") { Description = "A CSV's column of quantities, by its name in the header; may be given several times, and other columns are left aside. Without it the names decide, and a file with two columns for one channel is refused." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would happen. Needs no database and stores nothing." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("import", "Take meter data from a file.") { file, format, zone, point, unit, stamps, interval, dates, sign, columns, dryRun, json }.WithDatabase();
        command.SetAction(async (parsed, cancellation) =>
        {
            var source = parsed.GetRequiredValue(file);
            var read = new ImportFormat(
                parsed.GetRequiredValue(format), source.Name, parsed.GetValue(zone), parsed.GetValue(point), parsed.GetRequiredValue(unit), parsed.GetValue(stamps), parsed.GetValue(interval), parsed.GetValue(dates),
                parsed.GetValue(sign), parsed.GetValue(columns) is { Length: > 0 } named ? named : null);
            if (read.Wrong() is { } usage)
            {
                await Console.Error.WriteLineAsync(usage);
                return ExitCodes.Usage;
            }

            if (parsed.GetValue(dryRun) || !source.Exists)
            {
                return DryRun(source, read, parsed.GetValue(json));
            }

            await using var database = await CloudDatabase.OpenAsync(parsed.Settings(), cancellation);
            return await RunAsync(database, source, read, parsed.GetValue(json), cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(CloudDatabase database, FileInfo source, ImportFormat read, bool json, CancellationToken cancellation)
    {
        ImportOutcome outcome;
        try
        {
            outcome = await new ImportRun(database.Source, TimeProvider.System).RunAsync(
                RawFile.At(source.FullName), read, "cli:" + Environment.UserName, json ? null : new Shown(source.Name), cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"{source.FullName} cannot be read: {error.Message}");
            return ExitCodes.BadInput;
        }

        var record = outcome.Record;
        if (json)
        {
            var report = JsonNode.Parse(outcome.Report)!.AsObject();
            report["import"] = record.Id.ToString();
            report["state"] = record.State;
            report["before"] = outcome.Before;
            report["daysAdded"] = record.DaysAdded;
            report["daysParked"] = record.DaysParked;
            Console.WriteLine(report.ToJsonString(ImportReport.Readable));
        }
        else if (outcome.Before)
        {
            Console.WriteLine($"{source.Name}: nothing new; it was imported at {record.ReceivedAt} as {record.Id}.");
        }
        else
        {
            ImportReport.WriteText(Console.Out, Console.Error, source.Name, outcome.Survey!, record.DaysDelivered);
            Console.WriteLine(record.State is "rejected" or "failed"
                ? $"Kept as {record.State} import {record.Id}."
                : $"Import {record.Id}: {record.DaysDelivered} days and totals delivered, {record.DaysAdded} of them new, {record.DaysParked} older than what is kept and parked.");
            if (record.DaysParked > 0)
            {
                await Console.Error.WriteLineAsync("usage-cloud retention --years N keeps more years before this one, and takes up what is parked.");
            }
        }

        return record.State is "rejected" or "failed" ? ExitCodes.BadInput : ExitCodes.Ok;
    }

    private sealed class Shown(string file) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => Console.Error.WriteLine(value.Line is { } line ? $"{file}: line {line}, {value.Days} days delivered" : $"{file}: {value.Days} days delivered");
    }

    private static int DryRun(FileInfo source, ImportFormat read, bool json)
    {
        FileSurvey survey;
        try
        {
            var raw = RawFile.At(source.FullName);
            survey = FileSurvey.Of(() => read.Read(raw));
            ImportChecks.CheckDry(survey, TimeProvider.System.GetCurrentInstant());
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
