using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Invoices;
using UsageBilling.Cloud.Metering;

namespace UsageBilling.Cloud.Billing;

/// <summary>From intervals to invoices: the run, issuing, and the documents. The same for the command, the API and the worker.</summary>
public sealed class BillingCycle(NpgsqlDataSource database, BillRun run, Issuing issuing, InvoiceDocuments documents)
{
    /// <summary>A cycle over a database, for commands that have no host.</summary>
    public static BillingCycle Create(NpgsqlDataSource database, TimeProvider time)
    {
        var intervals = new IntervalStore(database, time);
        return new BillingCycle(database, new BillRun(database, intervals, new MeterStatements(database, intervals), time), new Issuing(database, time), new InvoiceDocuments(database, time));
    }

    /// <summary>Bills a month, from beginning to end, as a run of its own or the unfinished one of the same kind.</summary>
    public async Task<BillRunProgress> BillAsync(LocalDate month, bool issue, string actor, IProgress<BillRunProgress>? progress, CancellationToken cancellationToken)
    {
        await using var turn = await database.OpenConnectionAsync(cancellationToken);
        await using var held = await turn.BeginTransactionAsync(cancellationToken);
        await LockAsync(turn, "pg_advisory_xact_lock", month, cancellationToken);
        var id = await run.BeginAsync(month, issue, actor, cancellationToken);
        return await RunAsync(id, month, issue, progress, cancellationToken);
    }

    /// <summary>Notes a run for the worker to do.</summary>
    public Task<Guid> BeginAsync(LocalDate month, bool issue, string actor, CancellationToken cancellationToken) => run.BeginAsync(month, issue, actor, cancellationToken);

    /// <summary>Does a run that was noted; null where somebody else is at this month already.</summary>
    public async Task<BillRunProgress?> CompleteAsync(Guid id, LocalDate month, bool issue, CancellationToken cancellationToken)
    {
        await using var turn = await database.OpenConnectionAsync(cancellationToken);
        await using var held = await turn.BeginTransactionAsync(cancellationToken);
        return await LockAsync(turn, "pg_try_advisory_xact_lock", month, cancellationToken) is false ? null : await RunAsync(id, month, issue, null, cancellationToken);
    }

    // Two at one month would do the same work twice and no harm, so a lock that only one PostgreSQL node knows is enough. It goes with its transaction: nobody waits for the dead.
    private static async Task<object?> LockAsync(NpgsqlConnection turn, string function, LocalDate month, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT {function}(7562, $1)", turn) { CommandTimeout = 0, Parameters = { new() { Value = (month.Year * 100) + month.Month } } };
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    private Task<BillRunProgress> RunAsync(Guid id, LocalDate month, bool issue, IProgress<BillRunProgress>? progress, CancellationToken cancellationToken) =>
        run.RunAsync(id, month, null, null, issue ? Issue(month, null, null, progress) : null, progress, cancellationToken);

    /// <summary>Runs that were noted and not done.</summary>
    public Task<List<(Guid Run, LocalDate Month, bool Issue)>> UnfinishedAsync(CancellationToken cancellationToken) => run.UnfinishedAsync(cancellationToken);

    /// <summary>Bills one contract's period anew and issues the bill when it is clean.</summary>
    public Task<BillRunProgress> RebillAsync(LocalDate month, string account, string contract, CancellationToken cancellationToken) =>
        run.RunAsync(Guid.NewGuid(), month, account, contract, Issue(month, account, contract, null), null, cancellationToken);

    /// <summary>Completes what was frozen, or asked to be taken back, and freezes nothing more.</summary>
    public Task<int> IssueWaitingAsync(CancellationToken cancellationToken) => issuing.IssueAsync(LocalDate.MinIsoValue, LocalDate.MinIsoValue, null, null, null, cancellationToken);

    /// <summary>Renders all documents that wait.</summary>
    public Task RenderAsync(Action<int>? progress, CancellationToken cancellationToken) => documents.RenderAllAsync(progress, cancellationToken);

    private Func<BillRunProgress, CancellationToken, Task<int>> Issue(LocalDate month, string? account, string? contract, IProgress<BillRunProgress>? progress) =>
        (drafted, cancellation) => issuing.IssueAsync(
            month, month.PlusMonths(1), account, contract, done => progress?.Report(drafted with { Issued = done }), cancellation);
}
