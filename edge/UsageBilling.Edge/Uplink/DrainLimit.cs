namespace UsageBilling.Edge.Uplink;

/// <summary>Lets a backlog pass at so many readings a second; 0 lets everything pass.</summary>
internal sealed class DrainLimit(int readingsPerSecond)
{
    private double _budget = readingsPerSecond;
    private TimeSpan _last;

    public bool MayTake(TimeSpan now)
    {
        if (readingsPerSecond == 0)
        {
            return true;
        }

        _budget = Math.Min(readingsPerSecond, _budget + ((now - _last).TotalSeconds * readingsPerSecond));
        _last = now;
        return _budget > 0;
    }

    /// <summary>A batch may overdraw the budget; the next one waits for it.</summary>
    public void Took(int readings) => _budget -= readingsPerSecond == 0 ? 0 : readings;
}
