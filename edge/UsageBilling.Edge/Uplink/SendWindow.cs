namespace UsageBilling.Edge.Uplink;

/// <summary>
/// Which batches are under way on one connection and when each is due again. MQTT clients do not hold to a broker's limits by
/// themselves and a PUBACK proves nothing, so the window counts batches until the cloud says that they are committed.
/// </summary>
internal sealed class SendWindow(int size, TimeSpan resendAfter, Func<double> random)
{
    private const int MostDoublings = 4;
    private readonly SortedDictionary<long, Flight> _flights = [];

    /// <summary>Lowest sequence not sent on this connection.</summary>
    public long Next { get; private set; } = 1;

    public int Room => Math.Max(0, size - _flights.Count);

    public int UnderWay => _flights.Count;

    /// <summary>Nothing is under way; the batch after this one comes next.</summary>
    public void Reset(long acknowledgedThrough)
    {
        _flights.Clear();
        Next = acknowledgedThrough + 1;
    }

    public void Sent(long sequence, TimeSpan now)
    {
        var again = _flights.TryGetValue(sequence, out var before);
        var attempts = again ? before.Attempts + 1 : 0;
        // Between half and one and a half of the time, doubling: many gateways must not come back in step.
        var wait = resendAfter * (0.5 + random()) * (1 << Math.Min(attempts, MostDoublings));
        _flights[sequence] = new Flight(now + wait, attempts, again ? before.First : now);
        Next = Math.Max(Next, sequence + 1);
    }

    /// <summary>When a batch that is under way was first sent: what answers it was said after that.</summary>
    public TimeSpan? FirstSent(long sequence) => _flights.TryGetValue(sequence, out var flight) ? flight.First : null;

    public void Acknowledged(long through)
    {
        foreach (var sequence in _flights.Keys.TakeWhile(s => s <= through).ToList())
        {
            _flights.Remove(sequence);
        }

        Next = Math.Max(Next, through + 1);
    }

    /// <summary>The cloud misses batches from here on: they are due at once.</summary>
    public void ResendFrom(long from)
    {
        foreach (var sequence in _flights.Keys.Where(s => s >= from).ToList())
        {
            _flights[sequence] = _flights[sequence] with { Due = TimeSpan.Zero };
        }
    }

    public IReadOnlyList<long> Due(TimeSpan now) => [.. _flights.Where(f => f.Value.Due <= now).Select(f => f.Key)];

    public TimeSpan? NextDue => _flights.Count == 0 ? null : _flights.Values.Min(f => f.Due);

    private readonly record struct Flight(TimeSpan Due, int Attempts, TimeSpan First);
}
