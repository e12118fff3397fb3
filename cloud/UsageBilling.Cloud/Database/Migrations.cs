using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using DbUp;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace UsageBilling.Cloud.Database;

/// <summary>The schema's history: embedded SQL files, applied in order of their numbers, each in its own transaction, by the owner.</summary>
public static class Migrations
{
    // Any constant: two hosts that start together take turns.
    private const long LockKey = 0x7573_6167_6501;

    private static readonly Assembly Scripts = typeof(Migrations).Assembly;

    /// <summary>Changes whenever a migration is added or edited; names test templates.</summary>
    public static string Fingerprint { get; } = ComputeFingerprint();

    /// <summary>Brings the database up to date; nothing happens when it already is.</summary>
    /// <exception cref="DatabaseUnavailableException">A script failed; the message names it.</exception>
    public static async Task ApplyAsync(string ownerConnectionString, ILogger? log = null, CancellationToken cancellation = default)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await using var turn = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = LockKey } } };
        await turn.ExecuteNonQueryAsync(cancellation);
        var result = DeployChanges.To
            .PostgresqlDatabase(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false }.ConnectionString)
            .WithScriptsEmbeddedInAssembly(Scripts, name => name.EndsWith(".sql", StringComparison.Ordinal))
            .WithVariablesDisabled()
            .WithTransactionPerScript()
            .LogTo(log ?? NullLogger.Instance)
            .Build()
            .PerformUpgrade();
        if (!result.Successful)
        {
            throw new DatabaseUnavailableException($"migration {result.ErrorScript?.Name} failed: {result.Error.Message}", result.Error);
        }
    }

    private static string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in Scripts.GetManifestResourceNames().Where(n => n.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            using var stream = Scripts.GetManifestResourceStream(name)!;
            using var reader = new StreamReader(stream);
            hash.AppendData(Encoding.UTF8.GetBytes(reader.ReadToEnd()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }
}
