using System.Text.Json;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Uplink;

namespace UsageBilling.Edge.Commissioning;

/// <summary>The broker as the cloud named it at enrolment.</summary>
public sealed record EnrolledBroker(string Host, int Port, bool Tls, string Username);

/// <summary>What enrolment brought, kept in the state folder beside key and password.</summary>
public sealed record Enrolment(string Gateway, string KeyId, EnrolledBroker Mqtt)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The file in a state folder.</summary>
    public static string FileIn(string stateFolder) => Path.Combine(stateFolder, "enrolment.json");

    /// <summary>The MQTT password's file in a state folder.</summary>
    public static string PasswordFileIn(string stateFolder) => Path.Combine(stateFolder, "mqtt.password");

    /// <summary>The enrolment of a state folder; null before the first.</summary>
    public static Enrolment? Load(string stateFolder) =>
        File.Exists(FileIn(stateFolder)) ? JsonSerializer.Deserialize<Enrolment>(File.ReadAllText(FileIn(stateFolder)), Json) : null;

    /// <summary>Keeps it.</summary>
    public void Save(string stateFolder) => GatewayKeys.WriteSecret(FileIn(stateFolder), JsonSerializer.Serialize(this, Json) + "\n");

    /// <summary>Options of the uplink: what the configuration says, and for the rest what enrolment brought.</summary>
    public static UplinkOptions Complete(string gateway, string stateFolder, CloudSettings settings)
    {
        var enrolled = Load(stateFolder)?.Mqtt;
        var password = settings.PasswordFile ?? PasswordFileIn(stateFolder);
        var tls = settings.Tls ?? enrolled?.Tls ?? settings.CaFile is not null;
        var options = new UplinkOptions
        {
            Gateway = gateway,
            Host = settings.Host ?? enrolled?.Host ?? "",
            Port = settings.Port ?? enrolled?.Port ?? (tls ? 8883 : 1883),
            Tls = tls,
            CaFile = settings.CaFile,
            User = settings.User ?? enrolled?.Username,
            PasswordFile = settings.PasswordFile is not null || File.Exists(password) ? password : null,
        };
        return settings.ResendAfter is { } after ? options with { ResendAfter = after } : options;
    }
}
