using NodaTime;
using Npgsql;
using NpgsqlTypes;
using UsageBilling.Invoicing.Ledger;

namespace UsageBilling.Cloud.Ledger;

/// <summary>Writes postings in the caller's transaction; a document is posted once, however often it is asked for.</summary>
public static class LedgerJournal
{
    /// <summary>Adds postings.</summary>
    public static async Task PostAsync(NpgsqlConnection connection, Instant at, IReadOnlyCollection<LedgerPosting> postings, CancellationToken cancellationToken)
    {
        // Legs of all postings lie end to end; each row cuts its own out. (PostgreSQL has no ragged arrays.)
        var legs = postings.SelectMany(p => p.Legs).ToArray();
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO ledger_posting (account_id, source, posted_at, value_date, currency, description, leg_accounts, leg_amounts)
            SELECT account_id, source, $1, value_date, currency, source, $6[first:last], $7[first:last]
            FROM unnest($2, $3, $4, $5, $8, $9) AS p(account_id, source, value_date, currency, first, last)
            ON CONFLICT (account_id, source) DO NOTHING
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = at },
                new() { Value = postings.Select(p => p.CustomerAccount).ToArray() },
                new() { Value = postings.Select(p => p.Document).ToArray() },
                new() { Value = postings.Select(p => p.Date).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date },
                new() { Value = postings.Select(p => p.Currency).ToArray() },
                new() { Value = legs.Select(l => l.Account.Name).ToArray() },
                new() { Value = legs.Select(l => l.Amount).ToArray() },
                new() { Value = Firsts(postings) },
                new() { Value = Firsts(postings).Zip(postings, (first, p) => first + p.Legs.Count - 1).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static int[] Firsts(IReadOnlyCollection<LedgerPosting> postings)
    {
        var next = 1;
        return [.. postings.Select(p => (next += p.Legs.Count) - p.Legs.Count)];
    }
}
