using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>A stored tariff version: its document as it was given and the hash of exactly those bytes.</summary>
public sealed record TariffVersionRecord(string Code, string Version, LocalDate ValidFrom, string Document, string Hash);

/// <summary>Tariffs in the caller's transaction. A version's document never changes: the same again is no change, another one under the same version is refused.</summary>
public sealed class TariffCatalog(NpgsqlConnection connection, string actor, Instant now)
{
    /// <summary>Adds a version. Problems carry the path inside the document.</summary>
    public async Task<(Saved Saved, IReadOnlyList<Problem> Problems)> SaveAsync(string document, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(document);
        var (tariff, problems) = TariffDocument.Parse(bytes);
        if (tariff is null)
        {
            return (Saved.Unchanged, problems);
        }

        // An account has one currency for ever, and its contracts stay on a tariff through its versions.
        var others = await TariffRows.VersionsAsync(connection, [tariff.Code], cancellationToken);
        if (others.FirstOrDefault(v => v.Version != tariff.Version) is { } other
            && TariffDocument.Parse(Encoding.UTF8.GetBytes(other.Document)).Tariff is { } priced && priced.Currency != tariff.Currency)
        {
            return (Saved.Unchanged,
                [new Problem("$.currency", $"version {other.Version} of tariff {tariff.Code} is in {priced.Currency.Code}; all versions are in one currency, give a tariff in {tariff.Currency.Code} another code")]);
        }

        var hash = SHA256.HashData(bytes);
        await connection.RunAsync("INSERT INTO tariff (tariff_code, name) VALUES ($1, $2) ON CONFLICT (tariff_code) DO UPDATE SET name = EXCLUDED.name", cancellationToken, tariff.Code, tariff.Name);
        var added = await connection.RunAsync(
            """
            INSERT INTO tariff_version (tariff_code, version, valid_from, document, hash, added_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            cancellationToken, tariff.Code, tariff.Version, tariff.EffectiveFrom, document, hash, now);
        if (added == 1)
        {
            await AuditLog.WriteAsync(
                connection, now, [new AuditEntry(actor, "add", $"tariff:{tariff.Code}@{tariff.Version}", null, new { validFrom = tariff.EffectiveFrom, hash = Convert.ToHexStringLower(hash) })], cancellationToken);
            return (Saved.Added, []);
        }

        var stored = await TariffRows.VersionsAsync(connection, [tariff.Code], cancellationToken);
        if (stored.Any(v => v.Version == tariff.Version && v.Document == document))
        {
            return (Saved.Unchanged, []);
        }

        return (Saved.Unchanged,
        [
            stored.Any(v => v.Version == tariff.Version)
                ? new Problem("$.version", $"version {tariff.Version} of tariff {tariff.Code} is stored with another document; a version never changes, give this one a new version")
                : new Problem("$.effective.from", $"another version of tariff {tariff.Code} is valid from {tariff.EffectiveFrom:uuuu-MM-dd}; choose another day"),
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
}

/// <summary>Stored versions, for rating.</summary>
public static class TariffVersions
{
    /// <summary>All versions of some tariffs, by code and in order of their first days.</summary>
    public static Task<List<TariffVersionRecord>> ReadAsync(NpgsqlConnection connection, IReadOnlyCollection<string> codes, CancellationToken cancellationToken) =>
        TariffRows.VersionsAsync(connection, codes, cancellationToken);
}
