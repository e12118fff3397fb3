using Microsoft.AspNetCore.Identity;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.SignIn;

/// <summary>A person who may sign in.</summary>
internal sealed record User(string Name, IReadOnlyList<string> Scopes, Guid Stamp);

/// <summary>People and their passwords, kept as PBKDF2 hashes in ASP.NET Core Identity's format.</summary>
internal sealed class Users(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Fewest characters of a password.</summary>
    public const int MinPasswordLength = 12;

    private static readonly PasswordHasher<string> Hasher = new();

    // Verified against when the name is unknown, so that the answer takes as long as for a known one.
    private static readonly string NobodysHash = Hasher.HashPassword("", Guid.NewGuid().ToString());

    /// <summary>Adds a person, or gives an existing one a new password and scopes; running sessions of that person end.</summary>
    public async Task SaveAsync(string name, string password, IReadOnlyCollection<string> scopes, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            INSERT INTO app_user (name, password_hash, scopes, created_at, stamp) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (name) DO UPDATE SET password_hash = EXCLUDED.password_hash, scopes = EXCLUDED.scopes, stamp = EXCLUDED.stamp, disabled_at = NULL
            """);
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = Hasher.HashPassword(name, password) });
        command.Parameters.Add(new() { Value = scopes.ToArray() });
        command.Parameters.Add(new() { Value = time.GetCurrentInstant() });
        command.Parameters.Add(new() { Value = Guid.NewGuid() });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Ends a person's access at once. False where there is nobody of that name.</summary>
    public async Task<bool> DisableAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("UPDATE app_user SET disabled_at = $2, stamp = $3 WHERE name = $1 AND disabled_at IS NULL");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = time.GetCurrentInstant() });
        command.Parameters.Add(new() { Value = Guid.NewGuid() });
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>The person whose password this is, or null.</summary>
    public async Task<User?> VerifyAsync(string name, string password, CancellationToken cancellationToken)
    {
        var found = await FindAsync(name, cancellationToken);
        var result = Hasher.VerifyHashedPassword(name, found?.Hash ?? NobodysHash, password);
        return found is { } f && result != PasswordVerificationResult.Failed ? f.User : null;
    }

    /// <summary>True while the stamp that a session carries is still that person's.</summary>
    public async Task<bool> IsCurrentAsync(string name, Guid stamp, CancellationToken cancellationToken) =>
        await FindAsync(name, cancellationToken) is { } found && found.User.Stamp == stamp;

    private async Task<(User User, string Hash)?> FindAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT name, scopes, stamp, password_hash FROM app_user WHERE name = $1 AND disabled_at IS NULL");
        command.Parameters.Add(new() { Value = name });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? (new User(row.GetString(0), row.GetFieldValue<string[]>(1), row.GetGuid(2)), row.GetString(3))
            : null;
    }
}
