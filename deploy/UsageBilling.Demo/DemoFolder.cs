using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace UsageBilling.Demo;

/// <summary>Ports that a demo keeps for as long as its folder lives, so that running it again resumes.</summary>
internal sealed record Ports(int Http, int Mqtt, int Modbus)
{
    /// <summary>The wanted ports, or the next free ones.</summary>
    public static Ports Choose(int http, int mqtt, int modbus) => new(NextFree(http), NextFree(mqtt), NextFree(modbus));

    private static int NextFree(int first)
    {
        for (var port = first; port < first + 200; port++)
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Taken: by another demo, perhaps.
            }
        }

        throw new DemoException($"no free port between {first} and {first + 199}; name one with --http-port, --mqtt-port or --modbus-port");
    }
}

/// <summary>Everything that a demo keeps, under one folder.</summary>
internal sealed class DemoFolder : IDisposable
{
    private readonly FileStream _lock;

    public DemoFolder(string root)
    {
        Root = Path.GetFullPath(root);
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(Logs);
        Directory.CreateDirectory(Invoices);
        try
        {
            _lock = new FileStream(Path.Combine(Root, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DemoException($"another demo is running in {Root}; name another folder with --state DIR");
        }
    }

    public string Root { get; }

    public string Cloud => Path.Combine(Root, "cloud");

    public string Gateway => Path.Combine(Root, "gateway");

    public string Invoices => Path.Combine(Root, "invoices");

    public string Logs => Path.Combine(Root, "logs");

    public string Log(string name) => Path.Combine(Logs, name + ".log");

    /// <summary>A socket's path may have 107 bytes, so it lies among the temporary files, under a name made from this folder's.</summary>
    public string Socket(string name) =>
        Path.Combine(Path.GetTempPath(), $"usage-demo-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..12]}-{name}.sock");

    /// <summary>Ports of the last run in this folder, or newly chosen and kept.</summary>
    public Ports KeepPorts(Func<Ports> choose)
    {
        var file = Path.Combine(Root, "ports.json");
        if (File.Exists(file))
        {
            return JsonSerializer.Deserialize<Ports>(File.ReadAllText(file))!;
        }

        var ports = choose();
        File.WriteAllText(file, JsonSerializer.Serialize(ports));
        return ports;
    }

    public void Dispose() => _lock.Dispose();
}
