using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Invoices;

/// <summary>What a number stands on.</summary>
internal enum DocumentKind
{
    Invoice,
    CreditNote,
}

internal sealed record NumberWanted(string Account, Guid BillId, DocumentKind Kind, string Series, Instant At);

/// <summary>A number that belongs to a bill for ever; <see cref="Text"/> is how documents show it.</summary>
internal sealed record TakenNumber(string Series, long Number, DocumentKind Kind, Instant IssuedAt)
{
    public string Text => $"{Series}-{Number:D6}";
}

/// <summary>Step 2 of issuing: numbers without gaps. The series' row is locked while a block of numbers is given out, and a bill that has a number keeps it.</summary>
internal static class InvoiceNumbers
{
    public static string Text(this DocumentKind kind) => kind == DocumentKind.Invoice ? "invoice" : "credit-note";

    public static DocumentKind Parse(string text) => text == "invoice" ? DocumentKind.Invoice : DocumentKind.CreditNote;

    public static async Task<IReadOnlyDictionary<Guid, TakenNumber>> TakeAsync(NpgsqlDataSource database, IReadOnlyCollection<NumberWanted> wanted, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // One order for everybody, so that two hosts that number at once wait and never deadlock.
        foreach (var series in wanted.Select(w => w.Series).Distinct().Order(StringComparer.Ordinal))
        {
            await LockAsync(connection, series, cancellationToken);
        }

        // A series may have changed with the year since a bill was numbered, so its number is looked for under any.
        var taken = await TakenAsync(connection, wanted, cancellationToken);
        foreach (var series in wanted.Where(w => !taken.ContainsKey(w.BillId)).GroupBy(w => w.Series).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            await GiveAsync(connection, series.Key, [.. series], taken, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return taken;
    }

    private static async Task LockAsync(NpgsqlConnection connection, string series, CancellationToken cancellationToken)
    {
        await using var make = new NpgsqlCommand("INSERT INTO invoice_series (series, last_number) VALUES ($1, 0) ON CONFLICT DO NOTHING", connection) { Parameters = { new() { Value = series } } };
        await make.ExecuteNonQueryAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT last_number FROM invoice_series WHERE series = $1 FOR UPDATE", connection) { Parameters = { new() { Value = series } } };
        await command.ExecuteScalarAsync(cancellationToken);
    }

    private static async Task<Dictionary<Guid, TakenNumber>> TakenAsync(NpgsqlConnection connection, IReadOnlyCollection<NumberWanted> wanted, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT n.bill_id, n.series, n.number, n.kind, n.issued_at
            FROM invoice_number n JOIN unnest($1, $2, $3) AS w(account_id, bill_id, kind) ON n.account_id = w.account_id AND n.bill_id = w.bill_id AND n.kind = w.kind
            """,
            connection);
        AddKeys(command, wanted);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var taken = new Dictionary<Guid, TakenNumber>();
        while (await row.ReadAsync(cancellationToken))
        {
            taken.Add(row.GetGuid(0), new TakenNumber(row.GetString(1), row.GetInt64(2), Parse(row.GetString(3)), row.GetFieldValue<Instant>(4)));
        }

        return taken;
    }

    private static async Task GiveAsync(NpgsqlConnection connection, string series, List<NumberWanted> wanted, Dictionary<Guid, TakenNumber> taken, CancellationToken cancellationToken)
    {
        await using var advance = new NpgsqlCommand("UPDATE invoice_series SET last_number = last_number + $2 WHERE series = $1 RETURNING last_number", connection);
        advance.Parameters.Add(new() { Value = series });
        advance.Parameters.Add(new() { Value = (long)wanted.Count });
        var first = (long)(await advance.ExecuteScalarAsync(cancellationToken))! - wanted.Count + 1;
        await using var insert = new NpgsqlCommand(
            """
            INSERT INTO invoice_number (series, number, account_id, bill_id, kind, issued_at)
            SELECT $4, n.number, n.account_id, n.bill_id, n.kind, n.at FROM unnest($1, $2, $3, $5, $6) AS n(account_id, bill_id, kind, number, at)
            """,
            connection);
        AddKeys(insert, wanted);
        insert.Parameters.Add(new() { Value = series });
        insert.Parameters.Add(new() { Value = wanted.Select((_, i) => first + i).ToArray() });
        insert.Parameters.Add(new() { Value = wanted.Select(w => w.At).ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
        for (var i = 0; i < wanted.Count; i++)
        {
            taken.Add(wanted[i].BillId, new TakenNumber(series, first + i, wanted[i].Kind, wanted[i].At));
        }
    }

    private static void AddKeys(NpgsqlCommand command, IReadOnlyCollection<NumberWanted> wanted)
    {
        command.Parameters.Add(new() { Value = wanted.Select(w => w.Account).ToArray() });
        command.Parameters.Add(new() { Value = wanted.Select(w => w.BillId).ToArray() });
        command.Parameters.Add(new() { Value = wanted.Select(w => w.Kind.Text()).ToArray() });
    }
}
