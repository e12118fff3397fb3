using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Audit;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>A stored tariff version: its document as it was given and the hash of exactly those bytes.</summary>
public sealed record TariffVersionRecord(string Code, string Version, LocalDate ValidFrom, string Document, string Hash);

/// <summary>What is wrong with a tariff document, where in it, and what to do.</summary>
public sealed record TariffProblem(string Path, string Message);

/// <summary>Tariffs in the caller's transaction. A version's document never changes: the same again is no change, another one under the same version is refused.</summary>
public sealed class TariffCatalog(NpgsqlConnection connection, string actor, Instant now)
{
    /// <summary>Adds a version. Problems carry the path inside the document.</summary>
    public async Task<(Saved Saved, IReadOnlyList<TariffProblem> Problems)> SaveAsync(string document, CancellationToken cancellationToken)
    {
        if (!TariffHeader.TryRead(document, out var header, out var problems))
        {
            return (Saved.Unchanged, problems);
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(document));
        await ExecuteAsync("INSERT INTO tariff (tariff_code, name) VALUES ($1, $2) ON CONFLICT (tariff_code) DO UPDATE SET name = EXCLUDED.name", cancellationToken, header.Code, header.Name);
        var added = await ExecuteAsync(
            """
            INSERT INTO tariff_version (tariff_code, version, valid_from, document, hash, added_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            cancellationToken, header.Code, header.Version, header.ValidFrom, document, hash, now);
        if (added == 1)
        {
            await AuditLog.WriteAsync(
                connection, now, [new AuditEntry(actor, "add", $"tariff:{header.Code}@{header.Version}", null, new { validFrom = header.ValidFrom, hash = Convert.ToHexStringLower(hash) })], cancellationToken);
            return (Saved.Added, []);
        }

        var stored = await TariffRows.VersionsAsync(connection, [header.Code], cancellationToken);
        if (stored.Any(v => v.Version == header.Version && v.Document == document))
        {
            return (Saved.Unchanged, []);
        }

        return (Saved.Unchanged,
        [
            stored.Any(v => v.Version == header.Version)
                ? new TariffProblem("$.version", $"version {header.Version} of tariff {header.Code} is stored with another document; a version never changes, give this one a new version")
                : new TariffProblem("$.validFrom", $"another version of tariff {header.Code} is valid from {header.ValidFrom:uuuu-MM-dd}; choose another day"),
        ]);
    }

    /// <summary>Whether some version of the tariff is in force on a day.</summary>
    public async Task<bool> CoversAsync(string code, LocalDate day, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM tariff_version WHERE tariff_code = $1 AND valid_from <= $2)", connection)
        {
            Parameters = { new() { Value = code }, new() { Value = day } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>Stored versions, for rating.</summary>
public static class TariffVersions
{
    /// <summary>All versions of some tariffs, by code and in order of their first days.</summary>
    public static Task<List<TariffVersionRecord>> ReadAsync(NpgsqlConnection connection, IReadOnlyCollection<string> codes, CancellationToken cancellationToken) =>
        TariffRows.VersionsAsync(connection, codes, cancellationToken);
}
