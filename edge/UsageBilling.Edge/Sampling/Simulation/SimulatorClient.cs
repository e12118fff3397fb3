using System.Buffers.Binary;
using System.Net.Sockets;
using Google.Protobuf;
using NodaTime;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Sampling.Simulation;

/// <summary>Speaks <c>simulation.proto</c> over the simulator's Unix socket.</summary>
internal sealed class SimulatorClient : IDisposable
{
    private const int MaxReply = 64 << 20;
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly byte[] _length = new byte[4];

    private SimulatorClient(Socket socket) => (_socket, _stream) = (socket, new NetworkStream(socket));

    /// <summary>Connects, waiting a while for a simulator that is only starting.</summary>
    /// <exception cref="IOException">No simulator is there.</exception>
    public static async Task<SimulatorClient> ConnectAsync(string path, TimeSpan patience, CancellationToken cancellationToken)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new SimulatorClient(socket);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                if (TimeProvider.System.GetElapsedTime(begun) > patience)
                {
                    throw new IOException($"no simulator listens on {path} ({e.Message}); start 'usage-simulator serve --simulation unix:{path}' first", e);
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }
    }

    /// <summary>Sets the site to an instant and returns the pulse edges in (from, to].</summary>
    /// <exception cref="IOException">The simulator refused or went away.</exception>
    public async Task<AdvanceReply> AdvanceAsync(Instant from, Instant to, CancellationToken cancellationToken)
    {
        var request = new AdvanceRequest { FromMs = from.ToUnixTimeMilliseconds(), ToMs = to.ToUnixTimeMilliseconds() };
        var frame = new byte[4 + request.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        request.WriteTo(frame.AsSpan(4));
        await _stream.WriteAsync(frame, cancellationToken);
        await _stream.ReadExactlyAsync(_length, cancellationToken);
        var length = BinaryPrimitives.ReadInt32BigEndian(_length);
        if (length is < 0 or > MaxReply)
        {
            throw new IOException($"the simulator announced {length} bytes");
        }

        var bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes, cancellationToken);
        var reply = AdvanceReply.Parser.ParseFrom(bytes);
        return reply.Error.Length == 0 ? reply : throw new IOException($"the simulator refuses: {reply.Error}");
    }

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }
}
