using System.IO.Pipelines;
using UsageBilling.Modbus;

namespace UsageBilling.Protocols.Tests.Modbus;

/// <summary>The RTU client on a line where the test plays the meter, byte by byte.</summary>
public sealed class ModbusRtuClientTests : IAsyncDisposable
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan Patient = TimeSpan.FromSeconds(20);

    private readonly Pipe toMeter = new();
    private readonly Pipe toClient = new();
    private ModbusRtuClient? client;

    public async ValueTask DisposeAsync()
    {
        if (client is not null)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public void The_checksum_agrees_with_the_example_of_the_specification()
    {
        // Modbus over Serial Line 1.02, appendix B: message 02 07 is followed by 41 12.
        byte[] frame = [0x02, 0x07, 0, 0];
        Crc16.Append(frame, 2);
        Assert.Equal([0x02, 0x07, 0x41, 0x12], frame);
        Assert.True(Crc16.Check(frame));
        frame[0] ^= 1;
        Assert.False(Crc16.Check(frame));
    }

    [Theory]
    [InlineData(9_600, 4_010)]
    [InlineData(19_200, 2_005)]
    [InlineData(38_400, 1_750)]
    [InlineData(115_200, 1_750)]
    public void The_silence_between_frames_is_three_and_a_half_characters(int baudRate, int microseconds) =>
        Assert.Equal(microseconds, (int)ModbusRtuClient.Silence(baudRate).TotalMicroseconds);

    [Fact]
    public async Task A_request_is_answered_also_when_the_answer_comes_in_pieces()
    {
        var reading = ReadAsync(Patient);
        Assert.Equal([0x11, 0x04, 0x00, 0x48, 0x00, 0x02, 0xF3, 0x4D], await AskedAsync());
        foreach (var b in Answer(0x11, 0x04, 4, 0, 1, 0, 2))
        {
            await toClient.Writer.WriteAsync(new[] { b });
        }

        Assert.Equal([1, 2], await reading);
    }

    [Fact]
    public async Task What_lies_on_the_line_before_a_request_is_thrown_away()
    {
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 9, 0, 9));
        var reading = ReadAsync(Patient);
        await AskedAsync();
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 1, 0, 2));
        Assert.Equal([1, 2], await reading);
    }

    [Fact]
    public async Task A_late_answer_is_never_taken_for_the_next_one()
    {
        var late = ReadAsync(Short);
        await AskedAsync();
        Assert.Equal(ModbusFailure.Timeout, (await Assert.ThrowsAsync<ModbusException>(() => late)).Failure);

        // The next request waits for a quiet line; the late answer falls into that wait.
        var next = ReadAsync(Short);
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 9, 0, 9));
        await AskedAsync();
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 1, 0, 2));
        Assert.Equal([1, 2], await next);
    }

    [Fact]
    public async Task Each_bad_answer_is_typed_and_the_next_request_is_right()
    {
        await FailsAsync(ModbusFailure.BadFrame, [.. Answer(0x11, 0x04, 4, 0, 1, 0, 2)[..^1], 0]);
        await FailsAsync(ModbusFailure.ForeignReply, Answer(0x12, 0x04, 4, 0, 1, 0, 2));
        await FailsAsync(ModbusFailure.BadFrame, Answer(0x11, 0x03, 4, 0, 1, 0, 2));
        await FailsAsync(ModbusFailure.BadFrame, Answer(0x11, 0x04, 2, 0, 1));
        await FailsAsync(ModbusFailure.BadFrame, [0x11, 0x04, 254, .. new byte[254], 0, 0]);
        await FailsAsync(ModbusFailure.DeviceException, Answer(0x11, 0x84, 2));
        var reading = ReadAsync(Short);
        await AskedAsync();
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 1, 0, 2));
        Assert.Equal([1, 2], await reading);
    }

    [Fact]
    public async Task A_line_that_is_gone_is_disconnected_and_opened_again()
    {
        var opened = 0;
        client = new ModbusRtuClient(() => ++opened == 1 ? throw new FileNotFoundException("no /dev/ttyUSB0") : Line(), "line", Silence, Patient, TimeProvider.System);
        var gone = await Assert.ThrowsAsync<ModbusException>(() => ReadAsync(Patient));
        Assert.Equal(ModbusFailure.Disconnected, gone.Failure);
        var reading = ReadAsync(Patient);
        await AskedAsync();
        await toClient.Writer.WriteAsync(Answer(0x11, 0x04, 4, 0, 1, 0, 2));
        Assert.Equal([1, 2], await reading);
    }

    private async Task FailsAsync(ModbusFailure expected, byte[] answer)
    {
        var reading = ReadAsync(Short);
        await AskedAsync();
        await toClient.Writer.WriteAsync(answer);
        Assert.Equal(expected, (await Assert.ThrowsAsync<ModbusException>(() => reading)).Failure);
    }

    private Task<ushort[]> ReadAsync(TimeSpan timeout)
    {
        client ??= new ModbusRtuClient(Line, "line", Silence, timeout, TimeProvider.System);
        return client.ReadAsync(0x11, ModbusTable.InputRegisters, 0x48, 2, default).AsTask();
    }

    private async Task<byte[]> AskedAsync()
    {
        var request = await toMeter.Reader.ReadAtLeastAsync(8);
        byte[] bytes = [.. System.Buffers.BuffersExtensions.ToArray(request.Buffer)];
        toMeter.Reader.AdvanceTo(request.Buffer.End);
        return bytes;
    }

    private static byte[] Answer(params byte[] bytes)
    {
        byte[] frame = [.. bytes, 0, 0];
        Crc16.Append(frame, bytes.Length);
        return frame;
    }

    private TwoWay Line() => new(toClient.Reader.AsStream(leaveOpen: true), toMeter.Writer.AsStream(leaveOpen: true));

    private sealed class TwoWay(Stream input, Stream output) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        public override void Flush() => output.Flush();

        public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

        public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
