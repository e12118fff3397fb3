using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;

namespace UsageBilling.Rating.Tests.Cases;

/// <summary>One customer-year of NREL's bill calculator: its tariff as a URDB document, its load and generation as profiles.</summary>
internal sealed class SscCase
{
    private readonly JsonNode _case;
    private readonly string _folder;

    public SscCase(string file)
    {
        _folder = Path.GetDirectoryName(file)!;
        _case = JsonNode.Parse(File.ReadAllText(file))!;
    }

    /// <summary>The case with its document changed: a neighbour of it.</summary>
    public SscCase With(Action<JsonObject> change)
    {
        change(_case.AsObject());
        return this;
    }

    public int MeteringOption => (int)_case["tariff"]!["metering_option"]!;

    public bool HasSystem => _case["expected"]!["computed_by_ssc"]!["with_system"] is JsonArray;

    public decimal[] Expected(string run, string field) =>
        [.. _case["expected"]!["computed_by_ssc"]![run]![0]!["monthly"]![field]!.AsArray().Select(value => Number(value!))];

    /// <summary>The tariff as it stands in the case. Peaks of the year before are no part of it: they are the customer's history.</summary>
    public TariffParse Parse()
    {
        var document = JsonNode.Parse(_case["tariff"]!.ToJsonString())!.AsObject();
        (document["demandratchet"] as JsonObject)?.Remove("prior_year_monthly_peaks_kw");
        return UrdbDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(document));
    }

    /// <summary>Peaks of the months before the first one billed, where the case has them.</summary>
    public RatingState History()
    {
        var state = RatingState.Empty;
        var peaks = _case["tariff"]!["demandratchet"]?["prior_year_monthly_peaks_kw"] as JsonArray;
        for (var month = 1; month <= 12 && peaks is not null; month++)
        {
            state = state.WithDemand(new YearMonth(2017, month), (decimal)peaks[month - 1]!);
        }

        return state;
    }

    /// <summary>Bills of the twelve months, each beginning with what the one before left.</summary>
    public List<RatedPeriod> Bills(Tariff tariff, bool withSystem)
    {
        var profiles = Profiles(withSystem);
        var state = History();
        var bills = new List<RatedPeriod>();
        var plans = new RatePlans();
        for (var month = 1; month <= 12; month++)
        {
            var from = new LocalDate(2018, month, 1);
            var input = A.Input(tariff, new LocalPeriod(from, from.PlusMonths(1), DateTimeZone.Utc), profiles) with { Contract = new ContractParameters { Opening = state } };
            bills.Add(RatingEngine.Rate(input, plans));
            state = bills[^1].Closing;
        }

        return bills;
    }

    /// <summary>Load less generation, interval by interval, as import and export; buy-all/sell-all has a meter for each.</summary>
    private LoadProfile[] Profiles(bool withSystem)
    {
        var minutes = (int)_case["timestep_minutes"]!;
        var count = 365 * 1440 / minutes;
        var load = Series("load_kw", minutes, count);
        var import = new long[count];
        var export = new long[count];
        var generation = withSystem ? Series("gen_kw", minutes, count) : new decimal[count];
        for (var i = 0; i < count; i++)
        {
            // Two meters: what a system draws at night is bought like any other load.
            var (bought, sold) = MeteringOption == 4
                ? (load[i] + Math.Max(0m, -generation[i]), Math.Max(0m, generation[i]))
                : (Math.Max(0m, load[i] - generation[i]), Math.Max(0m, generation[i] - load[i]));
            import[i] = MicroWattHours(bought, minutes);
            export[i] = MicroWattHours(sold, minutes);
        }

        var start = Instant.FromUtc(2018, 1, 1, 0, 0);
        var bothWays = new LoadProfile(Measure.Find("import")!.Value, -6, start, minutes, import, ReadOnlyMemory<byte>.Empty);
        return withSystem ? [bothWays, new LoadProfile(Measure.Find("export")!.Value, -6, start, minutes, export, ReadOnlyMemory<byte>.Empty)] : [bothWays];
    }

    private static long MicroWattHours(decimal kilowatts, int minutes) =>
        (long)Math.Round(kilowatts * 1_000_000_000m * minutes / 60m, MidpointRounding.AwayFromZero);

    private decimal[] Series(string name, int minutes, int count)
    {
        var series = _case["series"]![name]!;
        var values = File.ReadLines(Path.Combine(_folder, (string)series["csv"]!)).Select(line => Number(line)).ToArray();
        var repeat = (int)series["minutes"]! / minutes;
        return [.. Enumerable.Range(0, count).Select(i => values[i / Math.Max(repeat, 1)])];
    }

    private static decimal Number(JsonNode node) => Number(node.ToJsonString());

    private static decimal Number(string text) => decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
