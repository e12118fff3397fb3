namespace UsageBilling.Cloud.Ingest;

/// <summary>The way to the gateways: the embedded broker or a connection to an external one.</summary>
internal interface IBroker
{
    /// <summary>True while messages can come and go.</summary>
    bool IsConnected { get; }

    /// <summary>Publishes with QoS 1.</summary>
    Task PublishAsync(string topic, byte[] payload, byte[]? correlationData, CancellationToken cancellation);
}
