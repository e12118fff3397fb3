namespace UsageBilling.Edge.Buffer;

/// <summary>
/// The database's log file as LiteDB sees it, and the proof that a commit is on disk. LiteDB writes the page that confirms a
/// transaction from a queue that swallows errors; this stream fsyncs when such a page passes, counts it, and remembers the first
/// error until the database is reopened, so that the committer can ask.
/// </summary>
internal class LogStream : Stream
{
    /// <summary>LiteDB's page size.</summary>
    public const int PageSize = 8192;

    /// <summary>Where a page says that it confirms a transaction (BasePage.P_IS_CONFIRMED).</summary>
    private const int ConfirmedFlag = 18;

    private readonly object _lock = new();
    private readonly FileStream _file;
    private long _confirmed;
    private volatile Exception? _error;

    public LogStream(string file)
    {
        _file = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        var torn = _file.Length % PageSize;
        if (torn != 0)
        {
            // A power cut in the middle of a page: LiteDB would read the rest of it out of the page before.
            _file.SetLength(_file.Length - torn);
        }
    }

    /// <summary>Transactions proven on disk since the stream was opened.</summary>
    public long Confirmed
    {
        get
        {
            lock (_lock)
            {
                return _confirmed;
            }
        }
    }

    /// <summary>fsyncs since the stream was opened.</summary>
    public long Syncs { get; private set; }

    /// <summary>Checkpoints since the stream was opened: each is one fsync of the data file.</summary>
    public long Checkpoints { get; private set; }

    /// <summary>Bytes written since the stream was opened.</summary>
    public long BytesWritten { get; private set; }

    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => true;
    public override long Length => _file.Length;

    public override long Position
    {
        get => _file.Position;
        set => _file.Position = value;
    }

    /// <summary>Returns once more than <paramref name="before"/> transactions are on disk.</summary>
    /// <exception cref="IOException">A write or fsync failed, or none came in time: nothing may be taken as stored.</exception>
    public void AwaitConfirmed(long before, TimeSpan atMost)
    {
        lock (_lock)
        {
            while (_confirmed <= before && _error is null)
            {
                if (!Monitor.Wait(_lock, atMost))
                {
                    _error = new IOException($"the log was not written within {atMost.TotalSeconds:0} s of a commit");
                }
            }

            if (_error is { } error)
            {
                throw new IOException($"the buffer's log could not be written: {error.Message}", error);
            }
        }
    }

    /// <summary>
    /// Writes a page, and syncs when it confirms a transaction. Never throws: LiteDB's queue swallows what a write throws and then waits
    /// for itself for ever. After the first error nothing is written any more, and the committer learns of it.
    /// </summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        if (_error is not null)
        {
            return;
        }

        try
        {
            WritePage(buffer.AsSpan(offset, count));
            BytesWritten += count;
            if (count > ConfirmedFlag && buffer[offset + ConfirmedFlag] != 0)
            {
                Sync();
                Signal(() => _confirmed++);
            }
        }
        catch (Exception e)
        {
            Signal(() => _error ??= e);
        }
    }

    /// <summary>LiteDB's own flushes come per page and prove nothing; <see cref="Write"/> syncs where it matters.</summary>
    public override void Flush()
    {
    }

    /// <summary>After an error the log is not what LiteDB thinks: a checkpoint on closing must not copy it into the data file.</summary>
    public override int Read(byte[] buffer, int offset, int count) => _error is { } error
        ? throw new IOException($"the log failed: {error.Message}", error)
        : _file.ReadAtLeast(buffer.AsSpan(offset, count), count, throwOnEndOfStream: false);

    public override long Seek(long offset, SeekOrigin origin) => _file.Seek(offset, origin);

    /// <summary>LiteDB empties the log after a checkpoint, for which it syncs the data file once.</summary>
    public override void SetLength(long value)
    {
        if (_error is { } error)
        {
            throw new IOException($"the log failed: {error.Message}", error);
        }

        _file.SetLength(value);
        Checkpoints++;
    }

    /// <summary>Writes at the position; a seam for tests that let the disk fail.</summary>
    protected virtual void WritePage(ReadOnlySpan<byte> page) => _file.Write(page);

    /// <summary>Makes all that was written durable; a seam for tests that let the disk fail.</summary>
    protected virtual void Sync()
    {
        _file.Flush(flushToDisk: true);
        Syncs++;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Signal(Action change)
    {
        lock (_lock)
        {
            change();
            Monitor.PulseAll(_lock);
        }
    }
}
