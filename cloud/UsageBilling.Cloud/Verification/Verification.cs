using Npgsql;
using UsageBilling.Cloud.Metering;

namespace UsageBilling.Cloud.Verification;

/// <summary>Something that is not as it must be: what kind, which row, in what way.</summary>
public sealed record Difference(string Kind, string Subject, string Detail);

/// <summary>What verification found. Pending is no failure: bills whose data changed since, documents that are still being issued.</summary>
public sealed record VerificationReport(IReadOnlyDictionary<string, int> Checked, IReadOnlyList<Difference> Differences, IReadOnlyList<Difference> Pending);

/// <summary>Recomputes everything from what is stored: journal to intervals, intervals to bills, bills to invoices, invoices to ledger. Reads only.</summary>
public sealed class Verification(NpgsqlDataSource database, TimeProvider time)
{
    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);
    private readonly List<Difference> differences = [];
    private readonly List<Difference> pending = [];

    /// <summary>Runs all checks.</summary>
    public async Task<VerificationReport> RunAsync(CancellationToken cancellationToken)
    {
        var metering = new MeteringVerification(database);
        foreach (var found in await metering.RunAsync(cancellationToken))
        {
            Differs(found.Kind, found.Subject, found.Detail);
        }

        foreach (var (what, number) in metering.Compared)
        {
            counts[what] = number;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await new EventChecks(this, connection).RunAsync(cancellationToken);
        await new SupplyChecks(this, connection).RunAsync(cancellationToken);
        await new BillChecks(this, connection, database, new IntervalStore(database, time)).RunAsync(cancellationToken);
        await new InvoiceChecks(this, connection).RunAsync(cancellationToken);
        await new NumberChecks(this, connection).RunAsync(cancellationToken);
        return new VerificationReport(counts, differences, pending);
    }

    internal void Differs(string kind, string subject, string detail) => differences.Add(new(kind, subject, detail));

    internal void Waits(string kind, string subject, string detail) => pending.Add(new(kind, subject, detail));

    internal void Count(string what) => counts[what] = counts.GetValueOrDefault(what) + 1;
}
