namespace UsageBilling.Cloud.UsageEvents;

/// <summary>What a sender of events may ask for at once. Beyond it the answer says so, and nothing of the request is taken.</summary>
internal static class EventLimits
{
    /// <summary>Bytes of a request; more is answered 413.</summary>
    public const int MostBytes = 4 * 1024 * 1024;

    /// <summary>Events of a batch; more is answered 413.</summary>
    public const int MostEvents = 1000;

    /// <summary>Requests that are worked on at the same time.</summary>
    public const int AtOnce = 4;

    /// <summary>Requests that wait for one of those; more is answered 429 with Retry-After.</summary>
    public const int Waiting = 64;

    /// <summary>How far ahead of ours a sender's clock may be, in minutes.</summary>
    public const int MinutesAhead = 10;
}
