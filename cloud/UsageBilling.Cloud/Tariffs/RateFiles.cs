using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Files;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>A problem with the file it was found in; null for the whole.</summary>
internal sealed record FileProblem(string? File, Problem Problem);

/// <summary>The local days that are rated, cut into billing months.</summary>
internal sealed record RateDays(LocalDate From, LocalDate To, DateTimeZone Zone, int AnchorDay)
{
    /// <summary>Fifty years: far more than anybody bills at once.</summary>
    public const int MostDays = 18_300;

    public LocalPeriod Whole => new(From, To, Zone);

    public IEnumerable<LocalPeriod> Periods()
    {
        for (var start = From; start < To;)
        {
            var end = LocalDate.Min(Proration.MonthEnd(start, AnchorDay), To);
            yield return new LocalPeriod(start, end, Zone);
            start = end;
        }
    }
}

/// <summary>The files of one <c>rate</c> command and how they are to be read.</summary>
internal sealed record RateFiles(string Tariff, string Usage, string? Contract, string? DemandHistory, IReadOnlyList<string> Series, TierAllocation? Allocation, UsageCsvOptions Csv)
{
    private const long MostBytes = 512L * 1024 * 1024;

    public RateInputs Load(RateDays days)
    {
        var problems = new List<FileProblem>();
        var contract = ReadContract(problems);
        var opening = contract.Contract.Opening;
        if (DemandHistory is not null && Text(DemandHistory, problems) is { } history)
        {
            (opening, var wrong) = SmallCsv.ReadDemandHistory(history, Path.GetFileName(DemandHistory), opening);
            problems.AddRange(wrong.Select(problem => new FileProblem(DemandHistory, problem)));
        }

        var (tariff, native) = ReadTariff(contract.Urdb, problems);
        var series = ReadSeries(days.Zone, problems);
        IReadOnlyList<LoadProfile> profiles = [];
        if (Text(Usage, problems) is { } usage)
        {
            var file = UsageCsv.Read(usage, Path.GetFileName(Usage), days.Whole, Csv);
            profiles = file.Profiles;
            problems.AddRange(file.Problems.Select(problem => new FileProblem(Usage, problem)));
        }

        var unused = tariff is null || problems.Count > 0
            ? []
            : ContractNames.Unused(contract.Contract, tariff).Concat(native ? ContractNames.Unused(contract.Urdb, tariff) : []).Select(problem => new FileProblem(Contract, problem))
                .Concat(series.Keys.Where(name => !tariff.Series.Contains(name)).Order(StringComparer.Ordinal).Select(name => new FileProblem(
                    null, new Problem("--series", $"{name} is no series of {tariff.Label} ({(tariff.Series.Count > 0 ? $"known: {string.Join(", ", tariff.Series)}" : "it has none")}); it changes nothing"))));
        return new RateInputs(tariff, profiles, contract.Contract with { Opening = opening }, series, problems, [.. unused]);
    }

    /// <summary>The file in which a problem that only rating found can be put right: what is missing names an input.</summary>
    public string? FileOf(Problem problem)
    {
        var word = problem.Path.Split(' ', '.')[0];
        return word switch
        {
            "usage" => Usage,
            "tariff" => Tariff,
            "series" => Series.FirstOrDefault(entry => entry.StartsWith(problem.Path["series ".Length..] + "=", StringComparison.Ordinal)) is { } entry ? entry[(entry.IndexOf('=', StringComparison.Ordinal) + 1)..] : null,
            "contractedKw" or "coincidentHours" or "powerFactor" => Contract,
            _ => null,
        };
    }

    private ContractParse ReadContract(List<FileProblem> problems)
    {
        if (Contract is null || Text(Contract, problems) is not { } text)
        {
            return new ContractParse(ContractParameters.None, new UrdbOptions(), []);
        }

        var parse = ContractDocument.Parse(Encoding.UTF8.GetBytes(text));
        problems.AddRange(parse.Problems.Select(problem => new FileProblem(Contract, problem)));
        return parse;
    }

    private (Tariff? Tariff, bool Native) ReadTariff(UrdbOptions urdb, List<FileProblem> problems)
    {
        if (Text(Tariff, problems) is not { } text)
        {
            return (null, true);
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        var native = IsNative(bytes);
        var parse = native
            ? TariffDocument.Parse(bytes, Allocation)
            : UrdbDocument.Parse(bytes, urdb with { Allocation = Allocation });
        problems.AddRange(parse.Problems.Select(problem => new FileProblem(Tariff, problem)));
        return (parse.Tariff, native);
    }

    /// <summary>Rate database documents are known by their rate structures; everything else is held to the native format.</summary>
    private static bool IsNative(byte[] bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            return root.ValueKind != JsonValueKind.Object
                || root.TryGetProperty("format", out _)
                || !(root.TryGetProperty("items", out _) || root.EnumerateObject().Any(property =>
                    property.Name.EndsWith("structure", StringComparison.OrdinalIgnoreCase) || property.Name.StartsWith("fixed", StringComparison.OrdinalIgnoreCase)));
        }
        catch (JsonException)
        {
            // The parser that follows says what is wrong, with the line.
            return true;
        }
    }

    private ImmutableDictionary<string, ValueSeries> ReadSeries(DateTimeZone zone, List<FileProblem> problems)
    {
        var all = ImmutableDictionary.CreateBuilder<string, ValueSeries>();
        foreach (var entry in Series)
        {
            var cut = entry.IndexOf('=', StringComparison.Ordinal);
            if (cut <= 0 || all.ContainsKey(entry[..cut]))
            {
                problems.Add(new FileProblem(null, new Problem("--series", $"\"{entry}\" must be NAME=FILE.csv, each name once")));
                continue;
            }

            var file = entry[(cut + 1)..];
            if (Text(file, problems) is { } text)
            {
                var (series, wrong) = SmallCsv.ReadSeries(text, Path.GetFileName(file), zone);
                problems.AddRange(wrong.Select(problem => new FileProblem(file, problem)));
                if (series is not null)
                {
                    all.Add(entry[..cut], series);
                }
            }
        }

        return all.ToImmutable();
    }

    private static string? Text(string path, List<FileProblem> problems)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MostBytes } large)
            {
                problems.Add(new FileProblem(path, new Problem(Path.GetFileName(path), $"has {large.Length} bytes; the limit is {MostBytes}")));
                return null;
            }

            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problems.Add(new FileProblem(path, new Problem(path, $"cannot be read: {error.Message}")));
            return null;
        }
    }
}

/// <summary>What the files held.</summary>
internal sealed record RateInputs(Tariff? Tariff, IReadOnlyList<LoadProfile> Profiles, ContractParameters Contract, ImmutableDictionary<string, ValueSeries> Series, IReadOnlyList<FileProblem> Problems, IReadOnlyList<FileProblem> Unused)
{
    /// <summary>One billing month. A tariff from a file is applied whatever its dates: this verb answers "what if" too.</summary>
    public RatingInput Input(LocalPeriod period, int anchorDay, RatingState opening) => new()
    {
        Period = period,
        Tariffs = [new TariffSpan(Tariff!, period.From, period.To)],
        Profiles = [.. Profiles],
        Contract = Contract with { Opening = opening },
        Series = Series,
        AnchorDay = anchorDay,
    };
}
