using System.Security.Cryptography;
using System.Text;

namespace UsageBilling.Edge.Commissioning;

/// <summary>
/// Names the hardware a gateway runs on, so that a copied memory card in another machine opens a stream of its own: the machine id
/// (which a copy carries along) together with something the board itself has.
/// </summary>
public static class HostFingerprint
{
    /// <summary>32 hex digits; the same over restarts and for every user of the machine.</summary>
    public static string Read() => Read("/");

    internal static string Read(string root)
    {
        var parts = new[]
        {
            ReadLine(root, "etc/machine-id") ?? Environment.MachineName,
            ReadLine(root, "proc/device-tree/serial-number") ?? FirstNetworkAddress(root) ?? "",
        };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))))[..32];
    }

    /// <summary>The address burnt into the first network interface that is hardware; a plugged-in adapter sorts behind it or is not permanent.</summary>
    private static string? FirstNetworkAddress(string root)
    {
        var interfaces = Path.Combine(root, "sys/class/net");
        return !Directory.Exists(interfaces) ? null : Directory.EnumerateDirectories(interfaces)
            .Where(i => Directory.Exists(Path.Combine(i, "device")) && ReadLine(i, "addr_assign_type") == "0")
            .Order(StringComparer.Ordinal)
            .Select(i => ReadLine(i, "address"))
            .FirstOrDefault(a => !string.IsNullOrEmpty(a));
    }

    private static string? ReadLine(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        return File.Exists(path) && File.ReadAllText(path).Trim('\0', '\n', ' ') is { Length: > 0 } text ? text : null;
    }
}
