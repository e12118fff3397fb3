using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>The few calls to the kernel's GPIO character device, version 2 of its interface (linux/gpio.h, Linux 5.10).</summary>
internal static unsafe partial class GpioCharacterDevice
{
    /// <summary>The most events that the kernel keeps for a request (64 lines × 16).</summary>
    public const int EventBufferSize = 1024;

    private const nuint GetLineIoctl = 0xC250B407; // _IOWR(0xB4, 0x07, struct gpio_v2_line_request)
    private const int ReadWriteCloseOnExec = 0x80002;
    private const short PollIn = 1;
    private const ulong Input = 1 << 2;
    private const ulong EdgeRising = 1 << 4;
    private const ulong EdgeFalling = 1 << 5;
    private const ulong BiasPullUp = 1 << 8;
    private const ulong BiasPullDown = 1 << 9;
    private const ulong BiasDisabled = 1 << 10;
    private const uint DebounceAttribute = 3;
    private const int InterruptedCall = 4;

    /// <summary>Requests a line with edge detection, bias and debounce; the handle's bytes are line events.</summary>
    /// <exception cref="MeterException">The chip cannot be opened or the line not be had.</exception>
    public static SafeFileHandle RequestLine(PulsePin pin)
    {
        var device = Path.Combine("/dev", pin.Chip);
        var chip = Open(device, ReadWriteCloseOnExec);
        if (chip < 0)
        {
            throw new MeterException($"{device} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}; check 'chip' and the rights on the device");
        }

        using var opened = new SafeFileHandle(chip, ownsHandle: true);
        var request = Describe(pin);
        if (Control(chip, GetLineIoctl, &request) < 0)
        {
            throw new MeterException($"{pin} cannot be requested: {Marshal.GetLastPInvokeErrorMessage()}; check that the pin exists and nothing else uses it");
        }

        return new SafeFileHandle(request.Descriptor, ownsHandle: true);
    }

    /// <summary>Waits for events or the signal to stop; false when stopped.</summary>
    public static bool WaitForEvents(SafeFileHandle line, SafeFileHandle stop)
    {
        var polled = stackalloc PollDescriptor[2];
        polled[0] = new PollDescriptor { Descriptor = (int)line.DangerousGetHandle(), Events = PollIn };
        polled[1] = new PollDescriptor { Descriptor = (int)stop.DangerousGetHandle(), Events = PollIn };
        while (Poll(polled, 2, -1) < 0)
        {
            if (Marshal.GetLastPInvokeError() != InterruptedCall)
            {
                throw new IOException($"waiting for pulses failed: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }

        return polled[1].Answers == 0;
    }

    /// <summary>Reads events; at least one when there are some.</summary>
    public static int Read(SafeFileHandle line, Span<byte> into)
    {
        fixed (byte* bytes = into)
        {
            var read = (int)Read((int)line.DangerousGetHandle(), bytes, (nuint)into.Length);
            return read > 0 ? read : throw new IOException($"reading pulses failed: {(read == 0 ? "the device is gone" : Marshal.GetLastPInvokeErrorMessage())}");
        }
    }

    /// <summary>A descriptor that becomes readable by <see cref="Signal"/>.</summary>
    public static SafeFileHandle MakeSignal() => new(EventDescriptor(0, 0x80000), ownsHandle: true);

    /// <summary>Makes the signal readable.</summary>
    public static void Signal(SafeFileHandle signal)
    {
        ulong one = 1;
        _ = Write((int)signal.DangerousGetHandle(), &one, sizeof(ulong));
    }

    internal static LineRequest Describe(PulsePin pin)
    {
        var request = new LineRequest { Lines = 1, EventBufferSize = EventBufferSize };
        request.Offsets[0] = (uint)pin.Pin;
        Encoding.ASCII.GetBytes("usage-gateway", new Span<byte>(request.Consumer, 31));
        request.Flags = Input | (pin.Edge == PulseEdge.Falling ? EdgeFalling : EdgeRising) | pin.Bias switch
        {
            PulseBias.PullUp => BiasPullUp,
            PulseBias.PullDown => BiasPullDown,
            _ => BiasDisabled,
        };
        if (pin.Debounce > TimeSpan.Zero)
        {
            request.AttributeCount = 1;
            request.Attributes[0] = DebounceAttribute;
            request.Attributes[1] = (ulong)pin.Debounce.TotalMicroseconds;
            request.Attributes[2] = 1; // mask: the request's first line
        }

        return request;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, void* into, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, void* from, nuint count);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventDescriptor(uint initial, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Answers;
    }

    /// <summary>struct gpio_v2_line_request: 592 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LineRequest
    {
        public fixed uint Offsets[64];
        public fixed byte Consumer[32];
        public ulong Flags;
        public uint AttributeCount;
        public fixed uint Padding[5];
        public fixed ulong Attributes[30]; // ten times: id, value, mask of lines
        public uint Lines;
        public uint EventBufferSize;
        public fixed uint MorePadding[5];
        public int Descriptor;
    }
}
