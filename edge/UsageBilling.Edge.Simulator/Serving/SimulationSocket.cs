using System.Buffers.Binary;
using System.Net.Sockets;
using Google.Protobuf;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Simulator.Serving;

/// <summary>Serves the control protocol of <c>simulation.proto</c> on a Unix stream socket; one gateway at a time drives a site.</summary>
public sealed class SimulationSocket : IAsyncDisposable
{
    private const int MaxRequest = 4_096;

    private readonly string path;
    private readonly SimulationControl control;
    private readonly Socket listener;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task serving;

    /// <summary>Listens at once. A socket file that was left behind is replaced.</summary>
    public SimulationSocket(string path, SimulationControl control)
    {
        (this.path, this.control) = (path, control);
        File.Delete(path);
        listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen();
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        serving = Task.Run(ServeAsync);
    }

    /// <summary>Stops and removes the socket file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested)
        {
            return;
        }

        await stopping.CancelAsync();
        listener.Dispose();
        await serving;
        stopping.Dispose();
        File.Delete(path);
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var connection = await listener.AcceptAsync(stopping.Token);
                try
                {
                    await ServeAsync(connection);
                }
                catch (Exception e) when (e is IOException or SocketException)
                {
                    // The gateway was killed; the next one may connect.
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        await using var stream = new NetworkStream(connection);
        var buffer = new byte[MaxRequest];
        while (await stream.ReadAtLeastAsync(buffer.AsMemory(0, 4), 4, throwOnEndOfStream: false, stopping.Token) == 4)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(buffer);
            if (length > MaxRequest)
            {
                await SendAsync(stream, new AdvanceReply { Error = $"a request of {length} bytes is longer than {MaxRequest}" });
                return;
            }

            await stream.ReadExactlyAsync(buffer.AsMemory(0, (int)length), stopping.Token);
            await SendAsync(stream, Answer(buffer.AsSpan(0, (int)length)));
        }
    }

    private AdvanceReply Answer(ReadOnlySpan<byte> request)
    {
        try
        {
            return control.Advance(AdvanceRequest.Parser.ParseFrom(request));
        }
        catch (InvalidProtocolBufferException e)
        {
            return new AdvanceReply { Error = $"not an AdvanceRequest: {e.Message}" };
        }
    }

    private async Task SendAsync(NetworkStream stream, AdvanceReply reply)
    {
        var frame = new byte[4 + reply.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        reply.WriteTo(frame.AsSpan(4));
        await stream.WriteAsync(frame, stopping.Token);
    }
}
