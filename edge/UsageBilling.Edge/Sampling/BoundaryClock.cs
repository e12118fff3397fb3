using NodaTime;

namespace UsageBilling.Edge.Sampling;

/// <summary>A boundary that has come.</summary>
/// <param name="At">The boundary, a multiple of the interval in UTC.</param>
/// <param name="Missed">Boundaries before it that passed unsampled since the last one: the process was stopped or the clock stepped forward.</param>
public readonly record struct Boundary(Instant At, int Missed);

/// <summary>
/// Waits for the boundaries of the sampling interval. Each is computed from the clock, never from the one before, so nothing drifts; the clock
/// is looked at again at least every ten seconds, so that a step is noticed. What was missed is told, not invented.
/// </summary>
public sealed class BoundaryClock(Duration interval, TimeProvider time)
{
    private static readonly Duration LongestWait = Duration.FromSeconds(10);
    private static readonly Duration SmallStep = Duration.FromMinutes(1);
    private const long None = long.MinValue;

    // Ticks, because others ask how long it is until the next boundary while one waits for it.
    private long _last = None;

    /// <summary>The first boundary after an instant.</summary>
    public static Instant After(Instant at, Duration interval) => Floor(at, interval) + interval;

    /// <summary>The last boundary at or before an instant.</summary>
    public static Instant Floor(Instant at, Duration interval)
    {
        var ticks = at.ToUnixTimeTicks();
        var step = interval.BclCompatibleTicks;
        return Instant.FromUnixTimeTicks(ticks - (((ticks % step) + step) % step));
    }

    /// <summary>How long until the next boundary.</summary>
    public Duration UntilNext()
    {
        var now = Now();
        return Next(now) - now;
    }

    /// <summary>Completes when the next boundary has come, at once when one passed since the last.</summary>
    /// <param name="alive">Called at least every ten seconds while waiting.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Boundary> WaitAsync(Action alive, CancellationToken cancellationToken)
    {
        while (true)
        {
            alive();
            var now = Now();
            var next = Next(now);
            if (now >= next)
            {
                var latest = Floor(now, interval);
                Last = latest;
                return new Boundary(latest, (int)((latest - next).BclCompatibleTicks / interval.BclCompatibleTicks));
            }

            Last = next - interval;
            await Task.Delay(Duration.Min(next - now, LongestWait).ToTimeSpan(), time, cancellationToken);
        }
    }

    // A clock that is set back by a little must not give the same boundary twice; set back by more, its boundaries come anew.
    private Instant Next(Instant now) => Last is { } last && last - now <= SmallStep ? last + interval : After(now, interval);

    private Instant? Last
    {
        get => Volatile.Read(ref _last) is var ticks && ticks == None ? null : Instant.FromUnixTimeTicks(ticks);
        set => Volatile.Write(ref _last, value!.Value.ToUnixTimeTicks());
    }

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());
}
