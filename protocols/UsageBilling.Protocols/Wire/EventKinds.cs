namespace UsageBilling.Protocols.Wire;

/// <summary>Kinds of gateway events that the cloud does more with than to keep them.</summary>
public static class EventKinds
{
    /// <summary>Another meter answers where the event's register is configured. The detail is the serial number that it tells.</summary>
    public const string MeterSerial = "meter-serial";
}
