using System.Security.Cryptography;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Commissioning;

/// <summary>
/// The gateway's signing key: NIST P-256, PKCS#8 PEM, mode 0600. Another process (<c>enroll</c>) may replace the file while the
/// gateway runs; <see cref="Refresh"/> picks it up.
/// </summary>
public sealed class GatewayKeys : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly Lock _lock = new();
    private readonly string _file;
    private ECDsa _key;
    private string _pem;

    private GatewayKeys(string file, string pem, ECDsa key)
    {
        (_file, _pem, _key) = (file, pem, key);
        KeyId = IdOf(key);
    }

    /// <summary>First 16 hex digits of SHA-256 over the public key.</summary>
    public string KeyId { get; private set; }

    /// <summary>Where the key lies in a state folder.</summary>
    public static string FileIn(string stateFolder) => Path.Combine(stateFolder, "gateway.key");

    /// <summary>Reads the key of a state folder, or says that the gateway must be enrolled first.</summary>
    /// <exception cref="FileNotFoundException">There is no key yet.</exception>
    public static GatewayKeys Load(string stateFolder)
    {
        var file = FileIn(stateFolder);
        if (!File.Exists(file))
        {
            throw new FileNotFoundException($"there is no key {file}: enroll the gateway first (usage-gateway enroll)", file);
        }

        var pem = File.ReadAllText(file);
        return new GatewayKeys(file, pem, FromPem(pem, file));
    }

    /// <summary>Makes a key in a file that only the owner may read; returns the public key (SubjectPublicKeyInfo).</summary>
    /// <remarks>A key that is there already is kept: an enrolment whose answer was lost is repeated with the same key.</remarks>
    public static byte[] MakeOrKeep(string file)
    {
        if (File.Exists(file))
        {
            using var existing = FromPem(File.ReadAllText(file), file);
            return existing.ExportSubjectPublicKeyInfo();
        }

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WriteSecret(file, key.ExportPkcs8PrivateKeyPem() + "\n");
        return key.ExportSubjectPublicKeyInfo();
    }

    /// <summary>Replaces a file in one step by one that only the owner may read, and makes both name and bytes durable.</summary>
    public static void WriteSecret(string file, string text)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("secrets rely on Unix file modes");
        }

        var fresh = file + ".part";
        File.Delete(fresh);
        using (var stream = new FileStream(fresh, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        using (var writer = new StreamWriter(stream))
        {
            writer.Write(text);
            writer.Flush();
            stream.Flush(flushToDisk: true);
        }

        File.Move(fresh, file, overwrite: true);
        Folder.Sync(Path.GetDirectoryName(Path.GetFullPath(file))!);
    }

    /// <summary>Takes a renewed key, if the file has one; true when the key changed.</summary>
    public bool Refresh()
    {
        var pem = File.ReadAllText(_file);
        lock (_lock)
        {
            if (pem == _pem)
            {
                return false;
            }

            var renewed = FromPem(pem, _file);
            _key.Dispose();
            (_key, _pem, KeyId) = (renewed, pem, IdOf(renewed));
            return true;
        }
    }

    /// <summary>Signs a body with the current key.</summary>
    public SignedBatch Sign(byte[] body)
    {
        lock (_lock)
        {
            return BatchSignature.Sign(body, _key);
        }
    }

    /// <summary>The public key of the current key, SubjectPublicKeyInfo.</summary>
    public byte[] PublicKey()
    {
        lock (_lock)
        {
            return _key.ExportSubjectPublicKeyInfo();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private static string IdOf(ECDsa key) => BatchSignature.KeyId(key.ExportSubjectPublicKeyInfo());

    private static ECDsa FromPem(string pem, string file)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key.KeySize == 256 ? key : throw new CryptographicException($"key of {key.KeySize} bits, not P-256");
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new CryptographicException($"{file} is no P-256 private key in PEM form: {e.Message}; enroll the gateway again", e);
        }
    }
}
