namespace UsageBilling.Protocols;

/// <summary>Builds and parses every MQTT topic: <c>ub/v1/{gateway}/…</c></summary>
public static class Topics
{
    private const string Root = "ub/v1/";

    /// <summary>All gateways' batches.</summary>
    public const string AllBatches = "ub/v1/+/batches";

    /// <summary>All gateways' status.</summary>
    public const string AllStatus = "ub/v1/+/status";

    /// <summary>All gateways' latest values.</summary>
    public const string AllLive = "ub/v1/+/live";

    /// <summary>All gateways' position requests.</summary>
    public const string AllPositions = "ub/v1/+/commands/position";

    /// <summary>All gateways' answers to replay requests.</summary>
    public const string AllReplayReplies = "ub/v1/+/commands/replay/reply";

    /// <summary>Up, QoS 1: <c>SignedBatch</c>.</summary>
    public static string Batches(string gateway) => $"{Root}{gateway}/batches";

    /// <summary>Up, QoS 0: latest values for people who watch; never billed.</summary>
    public static string Live(string gateway) => $"{Root}{gateway}/live";

    /// <summary>Up, QoS 1, retained, last will: online or offline, health, position.</summary>
    public static string Status(string gateway) => $"{Root}{gateway}/status";

    /// <summary>Down, QoS 1: <c>Ack</c>.</summary>
    public static string Ack(string gateway) => $"{Root}{gateway}/ack";

    /// <summary>Up, QoS 1: <c>PositionRequest</c>; answered on <see cref="PositionReply"/>.</summary>
    public static string Position(string gateway) => $"{Root}{gateway}/commands/position";

    /// <summary>Down, QoS 1: <c>Ack</c> of kind POSITION with the request's correlation data.</summary>
    public static string PositionReply(string gateway) => $"{Root}{gateway}/commands/position/reply";

    /// <summary>Down, QoS 1: <c>ReplayRequest</c>; answered on <see cref="ReplayReply"/>.</summary>
    public static string Replay(string gateway) => $"{Root}{gateway}/commands/replay";

    /// <summary>Up, QoS 1: <c>ReplayReply</c> with the request's correlation data, after the batches.</summary>
    public static string ReplayReply(string gateway) => $"{Root}{gateway}/commands/replay/reply";

    /// <summary>MQTT 5 shared subscription: instances of one group share the messages.</summary>
    public static string Shared(string group, string filter) => $"$share/{group}/{filter}";

    /// <summary>Which gateway and which kind (<c>batches</c>, <c>live</c>, <c>commands/position</c>, …) a topic names.</summary>
    public static bool TryParse(string topic, out string gateway, out string kind)
    {
        gateway = kind = "";
        if (!topic.StartsWith(Root, StringComparison.Ordinal))
        {
            return false;
        }

        var slash = topic.IndexOf('/', Root.Length);
        if (slash < 0 || slash == topic.Length - 1 || !Name.IsValid(topic[Root.Length..slash]))
        {
            return false;
        }

        gateway = topic[Root.Length..slash];
        kind = topic[(slash + 1)..];
        return true;
    }

    /// <summary>True when a gateway may publish to the topic: its own name, and a kind that goes up.</summary>
    public static bool MayPublish(string gateway, string topic) =>
        TryParse(topic, out var named, out var kind) && named == gateway && kind is ("batches" or "live" or "status" or "commands/position" or "commands/replay/reply");

    /// <summary>True when a gateway may subscribe to the filter: its own name, no wildcard, and a kind that goes down.</summary>
    public static bool MaySubscribe(string gateway, string filter) =>
        TryParse(filter, out var named, out var kind) && named == gateway && kind is ("ack" or "commands/position/reply" or "commands/replay");
}
