using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;

namespace UsageBilling.Cloud.Billing;

/// <summary>
/// A bill run: every contract's period that begins in a month is rated, group by group, and with <c>issue</c> what is approved is issued. Whatever a killed run did stays done;
/// running again does the rest.
/// </summary>
public sealed class BillRun(NpgsqlDataSource database, IntervalStore intervals, MeterStatements meters, TimeProvider time)
{
    private const int GroupSize = 250;

    /// <summary>Notes a run, or finds the unfinished one of the same kind, so that a killed run goes on as itself.</summary>
    public async Task<Guid> BeginAsync(LocalDate month, bool issue, string actor, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            WITH unfinished AS (SELECT run_id FROM bill_run WHERE period = $2 AND issue = $3 AND finished_at IS NULL ORDER BY started_at LIMIT 1),
                 begun AS (INSERT INTO bill_run (run_id, period, issue, actor, started_at) SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM unfinished) RETURNING run_id)
            SELECT run_id FROM unfinished UNION ALL SELECT run_id FROM begun
            """);
        command.Parameters.Add(new() { Value = Guid.CreateVersion7(time.GetUtcNow()) });
        command.Parameters.Add(new() { Value = month });
        command.Parameters.Add(new() { Value = issue });
        command.Parameters.Add(new() { Value = actor });
        command.Parameters.Add(new() { Value = Now });
        return (Guid)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Rates and stores. <paramref name="issue"/> is what issues approved bills, null to leave them.</summary>
    public async Task<BillRunProgress> RunAsync(
        Guid run,
        LocalDate monthStart,
        string? account,
        string? contract,
        Func<BillRunProgress, CancellationToken, Task<int>>? issue,
        IProgress<BillRunProgress>? progress,
        CancellationToken cancellationToken)
    {
        var month = new BillingMonth(new YearMonth(monthStart.Year, monthStart.Month));
        var suppliers = await BillableContracts.SuppliersAsync(database, cancellationToken);
        var drafts = new BillDrafts(database, intervals, meters, time);
        var total = new BillRunProgress { RunId = run, Period = month.From };
        var turn = new Lock();
        await Parallel.ForEachAsync(
            GroupsAsync(month, account, contract, cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 1, 8), CancellationToken = cancellationToken },
            async (group, cancellation) =>
            {
                var done = await drafts.RunAsync(run, month, group, suppliers, cancellation);
                lock (turn)
                {
                    total = total with
                    {
                        Contracts = total.Contracts + done.Contracts,
                        Billed = total.Billed + done.Billed,
                        Unchanged = total.Unchanged + done.Unchanged,
                        Held = total.Held + done.Held,
                        Failed = total.Failed + done.Failed,
                        NotDue = total.NotDue + done.NotDue,
                    };
                    progress?.Report(total);
                }
            });
        await SaveAsync(total, false, cancellationToken);
        if (issue is not null)
        {
            total = total with { Issued = await issue(total, cancellationToken) };
            progress?.Report(total);
        }

        await SaveAsync(total, true, cancellationToken);
        return total;
    }

    /// <summary>Runs that were begun and not finished, oldest first.</summary>
    public async Task<List<(Guid Run, LocalDate Month, bool Issue)>> UnfinishedAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT run_id, period, issue FROM bill_run WHERE finished_at IS NULL ORDER BY started_at");
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var runs = new List<(Guid, LocalDate, bool)>();
        while (await row.ReadAsync(cancellationToken))
        {
            runs.Add((row.GetGuid(0), row.GetFieldValue<LocalDate>(1), row.GetBoolean(2)));
        }

        return runs;
    }

    private Instant Now => time.GetCurrentInstant();

    private async IAsyncEnumerable<List<BillableContract>> GroupsAsync(
        BillingMonth month, string? account, string? contract, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = ("", "");
        while (true)
        {
            var group = await BillableContracts.ReadAsync(database, month.From, month.LatestEnd, after, GroupSize, account, contract, cancellationToken);
            if (group.Count == 0)
            {
                yield break;
            }

            after = (group[^1].Contract.Account, group[^1].Contract.Id);
            yield return group;
        }
    }

    private async Task SaveAsync(BillRunProgress progress, bool finished, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            UPDATE bill_run SET contracts = $2, billed = $3, unchanged = $4, held = $5, failed = $6, not_due = $7, issued = $8, finished_at = CASE WHEN $9 THEN $10 END
            WHERE run_id = $1
            """);
        command.Parameters.Add(new() { Value = progress.RunId });
        foreach (var count in (int[])[progress.Contracts, progress.Billed, progress.Unchanged, progress.Held, progress.Failed, progress.NotDue, progress.Issued])
        {
            command.Parameters.Add(new() { Value = count });
        }

        command.Parameters.Add(new() { Value = finished });
        command.Parameters.Add(new() { Value = Now });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
