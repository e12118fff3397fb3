using LiteDB;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// The gateway's memory: readings wait here, first unsealed by cycle, then as sealed batches, until long after the cloud has them.
/// All work on the database, reading too, is done by one dedicated plain thread; work that waits at the same time shares a transaction.
/// A returned task that completed means: on disk, and proven to be.
/// </summary>
public sealed partial class ReadingBuffer : IDisposable
{
    private readonly Lock _noteLock = new();
    private readonly List<EventNote> _notes = [];
    private readonly WriterThread _writer;
    private readonly FileStream _processLock;
    private readonly string _folder;
    private readonly BufferOptions _options;
    private readonly GatewayClock _clock;
    private readonly ILogger _logger;
    private readonly Func<string, LogStream> _openLog;
    private readonly string _fingerprint;
    private BufferFile? _file;
    private StreamState _state = null!;

    private ReadingBuffer(string folder, BufferOptions options, GatewayClock clock, ILogger logger, Func<string, LogStream> openLog)
    {
        (_folder, _options, _clock, _logger, _openLog) = (folder, options, clock, logger, openLog);
        _fingerprint = options.Fingerprint ?? HostFingerprint.Read();
        _processLock = LockFolder(folder);
        _writer = new WriterThread(RunGroup);
        _clock.Stepped += NoteStep;
    }

    /// <summary>Raised on the writer thread after a transaction that stored or sealed something. Must return at once.</summary>
    public event Action? Changed;

    /// <summary>Opens the buffer in a folder, or creates it.</summary>
    /// <exception cref="BufferException">The folder is in use, or holds something that a person must look at.</exception>
    public static ReadingBuffer Open(string folder, BufferOptions options, GatewayClock clock, ILogger? logger = null) =>
        Open(folder, options, clock, logger ?? NullLogger.Instance, file => new LogStream(file));

    internal static ReadingBuffer Open(string folder, BufferOptions options, GatewayClock clock, ILogger logger, Func<string, LogStream> openLog)
    {
        Directory.CreateDirectory(folder);
        var buffer = new ReadingBuffer(folder, options, clock, logger, openLog);
        try
        {
            // The first piece of work opens the file; its failure is ours.
            buffer.Run(_ => true, CancellationToken.None).GetAwaiter().GetResult();
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>fsyncs since the buffer was opened: of the log, and of the data file at checkpoints.</summary>
    public long Syncs => _closedSyncs + (_file is { } file ? file.Log.Syncs + file.Log.Checkpoints : 0);

    /// <summary>
    /// Stores a cycle, whole or not at all. The task completes once its bytes are proven to be on disk; when it fails, nothing may be
    /// taken as stored and the same cycle may be stored again (a reading stored twice is the same reading to the cloud).
    /// </summary>
    /// <exception cref="BufferFullException">No room could be made.</exception>
    /// <exception cref="BufferException">The disk failed.</exception>
    public async Task Store(SamplingCycle cycle, CancellationToken cancellationToken = default)
    {
        var notes = TakeNotes();
        try
        {
            await Run(
                transaction =>
                {
                    var whole = notes.Count == 0 ? cycle : cycle with { Events = [.. cycle.Events, .. notes] };
                    RememberBoot(transaction, whole.Stamp);
                    StoreOrSeal(transaction, MakeRoom(transaction, whole));
                    return true;
                },
                cancellationToken);
        }
        catch
        {
            GiveBackNotes(notes);
            throw;
        }
    }

    /// <summary>Notes something that happened; it is stored with the next cycle.</summary>
    public void Note(string kind, string detail, RegisterKey? register = null)
    {
        lock (_noteLock)
        {
            _notes.Add(new EventNote(_clock.Now, kind, register, detail));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _clock.Stepped -= NoteStep;
        _writer.Dispose();
        try
        {
            _file?.Dispose();
        }
        catch (Exception e) when (e is IOException or LiteException)
        {
            // A checkpoint that fails on closing loses nothing: the log is there when the buffer is opened again.
            Log.BufferClosedLate(_logger, e);
        }

        _processLock.Dispose();
    }

    /// <summary>Puts work on the writer thread; the task completes after the commit is proven.</summary>
    private Task<T> Run<T>(Func<BufferTransaction, T> work, CancellationToken cancellationToken) => _writer.Run(work, cancellationToken);

    private void StoreOrSeal(BufferTransaction transaction, SamplingCycle cycle)
    {
        if (TrySealLive(transaction, cycle))
        {
            return;
        }

        AddUnsealed(transaction, cycle);
    }

    private static void AddUnsealed(BufferTransaction transaction, SamplingCycle cycle)
    {
        foreach (var part in CycleDocument.Split(cycle))
        {
            var document = CycleDocument.Make(transaction.State.NextCycle, part);
            transaction.Insert(BufferTransaction.Cycles, document);
            transaction.State = transaction.State with
            {
                NextCycle = transaction.State.NextCycle + 1,
                UnsealedReadings = transaction.State.UnsealedReadings + part.Readings.Count,
                ContentBytes = transaction.State.ContentBytes + CycleDocument.SizeOf(document),
            };
        }
    }

    /// <summary>The first trusted cycle of a boot tells how wrong the clock was before it.</summary>
    private static void RememberBoot(BufferTransaction transaction, ClockStamp stamp)
    {
        if (stamp.Trusted && transaction.Get(BufferTransaction.Boots, stamp.Boot) is null)
        {
            transaction.Insert(BufferTransaction.Boots, new BsonDocument { ["_id"] = stamp.Boot, ["offset"] = stamp.OffsetMs });
        }
    }

    private void NoteStep(NodaTime.Duration step) => Note("clock-stepped", $"the clock was set by {step.TotalSeconds:+0.0;-0.0} s");

    private List<EventNote> TakeNotes()
    {
        lock (_noteLock)
        {
            List<EventNote> taken = [.. _notes];
            _notes.Clear();
            return taken;
        }
    }

    private void GiveBackNotes(List<EventNote> notes)
    {
        lock (_noteLock)
        {
            _notes.InsertRange(0, notes);
        }
    }

    private static FileStream LockFolder(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new BufferException($"the buffer in {folder} is in use by another process", e);
        }
    }
}
