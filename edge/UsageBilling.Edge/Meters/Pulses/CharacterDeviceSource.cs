using Microsoft.Win32.SafeHandles;
using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// Counts through the kernel's GPIO character device: the kernel debounces, stamps, numbers and buffers 1,024 pulses, so that a process
/// that stalls loses none, and knows how many it lost when it stalls for longer.
/// </summary>
public sealed class CharacterDeviceSource : IPulseSource
{
    /// <inheritdoc/>
    public IPulseWatch Watch(PulsePin pin, PulseCounter counter) => new Watched(GpioCharacterDevice.RequestLine(pin), pin.Edge, counter);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Each watch owns its descriptors; the source has none.
    }

    private sealed class Watched : IPulseWatch
    {
        private const int StackSize = 256 * 1024;
        private const int EventsAtOnce = 64;

        private readonly SafeFileHandle _line;
        private readonly SafeFileHandle _stop = GpioCharacterDevice.MakeSignal();
        private readonly LineEventStream _stream;
        private readonly Thread _reader;

        public Watched(SafeFileHandle line, PulseEdge edge, PulseCounter counter)
        {
            (_line, _stream) = (line, new LineEventStream(edge, counter));
            _reader = new Thread(ReadAll, StackSize) { IsBackground = true, Name = "pulses", Priority = ThreadPriority.AboveNormal };
            _reader.Start();
        }

        public string Through => "the GPIO character device";

        public Exception? Fault { get; private set; }

        public void Dispose()
        {
            GpioCharacterDevice.Signal(_stop);
            _reader.Join();
            _line.Dispose();
            _stop.Dispose();
        }

        private void ReadAll()
        {
            try
            {
                Span<byte> events = stackalloc byte[EventsAtOnce * LineEventStream.EventSize];
                while (GpioCharacterDevice.WaitForEvents(_line, _stop))
                {
                    _stream.Take(events[..GpioCharacterDevice.Read(_line, events)]);
                }
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                // The meter sees the fault at its next read, says so, and begins to watch anew.
                Fault = e;
            }
        }
    }
}
