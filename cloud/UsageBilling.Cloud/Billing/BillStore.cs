using System.Text;
using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Billing;

/// <summary>The live bill of a contract's period, as far as a run must know it.</summary>
internal sealed record LiveBill(BillKey Key, LocalDate PeriodEnd, BillState State, string Hash);

/// <summary>SQL of drafts: many bills a statement, so that a run is a few large statements.</summary>
internal static class BillStore
{
    /// <summary>Live bills whose period touches one of the wanted, and the highest revision of each wanted key.</summary>
    public static async Task<(Dictionary<(string, string), LiveBill> Live, Dictionary<(string, string), int> Revisions)> ReadAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(string Account, string Contract, LocalDate From, LocalDate To)> wanted, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT b.account_id, b.contract_id, b.period_start, b.revision, b.period_end, b.state, b.content_hash, b.period_start = w.from_date
            FROM bill b JOIN unnest($1, $2, $3, $4) AS w(account_id, contract_id, from_date, to_date)
              ON b.account_id = w.account_id AND b.contract_id = w.contract_id AND b.period_start < w.to_date AND b.period_end > w.from_date
            """,
            connection);
        AddKeys(command, wanted);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var live = new Dictionary<(string, string), LiveBill>();
        var revisions = new Dictionary<(string, string), int>();
        while (await row.ReadAsync(cancellationToken))
        {
            var key = (row.GetString(0), row.GetString(1));
            var revision = row.GetInt32(3);
            if (row.GetBoolean(7))
            {
                revisions[key] = Math.Max(revision, revisions.GetValueOrDefault(key));
            }

            var state = Enum.Parse<BillState>(row.GetString(5), ignoreCase: true);
            if (state != BillState.Cancelled)
            {
                live[key] = new LiveBill(
                    new BillKey(key.Item1, key.Item2, row.GetFieldValue<LocalDate>(2), revision), row.GetFieldValue<LocalDate>(4), state, Convert.ToHexStringLower(row.GetFieldValue<byte[]>(6)));
            }
        }

        return (live, revisions);
    }

    /// <summary>Live bills of the same contracts that a new bill is compared with: the one that ends where it begins, and those that began about a year before.</summary>
    public static async Task<Dictionary<(string, string), List<(LocalDate End, string Closing, Bill Bill)>>> EarlierAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(string Account, string Contract, LocalDate From, LocalDate To)> wanted, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT b.account_id, b.contract_id, b.period_end, b.closing, b.content
            FROM bill b JOIN unnest($1, $2, $3, $4) AS w(account_id, contract_id, from_date, to_date)
              ON b.account_id = w.account_id AND b.contract_id = w.contract_id
             AND (b.period_end = w.from_date OR b.period_start BETWEEN (w.from_date - interval '1 year')::date - 15 AND (w.from_date - interval '1 year')::date + 15)
            WHERE b.state <> 'cancelled'
            """,
            connection);
        AddKeys(command, wanted);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var earlier = new Dictionary<(string, string), List<(LocalDate, string, Bill)>>();
        while (await row.ReadAsync(cancellationToken))
        {
            var key = (row.GetString(0), row.GetString(1));
            if (!earlier.TryGetValue(key, out var bills))
            {
                earlier[key] = bills = [];
            }

            bills.Add((row.GetFieldValue<LocalDate>(2), row.GetString(3), BillSnapshot.Parse(Encoding.UTF8.GetBytes(row.GetString(4)))));
        }

        return earlier;
    }

    /// <summary>Writes bills that are not frozen, replacing what they were before. A clean bill is approved by itself; one that a person holds stays held.</summary>
    public static async Task SaveAsync(NpgsqlConnection connection, IReadOnlyList<MadeBill> bills, Instant now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO bill (account_id, contract_id, period_start, revision, bill_id, period_end, state, hold_reason, approved_by, service_point_id, zone, tzdb_version, currency,
                              net, tax, total, opening, closing, content, content_hash, rated_at)
            SELECT b.*, $1 FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) AS b
            ON CONFLICT (account_id, contract_id, period_start, revision) DO UPDATE SET
              period_end = EXCLUDED.period_end,
              state = CASE WHEN bill.held_by IS NULL THEN EXCLUDED.state ELSE 'held' END,
              hold_reason = CASE WHEN bill.held_by IS NULL THEN EXCLUDED.hold_reason ELSE bill.hold_reason END,
              approved_by = CASE WHEN bill.held_by IS NULL THEN EXCLUDED.approved_by END,
              zone = EXCLUDED.zone, tzdb_version = EXCLUDED.tzdb_version, net = EXCLUDED.net, tax = EXCLUDED.tax, total = EXCLUDED.total, opening = EXCLUDED.opening,
              closing = EXCLUDED.closing, content = EXCLUDED.content, content_hash = EXCLUDED.content_hash, rated_at = EXCLUDED.rated_at
            WHERE bill.state IN ('draft', 'held', 'approved')
            RETURNING bill_id
            """,
            connection);
        command.Parameters.Add(new() { Value = now });
        Add(command, bills.Select(b => b.Bill.Key.Account));
        Add(command, bills.Select(b => b.Bill.Key.Contract));
        AddDates(command, bills.Select(b => b.Bill.Key.PeriodStart));
        Add(command, bills.Select(b => b.Bill.Key.Revision));
        Add(command, bills.Select(b => BillId.Of(b.Bill.Key)));
        AddDates(command, bills.Select(b => b.Sources.Period.To));
        Add(command, bills.Select(b => b.HoldReason is null ? "approved" : "held"));
        Add(command, bills.Select(b => b.HoldReason));
        Add(command, bills.Select(b => b.HoldReason is null ? "policy" : null));
        Add(command, bills.Select(b => b.Bill.Supply.ServicePoint));
        Add(command, bills.Select(b => b.Bill.Supply.Zone));
        Add(command, bills.Select(b => b.Bill.TzdbVersion));
        Add(command, bills.Select(b => b.Bill.Charges.Currency));
        Add(command, bills.Select(b => b.Bill.Charges.Net));
        Add(command, bills.Select(b => b.Bill.Charges.Tax));
        Add(command, bills.Select(b => b.Bill.Charges.Total));
        Add(command, bills.Select(b => RatingStateText.Write(b.Opening)));
        Add(command, bills.Select(b => RatingStateText.Write(b.Bill.Charges.Closing)));
        Add(command, bills.Select(b => Encoding.UTF8.GetString(b.Snapshot.Bytes.Span)));
        Add(command, bills.Select(b => Convert.FromHexString(b.Snapshot.Hash)));
        var saved = (await BillDetails.ListAsync(command, row => row.GetGuid(0), cancellationToken)).ToHashSet();

        // A bill that somebody froze meanwhile keeps its details too.
        await SaveDetailsAsync(connection, [.. bills.Where(b => saved.Contains(BillId.Of(b.Bill.Key)))], cancellationToken);
    }

    /// <summary>Says why contracts cannot be billed; a contract that was billed loses its row.</summary>
    public static async Task SaveExceptionsAsync(
        NpgsqlConnection connection, Guid run, Instant now, IReadOnlyCollection<(BillKey Key, LocalDate End, string Message)> failed, IReadOnlyCollection<BillKey> billed, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        var delete = new NpgsqlBatchCommand("DELETE FROM bill_exception e USING unnest($1, $2, $3) AS b(a, c, p) WHERE e.account_id = b.a AND e.contract_id = b.c AND e.period_start = b.p");
        delete.Parameters.Add(new() { Value = billed.Select(b => b.Account).ToArray() });
        delete.Parameters.Add(new() { Value = billed.Select(b => b.Contract).ToArray() });
        delete.Parameters.Add(Dates(billed.Select(b => b.PeriodStart)));
        batch.BatchCommands.Add(delete);
        var insert = new NpgsqlBatchCommand(
            """
            INSERT INTO bill_exception (account_id, contract_id, period_start, period_end, run_id, at, message)
            SELECT a, c, f, t, $6, $7, m FROM unnest($1, $2, $3, $4, $5) AS x(a, c, f, t, m)
            ON CONFLICT (account_id, contract_id, period_start) DO UPDATE SET period_end = EXCLUDED.period_end, run_id = EXCLUDED.run_id, at = EXCLUDED.at, message = EXCLUDED.message
            """);
        insert.Parameters.Add(new() { Value = failed.Select(f => f.Key.Account).ToArray() });
        insert.Parameters.Add(new() { Value = failed.Select(f => f.Key.Contract).ToArray() });
        insert.Parameters.Add(Dates(failed.Select(f => f.Key.PeriodStart)));
        insert.Parameters.Add(Dates(failed.Select(f => f.End)));
        insert.Parameters.Add(new() { Value = failed.Select(f => f.Message).ToArray() });
        insert.Parameters.Add(new() { Value = run });
        insert.Parameters.Add(new() { Value = now });
        batch.BatchCommands.Add(insert);
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task SaveDetailsAsync(NpgsqlConnection connection, IReadOnlyList<MadeBill> bills, CancellationToken cancellationToken)
    {
        var accounts = bills.Select(b => b.Bill.Key.Account).ToArray();
        var ids = bills.Select(b => BillId.Of(b.Bill.Key)).ToArray();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var table in (string[])["bill_issue", "bill_channel"])
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"DELETE FROM {table} d USING unnest($1, $2) AS b(a, i) WHERE d.account_id = b.a AND d.bill_id = b.i")
            {
                Parameters = { new() { Value = accounts }, new() { Value = ids } },
            });
        }

        var issues = bills.SelectMany((b, n) => b.Bill.Issues.Select((issue, position) => (Bill: n, Position: position, Issue: issue))).ToArray();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            "INSERT INTO bill_issue (account_id, bill_id, position, severity, code, path, message) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)")
        {
            Parameters =
            {
                new() { Value = issues.Select(i => accounts[i.Bill]).ToArray() },
                new() { Value = issues.Select(i => ids[i.Bill]).ToArray() },
                new() { Value = issues.Select(i => i.Position).ToArray() },
                new() { Value = issues.Select(i => i.Issue.Severity.ToString().ToLowerInvariant()).ToArray() },
                new() { Value = issues.Select(i => i.Issue.Code).ToArray() },
                new() { Value = issues.Select(i => i.Issue.Path).ToArray() },
                new() { Value = issues.Select(i => i.Issue.Message).ToArray() },
            },
        });
        var totals = bills.SelectMany((b, n) => b.Totals.Select(t => (Bill: n, Total: t, Days: b.Bill.Manifest.Where(m => m.Channel == t.Channel.Id).Select(m => m.Day).ToArray()))).Where(t => t.Days.Length > 0).ToArray();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            "INSERT INTO bill_channel (account_id, bill_id, channel_id, channel, first_day, last_day, billed, start_total, end_total) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        {
            Parameters =
            {
                new() { Value = totals.Select(t => accounts[t.Bill]).ToArray() },
                new() { Value = totals.Select(t => ids[t.Bill]).ToArray() },
                new() { Value = totals.Select(t => t.Total.Channel.Id.Value).ToArray() },
                new() { Value = totals.Select(t => t.Total.Channel.ToString()).ToArray() },
                Dates(totals.Select(t => t.Days[0])),
                Dates(totals.Select(t => t.Days[^1])),
                new() { Value = totals.Select(t => t.Total.Billed).ToArray() },
                new() { Value = totals.Select(t => t.Total.Start).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                new() { Value = totals.Select(t => t.Total.End).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        });
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static void AddKeys(NpgsqlCommand command, IReadOnlyCollection<(string Account, string Contract, LocalDate From, LocalDate To)> wanted)
    {
        Add(command, wanted.Select(w => w.Account));
        Add(command, wanted.Select(w => w.Contract));
        AddDates(command, wanted.Select(w => w.From));
        AddDates(command, wanted.Select(w => w.To));
    }

    private static void Add<T>(NpgsqlCommand command, IEnumerable<T> values) => command.Parameters.Add(new() { Value = values.ToArray() });

    private static void AddDates(NpgsqlCommand command, IEnumerable<LocalDate> values) => command.Parameters.Add(Dates(values));

    private static NpgsqlParameter Dates(IEnumerable<LocalDate> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date };
}
