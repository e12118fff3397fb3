using Npgsql;

namespace UsageBilling.Cloud.Imports;

/// <summary>A kept file as a stream, one chunk in memory at a time.</summary>
internal sealed class ChunkStream(NpgsqlDataSource database, Guid import, long length) : Stream
{
    private byte[] _chunk = [];
    private int _number = -1;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get; set; }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (Position >= length || buffer.IsEmpty)
        {
            return 0;
        }

        var number = (int)(Position / ImportStore.ChunkBytes);
        if (number != _number)
        {
            Load(number);
        }

        var at = (int)(Position % ImportStore.ChunkBytes);
        var count = Math.Min(buffer.Length, _chunk.Length - at);
        _chunk.AsSpan(at, count).CopyTo(buffer);
        Position += count;
        return count;
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private void Load(int number)
    {
        using var command = database.CreateCommand("SELECT bytes FROM import_chunk WHERE import_id = $1 AND number = $2");
        command.Parameters.Add(new() { Value = import });
        command.Parameters.Add(new() { Value = number });
        _chunk = command.ExecuteScalar() as byte[] ?? throw new InvalidDataException($"piece {number} of import {import} is not there");
        _number = number;
    }
}
