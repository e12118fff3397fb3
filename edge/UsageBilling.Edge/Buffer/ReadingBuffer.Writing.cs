using LiteDB;

namespace UsageBilling.Edge.Buffer;

/// <summary>Groups, commits, failures and reopening.</summary>
public sealed partial class ReadingBuffer
{
    /// <summary>After so many faults in a row that are not the disk's, the database is taken for corrupt.</summary>
    private const int FaultsBeforeSetAside = 3;

    private long _closedSyncs;
    private bool _reopening;
    private int _faults;

    private void RunGroup(IReadOnlyList<WriterThread.Work> group)
    {
        try
        {
            _file ??= OpenFile();
            var rejected = TryTransact(group);
            if (rejected is not null && BufferFile.IsLimit(rejected))
            {
                rejected = MakeRoomAlone() ?? TryTransact(group);
            }

            if (rejected is not null)
            {
                RunOneByOne(group, rejected);
            }
        }
        catch (Exception e)
        {
            // Whatever failed at commit has closed or confused the engine: the next group opens the file again and reads what is there.
            CloseFile(e);
            var error = e as BufferException ?? new BufferException($"the buffer could not write: {e.Message}", e);
            foreach (var work in group)
            {
                work.Fail(error);
            }
        }
    }

    /// <summary>
    /// The file is fuller than the sum of its documents says: takes this for the limit and makes room in a transaction of its own, because
    /// LiteDB uses freed pages again only after a commit.
    /// </summary>
    private Exception? MakeRoomAlone()
    {
        _contentCeiling = Math.Min(_contentCeiling, _state.ContentBytes);
        IReadOnlyList<Protocols.Wire.EventNote> events = [];
        _state = _file!.Transact(
            _state,
            t => events = MakeRoom(t, new SamplingCycle(_clock.Stamp(), [], [])).Events,
            out var rejected);
        foreach (var note in rejected is null ? events : [])
        {
            Note(note.Kind, note.Detail);
        }

        return rejected;
    }

    /// <summary>One piece of work rejected the group: each stands for itself now.</summary>
    private void RunOneByOne(IReadOnlyList<WriterThread.Work> group, Exception rejected)
    {
        if (group.Count == 1)
        {
            group[0].Fail(AsBufferError(rejected));
            return;
        }

        foreach (var work in group)
        {
            if (TryTransact([work]) is { } own)
            {
                work.Fail(AsBufferError(own));
            }
        }
    }

    private Exception? TryTransact(IReadOnlyList<WriterThread.Work> group)
    {
        var changed = false;
        var state = _file!.Transact(
            _state,
            transaction =>
            {
                foreach (var work in group)
                {
                    work.Do(transaction);
                }

                changed = transaction.Changed;
            },
            out var rejected);
        if (rejected is not null)
        {
            Array.Clear(_thinnedThrough);
            return rejected;
        }

        _state = state;
        _faults = 0;
        foreach (var work in group)
        {
            work.Complete();
        }

        if (changed)
        {
            Changed?.Invoke();
        }

        return null;
    }

    private BufferFile OpenFile()
    {
        var now = _clock.Now.ToDateTimeOffset();
        var file = BufferFile.Open(_folder, _options.MaxBytes, _openLog, now, _faults >= FaultsBeforeSetAside, (kind, detail) =>
        {
            Log.BufferAlarm(_logger, kind, detail);
            Note(kind, detail);
        });
        try
        {
            if (_reopening)
            {
                file.Checkpoint();
            }

            var found = file.Found ?? StreamState.New(_fingerprint);
            _state = found;
            if (found.Fingerprint != _fingerprint && !_options.AdoptFingerprint)
            {
                _state = file.Transact(found, t => StartStream(t, "the buffer was moved or copied to other hardware"), out var rejected);
                if (rejected is not null)
                {
                    throw rejected;
                }
            }

            _reopening = false;
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void CloseFile(Exception why)
    {
        if (_file is not { } file)
        {
            return;
        }

        Log.BufferReopens(_logger, why);
        _faults += why is IOException ? 0 : 1;
        _reopening = true;
        Array.Clear(_thinnedThrough);
        _closedSyncs += file.Log.Syncs + file.Log.Checkpoints;
        _file = null;
        try
        {
            file.Dispose();
        }
        catch (Exception e) when (e is IOException or LiteException or ObjectDisposedException or InvalidOperationException)
        {
            Log.BufferClosedLate(_logger, e);
        }
    }

    private static Exception AsBufferError(Exception e) => BufferFile.IsLimit(e)
        ? new BufferFullException($"the buffer's file has reached its limit: {e.Message}")
        : e;
}
