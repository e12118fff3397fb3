using NodaTime;
using NodaTime.TimeZones;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Billing;

/// <summary>What became of a group of contracts.</summary>
internal readonly record struct GroupOutcome(int Contracts, int Billed, int Unchanged, int Held, int Failed, int NotDue);

/// <summary>Rates a group of contracts and stores their bills: a few large reads, the rating in memory, one transaction.</summary>
internal sealed class BillDrafts(NpgsqlDataSource database, IntervalStore intervals, MeterStatements meters, TimeProvider time)
{
    private const int Attempts = 5;

    // What a service point may carry; the store knows which of them it does.
    private static readonly Measurand[] Measurands = [.. Measure.All.Select(name => Measure.Find(name)!.Value)];

    private readonly TariffShelf tariffs = new();
    private readonly RatePlans plans = new();

    private sealed record Due(BillableContract Contract, LocalPeriod Period, BillKey Key, LiveBill? Live, PreviousBill? Previous, IReadOnlyList<Bill> Others);

    public async Task<GroupOutcome> RunAsync(
        Guid run, BillingMonth month, IReadOnlyList<BillableContract> contracts, IReadOnlyDictionary<string, SupplierRecord> suppliers, CancellationToken cancellationToken)
    {
        await tariffs.LoadAsync(database, contracts.Select(c => c.Contract.Tariff), cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            if (await TryRunAsync(run, month, contracts, suppliers, cancellationToken) is { } outcome)
            {
                return outcome;
            }

            if (attempt == Attempts)
            {
                throw new InvalidOperationException($"the intervals of {contracts[0].Account.Id} to {contracts[^1].Account.Id} changed {Attempts} times while they were billed; run again when less data arrives");
            }
        }
    }

    private async Task<GroupOutcome?> TryRunAsync(
        Guid run, BillingMonth month, IReadOnlyList<BillableContract> contracts, IReadOnlyDictionary<string, SupplierRecord> suppliers, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        var outcome = new GroupOutcome { Contracts = contracts.Count };
        var due = await DueAsync(month, contracts, now, cancellationToken);
        outcome = outcome with { NotDue = contracts.Count - due.Count };
        var open = due.Where(d => d.Live is not { State: BillState.Frozen or BillState.Issued }).ToList();
        outcome = outcome with { Unchanged = due.Count - open.Count };

        var made = new List<MadeBill>();
        var failed = new List<(BillKey Key, LocalDate End, string Message)>();
        foreach (var period in open.GroupBy(d => (d.Period.Start, d.Period.End)))
        {
            await MakeAsync([.. period], suppliers, made, failed, cancellationToken);
        }

        var changed = made.Where(m => open.First(d => d.Key == m.Bill.Key).Live?.Hash != m.Snapshot.Hash).ToList();
        if (!await SaveAsync(run, changed, failed, [.. made.Select(m => m.Bill.Key)], now, cancellationToken))
        {
            return null;
        }

        return outcome with
        {
            Billed = changed.Count,
            Unchanged = outcome.Unchanged + made.Count - changed.Count,
            Held = made.Count(m => m.HoldReason is not null),
            Failed = failed.Count,
        };
    }

    private async Task<List<Due>> DueAsync(BillingMonth month, IReadOnlyList<BillableContract> contracts, Instant now, CancellationToken cancellationToken)
    {
        var periods = contracts
            .Select(c => (Contract: c, Period: month.PeriodOf(c.Contract, DateTimeZoneProviders.Tzdb[c.ServicePoint.Zone])))
            .Where(c => c.Period is { } period && period.End <= now)
            .Select(c => (c.Contract, Period: c.Period!.Value))
            .ToList();
        var keys = periods.Select(p => (p.Contract.Contract.Account, p.Contract.Contract.Id, p.Period.From, p.Period.To)).ToList();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var (live, revisions) = await BillStore.ReadAsync(connection, keys, cancellationToken);
        var earlier = await BillStore.EarlierAsync(connection, keys, cancellationToken);
        return
        [
            .. periods.Select(p =>
            {
                var id = (p.Contract.Contract.Account, p.Contract.Contract.Id);
                var bill = live.GetValueOrDefault(id);
                var key = bill?.Key ?? new BillKey(id.Account, id.Id, p.Period.From, revisions.GetValueOrDefault(id) + 1);
                var others = earlier.GetValueOrDefault(id) ?? [];
                var before = others.Where(o => o.End == p.Period.From).Select(o => new PreviousBill(RatingStateText.Read(o.Closing))).FirstOrDefault();
                return new Due(p.Contract, p.Period, key, bill, before, [.. others.Select(o => o.Bill)]);
            }),
        ];
    }

    private async Task MakeAsync(
        IReadOnlyList<Due> due, IReadOnlyDictionary<string, SupplierRecord> suppliers, List<MadeBill> made, List<(BillKey, LocalDate, string)> failed, CancellationToken cancellationToken)
    {
        var (start, end) = (due[0].Period.Start, due[0].Period.End);
        var keys = due.ToDictionary(d => d.Key, d => Measurands.Select(m => new ChannelKey(d.Contract.ServicePoint.Id, m)).ToArray());
        var profiles = await intervals.ReadAsync([.. keys.Values.SelectMany(k => k).Select(k => k.Id)], start, end, cancellationToken);
        var statements = (await meters.ReadAsync([.. profiles.Keys], start, end, cancellationToken)).ToLookup(m => m.Channel);
        var prices = await PriceSeries.ReadAsync(database, tariffs.SeriesOf(due.Select(d => d.Contract.Contract.Tariff)), start, end, cancellationToken);
        foreach (var bill in due)
        {
            var channels = keys[bill.Key].Where(k => profiles.ContainsKey(k.Id)).Select(k => (Key: k, Profile: profiles[k.Id])).ToList();
            try
            {
                var (spans, references) = tariffs.Over(bill.Contract.Contract.Tariff, bill.Period);
                made.Add(BillMaker.Make(
                    new BillSources(
                        bill.Key, bill.Contract, suppliers[bill.Contract.Account.Supplier], bill.Period, spans, references, PriceSeries.Of(spans, prices), channels,
                        [.. channels.SelectMany(c => statements[c.Key.Id])], bill.Previous, bill.Others),
                    plans,
                    TzdbDateTimeZoneSource.Default.TzdbVersion));
            }
            catch (RatingInputException e)
            {
                failed.Add((bill.Key, bill.Period.To, e.Message));
            }
        }
    }

    private async Task<bool> SaveAsync(
        Guid run, List<MadeBill> bills, List<(BillKey, LocalDate, string)> failed, BillKey[] billed, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (bills.Count > 0)
        {
            // What a bill names must stay readable for as long as the bill: pinned in the transaction that stores it.
            if (!await intervals.PinAsync(connection, [.. bills.SelectMany(b => b.Sources.Channels).SelectMany(c => c.Profile.Manifest)], cancellationToken))
            {
                return false;
            }

            await BillStore.SaveAsync(connection, bills, now, cancellationToken);
            await RebillProposals.CloseAsync(connection, [.. bills.Select(b => b.Bill.Key)], now, cancellationToken);
        }

        await BillStore.SaveExceptionsAsync(connection, run, now, failed, billed, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }
}
