using System.CommandLine;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>
/// <c>usage-cloud rate</c>: prices usage from files by a tariff from a file. No database, no network, nothing is written.
/// </summary>
internal static class RateCommand
{
    public static Command Build()
    {
        var tariff = new Option<FileInfo>("--tariff") { Description = "Tariff: a native document or a Utility Rate Database rate.", Required = true };
        var usage = new Option<FileInfo>("--usage") { Description = "Usage: CSV with the header start,import_wh[,export_wh][,import_varh].", Required = true };
        var zone = new Option<string>("--zone") { Description = "IANA time zone of the service point.", Required = true };
        var from = new Option<string>("--from") { Description = "First local day, 2026-01-01.", Required = true };
        var to = new Option<string>("--to") { Description = "The local day after the last.", Required = true };
        var anchor = new Option<int>("--anchor") { Description = "Day of the month on which billing months begin.", DefaultValueFactory = _ => 1 };
        var contract = new Option<FileInfo?>("--contract") { Description = "Parameters of the contract (JSON)." };
        var series = new Option<string[]>("--series") { Description = "A series that the tariff names: NAME=FILE.csv with the header start,value.", AllowMultipleArgumentsPerToken = false };
        var history = new Option<FileInfo?>("--demand-history") { Description = "Peaks of earlier months: CSV with the header month,kw." };
        var allocation = new Option<string?>("--tier-allocation") { Description = "How periods share tiers." };
        allocation.AcceptOnlyFromAmong("proportional", "chronological", "per-period");
        var gaps = new Option<string?>("--gaps") { Description = "zero: intervals that are missing used nothing." };
        gaps.AcceptOnlyFromAmong("zero");
        var start = new Option<string?>("--start") { Description = "Start of the first row of a file without a start column." };
        var interval = new Option<int?>("--interval") { Description = "Minutes of an interval: 5, 10, 15, 30 or 60." };
        var explain = new Option<bool>("--explain") { Description = "Say how each line comes about." };
        var json = new Option<bool>("--json") { Description = "Print the result, or the errors, as JSON." };
        var command = new Command("rate", "Price usage from a file by a tariff from a file.")
        {
            tariff, usage, zone, from, to, anchor, contract, series, history, allocation, gaps, start, interval, explain, json,
        };
        command.SetAction(parsed =>
        {
            var (request, wrong) = Read(parsed.GetRequiredValue(zone), parsed.GetRequiredValue(from), parsed.GetRequiredValue(to), parsed.GetValue(anchor));
            if (request is not { } days)
            {
                Console.Error.WriteLine(wrong);
                return ExitCodes.Usage;
            }

            var files = new RateFiles(
                parsed.GetRequiredValue(tariff).FullName,
                parsed.GetRequiredValue(usage).FullName,
                parsed.GetValue(contract)?.FullName,
                parsed.GetValue(history)?.FullName,
                parsed.GetValue(series) ?? [],
                AllocationOf(parsed.GetValue(allocation)),
                new(parsed.GetValue(start), parsed.GetValue(interval), parsed.GetValue(gaps) == "zero"));
            return Run(days, files, parsed.GetValue(explain), parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(RateDays days, RateFiles files, bool explain, bool json)
    {
        var loaded = files.Load(days);
        if (loaded.Problems.Count > 0)
        {
            return RateOutput.Fail(loaded.Problems, json);
        }

        RateOutput.Warn(loaded.Unused);
        try
        {
            var bills = new List<RatedPeriod>();
            var state = loaded.Contract.Opening;
            var plans = new Rating.Determinants.RatePlans();
            foreach (var period in days.Periods())
            {
                bills.Add(RatingEngine.Rate(loaded.Input(period, days.AnchorDay, state), plans));
                state = bills[^1].Closing;
            }

            RateOutput.Print(loaded.Tariff!, days, bills, explain, json);
            return ExitCodes.Ok;
        }
        catch (RatingInputException error)
        {
            return RateOutput.Fail([.. error.Problems.Select(problem => new FileProblem(files.FileOf(problem), problem))], json);
        }
    }

    private static (RateDays? Days, string Wrong) Read(string zoneId, string from, string to, int anchor)
    {
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(zoneId) is not { } zone)
        {
            return (null, $"--zone {zoneId}: no such IANA time zone; write for example Europe/Berlin.");
        }

        var (first, last) = (LocalDatePattern.Iso.Parse(from), LocalDatePattern.Iso.Parse(to));
        if (!first.Success || !last.Success)
        {
            return (null, $"{(first.Success ? $"--to {to}" : $"--from {from}")}: not a date; write 2026-01-31.");
        }

        if (last.Value <= first.Value || Period.DaysBetween(first.Value, last.Value) > RateDays.MostDays)
        {
            return (null, $"--to {to} must lie after --from {from}, at most {RateDays.MostDays} days.");
        }

        return anchor is < 1 or > 31 ? (null, $"--anchor {anchor}: not a day of the month.") : (new RateDays(first.Value, last.Value, zone, anchor), string.Empty);
    }

    private static TierAllocation? AllocationOf(string? text) => text switch
    {
        "proportional" => TierAllocation.Proportional,
        "chronological" => TierAllocation.Chronological,
        "per-period" => TierAllocation.PerPeriod,
        _ => null,
    };
}
