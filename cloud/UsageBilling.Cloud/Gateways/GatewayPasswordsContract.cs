using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace UsageBilling.Cloud.Gateways;

/// <summary>
/// Gateways' passwords at the broker, hashed as Mosquitto does (<c>$7$iterations$salt$hash</c>, PBKDF2 with SHA-512), so that one row serves the
/// embedded broker and a Mosquitto password file.
/// </summary>
internal sealed class GatewayPasswords(NpgsqlDataSource source)
{
    private const int HashLength = 64;

    // Passwords are 192 random bits, which no number of iterations makes harder to guess; this is Mosquitto's own default.
    private const int Iterations = 101;

    /// <summary>A new random password.</summary>
    public static string Generate() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(24)).Replace('+', '-').Replace('/', '_');

    /// <summary>A password's hash with a salt of its own.</summary>
    public static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(12);
        var hash = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, Iterations, HashAlgorithmName.SHA512, HashLength);
        return $"$7${Iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}";
    }

    /// <summary>True when the password belongs to the hash.</summary>
    public static bool Matches(string password, string hashed)
    {
        var parts = hashed.Split('$');
        if (parts is not ["", "7", var iterations, var salt, var hash] || !int.TryParse(iterations, NumberStyles.None, CultureInfo.InvariantCulture, out var rounds))
        {
            return false;
        }

        var expected = Convert.FromBase64String(hash);
        var given = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), Convert.FromBase64String(salt), rounds, HashAlgorithmName.SHA512, expected.Length);
        return CryptographicOperations.FixedTimeEquals(given, expected);
    }

    /// <summary>True when the gateway is enrolled with this password.</summary>
    public async Task<bool> VerifyAsync(string? gateway, string? password, CancellationToken cancellation)
    {
        if (gateway is null || password is null)
        {
            return false;
        }

        await using var command = source.CreateCommand("SELECT password_hash FROM gateway_password WHERE gateway = $1");
        command.Parameters.Add(new() { Value = gateway });
        return await command.ExecuteScalarAsync(cancellation) is string hashed && Matches(password, hashed);
    }
}
