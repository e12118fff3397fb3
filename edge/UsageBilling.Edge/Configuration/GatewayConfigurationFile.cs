using System.Collections.Immutable;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Meters;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Configuration;

/// <summary>A configuration, or everything that is wrong with it.</summary>
/// <param name="Configuration">Null when there is any problem.</param>
/// <param name="Problems">In order of lines; empty when all is well.</param>
public sealed record ConfigurationResult(GatewayConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems);

/// <summary>Reads <c>gateway.yaml</c>. Relative paths in it count from its folder; <c>${NAME:-default}</c> is taken from the environment.</summary>
public static class GatewayConfigurationFile
{
    private static readonly int[] Intervals = [5, 10, 15, 30, 60];
    private static readonly string[] Trusts = ["kernel", "always"];

    /// <summary>Reads a file.</summary>
    public static ConfigurationResult Load(string file)
    {
        try
        {
            using var text = new StreamReader(file);
            return Load(text, file, Environment.GetEnvironmentVariable);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ConfigurationResult(null, [new ConfigurationProblem(file, 1, 1, "", $"cannot be read: {e.Message}; name another file with --config")]);
        }
    }

    /// <summary>Reads a text as if it stood in <paramref name="file"/>.</summary>
    public static ConfigurationResult Load(TextReader text, string file, Func<string, string?> environment)
    {
        var problems = new ProblemList(file);
        if (YamlSection.Read(text, problems, environment) is not { } root)
        {
            return new ConfigurationResult(null, problems.InOrder);
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var gateway = ReadName(root, "gateway");
        var state = root.RequiredText("state");
        var templates = ReadTemplates(root, folder, out var mistakes);
        var cloud = root.Child("cloud") is { } c ? ReadCloud(c, folder) : CloudSettings.None;
        var (interval, live) = ReadSampling(root);
        var clock = root.OneOf("clock", Trusts) == 1 ? ClockTrust.Always : ClockTrust.Kernel;
        var bufferSize = ReadBuffer(root);
        var buses = new BusReader().Read(root);
        var meters = new MeterReader(templates, buses).Read(root);
        if (!root.Has("meters"))
        {
            root.Problem("meters", "'meters' is missing; add 'meters:' with a list of at least one meter");
        }

        root.Done();
        IReadOnlyList<ConfigurationProblem> all = [.. problems.InOrder, .. mistakes];
        return all.Count > 0
            ? new ConfigurationResult(null, all)
            : new ConfigurationResult(
                new GatewayConfiguration(
                    gateway!, Path.GetFullPath(state!, folder), cloud, interval, live, clock, bufferSize, [.. buses.Values.Select(b => b!)], meters),
                []);
    }

    internal static string? ReadName(YamlSection section, string key)
    {
        var text = section.RequiredText(key);
        if (text is null || Name.IsValid(text))
        {
            return text;
        }

        section.Problem(key, $"'{text}' must be 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'");
        return null;
    }

    private static MeterTemplates ReadTemplates(YamlSection root, string folder, out IReadOnlyList<ConfigurationProblem> mistakes)
    {
        mistakes = [];
        if (root.Text("templates") is not { } named)
        {
            return MeterTemplates.BuiltIn;
        }

        var templates = Path.GetFullPath(named, folder);
        if (Directory.Exists(templates))
        {
            return MeterTemplates.BuiltIn.With(templates, out mistakes);
        }

        root.Problem("templates", $"folder {templates} does not exist; make it or remove the key");
        return MeterTemplates.BuiltIn;
    }

    private static CloudSettings ReadCloud(YamlSection cloud, string folder)
    {
        var host = cloud.Text("host");
        var port = (int?)cloud.Number("port", 1, 65_535);
        var tls = cloud.Flag("tls");
        var ca = Existing(cloud, "ca", folder);
        if (ca is not null && tls != true)
        {
            cloud.Problem("ca", "certificate authorities are named but TLS is off; add 'tls: true' or remove 'ca'");
        }

        var user = cloud.Text("user");
        var password = cloud.Text("password-file") is { } file ? Path.GetFullPath(file, folder) : null;
        if (cloud.Has("password"))
        {
            cloud.Text("password");
            cloud.Problem("password", "a password does not belong in this file; put it in a file that only the gateway can read and name it with 'password-file'");
        }

        var resend = cloud.Number("resend-after", 1, 3_600, "seconds");
        cloud.Done();
        return new CloudSettings(host, port, tls, ca, user, password, resend is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
    }

    private static string? Existing(YamlSection section, string key, string folder)
    {
        if (section.Text(key) is not { } named)
        {
            return null;
        }

        var path = Path.GetFullPath(named, folder);
        if (!File.Exists(path))
        {
            section.Problem(key, $"file {path} does not exist; put it there or correct the path");
        }

        return path;
    }

    private static (int Interval, int Live) ReadSampling(YamlSection root)
    {
        if (root.Child("sampling") is not { } sampling)
        {
            return (15, 10);
        }

        var interval = (int)(sampling.Number("interval", 1, 1_440, "minutes") ?? 15);
        if (!Intervals.Contains(interval))
        {
            sampling.Problem("interval", $"{interval} minutes is not possible; choose 5, 10, 15, 30 or 60");
        }

        var live = (int)(sampling.Number("live", 0, 3_600, "seconds, 0 for no live values") ?? 10);
        sampling.Done();
        return (interval, live);
    }

    private static int? ReadBuffer(YamlSection root)
    {
        if (root.Child("buffer") is not { } buffer)
        {
            return null;
        }

        var size = buffer.Number("max-mib", 16, 1_048_576, "MiB");
        buffer.Done();
        return (int?)size;
    }
}
