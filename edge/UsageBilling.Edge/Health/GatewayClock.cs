using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodaTime;
using UsageBilling.Edge.Buffer;

namespace UsageBilling.Edge.Health;

/// <summary>Who says that the wall clock is right.</summary>
public enum ClockTrust
{
    /// <summary>The kernel: a time daemon has synchronised it (<c>adjtimex</c> without <c>STA_UNSYNC</c>).</summary>
    Kernel,

    /// <summary>Always trusted: a battery-backed clock that is kept right by other means, and simulation.</summary>
    Always,
}

/// <summary>The gateway's clock with what is known about it: boot, monotonic time, trust and steps.</summary>
public sealed partial class GatewayClock
{
    private static readonly Duration StepThreshold = Duration.FromSeconds(2);
    private static readonly Duration BestFor = Duration.FromMinutes(10);
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Func<bool> _isSynchronised;
    private readonly bool _simulated;
    private Comparison? _comparison;
    private long? _lastOffsetMs;
    private bool _wasTrusted;

    /// <summary>A clock over a time provider; the monotonic clock is the provider's timestamp.</summary>
    public GatewayClock(TimeProvider time, ClockTrust trust)
        : this(time, trust == ClockTrust.Always ? static () => true : KernelIsSynchronised, BootId())
    {
    }

    /// <summary>A clock whose trust and boot are given, for simulation and tests. A simulated clock is not compared with anything.</summary>
    public GatewayClock(TimeProvider time, Func<bool> isSynchronised, Guid boot, bool simulated = false)
    {
        (_time, _isSynchronised, Boot, _simulated) = (time, isSynchronised, boot, simulated);
    }

    /// <summary>The kernel's boot id.</summary>
    public Guid Boot { get; }

    /// <summary>True when the wall clock was known to be right at the last stamp.</summary>
    public bool Trusted => _wasTrusted;

    /// <summary>Wall clock.</summary>
    public Instant Now => Instant.FromDateTimeOffset(_time.GetUtcNow());

    /// <summary>The wall clock jumped by so much against the monotonic clock since the last stamp.</summary>
    public event Action<Duration>? Stepped;

    /// <summary>The clock now.</summary>
    public ClockStamp Stamp()
    {
        ClockStamp stamp;
        Duration jump;
        lock (_lock)
        {
            stamp = new ClockStamp(Now, Boot, MonotonicMs, _isSynchronised());
            jump = Duration.FromMilliseconds(_lastOffsetMs is { } last ? stamp.OffsetMs - last : 0);
            _lastOffsetMs = stamp.OffsetMs;
            _wasTrusted = stamp.Trusted;
        }

        if (jump > StepThreshold || jump < -StepThreshold)
        {
            Stepped?.Invoke(jump);
        }

        return stamp;
    }

    /// <summary>
    /// Another clock, taken as right, showed <paramref name="reference"/> somewhere in the <paramref name="roundTrip"/> that ends now (Cristian's algorithm): the offset
    /// lies between now minus the reference and a round trip less. The narrowest comparison of the last ten minutes is kept, unless the new one contradicts it: a machine
    /// that was suspended counts time only by its wall clock.
    /// </summary>
    public void Compare(Instant reference, Duration roundTrip)
    {
        if (_simulated)
        {
            return;
        }

        lock (_lock)
        {
            var (now, monotonic) = (Now, MonotonicMs);
            var least = (long)(now - reference - roundTrip).TotalMilliseconds;
            var most = (long)(now - reference).TotalMilliseconds;
            var fresh = new Comparison(least, most, now.ToUnixTimeMilliseconds() - monotonic, monotonic);
            _comparison = _comparison is { } known && known.IsNarrowerThan(fresh) && known.AgreesWith(fresh) && Duration.FromMilliseconds(monotonic - known.MonotonicMs) < BestFor ? known : fresh;
        }
    }

    /// <summary>
    /// How far the clock was off for certain when it made a stamp, positive when it was ahead; null where it is not known: nothing was compared, or the stamp is of
    /// another boot. The monotonic clock carries the comparison over every setting of the wall clock, backwards too.
    /// </summary>
    public Duration? OffsetAt(ClockStamp stamp)
    {
        lock (_lock)
        {
            if (_comparison is not { } known || stamp.Boot != Boot)
            {
                return null;
            }

            var shift = stamp.OffsetMs - known.OffsetMs;
            return Duration.FromMilliseconds(Math.Max(0, known.Least + shift) + Math.Min(0, known.Most + shift));
        }
    }

    /// <summary>The same now.</summary>
    public Duration? Offset => OffsetAt(new ClockStamp(Now, Boot, MonotonicMs, false));

    // .NET's timestamp on Linux is CLOCK_MONOTONIC: it goes on over restarts of the process within a boot.
    private long MonotonicMs => _time.GetTimestamp() / (_time.TimestampFrequency / 1000);

    private static Guid BootId() => Guid.Parse(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    private static bool KernelIsSynchronised()
    {
        const int statusOffset = 40; // struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror, status
        const int unsynchronised = 0x40;
        var timex = new byte[256];
        return AdjustTime(timex) >= 0 && (BinaryPrimitives.ReadInt32LittleEndian(timex.AsSpan(statusOffset)) & unsynchronised) == 0;
    }

    [LibraryImport("libc", EntryPoint = "adjtimex")]
    private static partial int AdjustTime([In, Out] byte[] timex);

    /// <summary>The offset lay between two bounds while wall clock minus monotonic clock was <paramref name="OffsetMs"/>.</summary>
    private readonly record struct Comparison(long Least, long Most, long OffsetMs, long MonotonicMs)
    {
        public bool IsNarrowerThan(Comparison other) => Most - Least < other.Most - other.Least;

        /// <summary>Some offset is possible by both, give or take what clocks drift in minutes.</summary>
        public bool AgreesWith(Comparison other)
        {
            const long Drift = 100;
            var shift = other.OffsetMs - OffsetMs;
            return Least + shift <= other.Most + Drift && Most + shift >= other.Least - Drift;
        }
    }
}
