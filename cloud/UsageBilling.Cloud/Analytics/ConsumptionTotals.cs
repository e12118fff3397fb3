using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Analytics;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Analytics;

/// <summary>By what consumption is grouped. The channel class is always part of a group, because units differ.</summary>
internal enum ConsumptionGroup
{
    /// <summary>Service points.</summary>
    Site,

    /// <summary>Channel classes only.</summary>
    Class,

    /// <summary>Tariffs.</summary>
    Tariff,

    /// <summary>Segments of accounts.</summary>
    Segment,
}

/// <summary>
/// What a group used in the local days asked for. <see cref="Missing"/> says how many of its intervals have no quantity, so that a low figure does not look like a saving.
/// </summary>
internal sealed record ConsumptionTotal(string Group, string Class, string Unit, decimal Quantity, int Channels, long Intervals, long Missing);

/// <summary>
/// Adds up intervals of contracts, each from the local midnight of its service point, cut to the days on which the contract is in force: the same intervals, added in any way, give
/// the same total.
/// </summary>
internal sealed class ConsumptionTotals(NpgsqlDataSource database, IntervalStore intervals)
{
    private const int ContractsAtOnce = 250;

    /// <summary>All groups in order; for sites a page of them, by <c>account/contract</c> after a key.</summary>
    public async Task<(List<ConsumptionTotal> Totals, string? Last)> ReadAsync(
        ConsumptionGroup by, LocalDate from, LocalDate to, (string Account, string Contract) after, int? limit, CancellationToken cancellationToken)
    {
        var sums = new SortedDictionary<(string Group, string Class), ConsumptionTotal>(Comparer<(string, string)>.Create((a, b) =>
            string.CompareOrdinal(a.Item1, b.Item1) is var order && order != 0 ? order : string.CompareOrdinal(a.Item2, b.Item2)));
        var left = limit ?? int.MaxValue;
        while (left > 0)
        {
            var asked = Math.Min(ContractsAtOnce, left);
            var contracts = await BillableContracts.ReadAsync(database, from, to, after, asked, null, null, cancellationToken);
            await AddAsync(sums, by, from, to, contracts, cancellationToken);
            left -= contracts.Count;
            if (contracts.Count < asked)
            {
                return ([.. sums.Values], null);
            }

            after = (contracts[^1].Account.Id, contracts[^1].Contract.Id);
        }

        return ([.. sums.Values], $"{after.Account}/{after.Contract}");
    }

    private async Task AddAsync(
        IDictionary<(string, string), ConsumptionTotal> sums, ConsumptionGroup by, LocalDate from, LocalDate to, List<BillableContract> contracts, CancellationToken cancellationToken)
    {
        var cut = contracts.Select(c => (Contract: c, From: LocalDate.Max(from, c.Contract.From), To: c.Contract.To is { } end ? LocalDate.Min(to, end) : to));
        foreach (var same in cut.GroupBy(c => (c.From, c.To, c.Contract.ServicePoint.Zone)))
        {
            var span = new LocalPeriod(same.Key.From, same.Key.To, DateTimeZoneProviders.Tzdb[same.Key.Zone]);
            var keys = same.SelectMany(c => SiteLoads.Measurands.Select(m => (Key: new ChannelKey(c.Contract.ServicePoint.Id, m), c.Contract))).ToDictionary(k => k.Key.Id);
            foreach (var (id, profile) in await intervals.ReadAsync([.. keys.Keys], span.Start, span.End, cancellationToken))
            {
                var (key, contract) = keys[id];
                Add(sums, Group(by, contract), Measure.NameOf(key.Measurand), profile.Profile);
            }
        }
    }

    private static void Add(IDictionary<(string, string), ConsumptionTotal> sums, string group, string measure, LoadProfile profile)
    {
        var unit = LoadUnit.Of(profile.Measurand, profile.Exponent);
        var figures = LoadFigures.Of(profile);
        var sum = sums.TryGetValue((group, measure), out var known) ? known : new ConsumptionTotal(group, measure, unit.Symbol, 0, 0, 0, 0);
        sums[(group, measure)] = sum with
        {
            Quantity = sum.Quantity + (figures.Total * unit.Factor),
            Channels = sum.Channels + 1,
            Intervals = sum.Intervals + profile.Length,
            Missing = sum.Missing + figures.Missing,
        };
    }

    private static string Group(ConsumptionGroup by, BillableContract contract) => by switch
    {
        ConsumptionGroup.Site => contract.ServicePoint.Id,
        ConsumptionGroup.Tariff => contract.Contract.Tariff,
        ConsumptionGroup.Segment => contract.Account.Segment,
        _ => "all",
    };
}
