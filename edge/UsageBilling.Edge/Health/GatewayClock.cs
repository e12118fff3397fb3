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
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Func<bool> _isSynchronised;
    private long? _lastOffsetMs;
    private bool _wasTrusted;

    /// <summary>A clock over a time provider; the monotonic clock is the provider's timestamp.</summary>
    public GatewayClock(TimeProvider time, ClockTrust trust)
        : this(time, trust == ClockTrust.Always ? static () => true : KernelIsSynchronised, BootId())
    {
    }

    /// <summary>A clock whose trust and boot are given, for simulation and tests.</summary>
    public GatewayClock(TimeProvider time, Func<bool> isSynchronised, Guid boot)
    {
        (_time, _isSynchronised, Boot) = (time, isSynchronised, boot);
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
            // .NET's timestamp on Linux is CLOCK_MONOTONIC: it goes on over restarts of the process within a boot.
            var monotonic = _time.GetTimestamp() / (_time.TimestampFrequency / 1000);
            stamp = new ClockStamp(Now, Boot, monotonic, _isSynchronised());
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
}
