namespace UsageBilling.Edge.Buffer;

/// <summary>
/// One plain thread that does all work on the database in order. Plain: under a synchronisation context or another task scheduler
/// LiteDB writes its log later than it says. What waits when the thread comes round is handed over as one group.
/// </summary>
internal sealed class WriterThread : IDisposable
{
    private const int MaxGroup = 32;
    private readonly object _lock = new();
    private readonly Queue<Work> _waiting = new();
    private readonly Action<IReadOnlyList<Work>> _runGroup;
    private readonly Thread _thread;
    private bool _stopping;

    public WriterThread(Action<IReadOnlyList<Work>> runGroup)
    {
        _runGroup = runGroup;
        _thread = new Thread(Loop) { Name = "buffer", IsBackground = true };
        _thread.Start();
    }

    public Task<T> Run<T>(Func<BufferTransaction, T> body, CancellationToken cancellationToken)
    {
        var work = new Work<T>(body, cancellationToken);
        lock (_lock)
        {
            if (_stopping)
            {
                work.Fail(new ObjectDisposedException(nameof(ReadingBuffer)));
                return work.Task;
            }

            _waiting.Enqueue(work);
            Monitor.Pulse(_lock);
        }

        return work.Task;
    }

    /// <summary>Does what is waiting, then ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopping = true;
            Monitor.Pulse(_lock);
        }

        _thread.Join();
    }

    private void Loop()
    {
        while (Next() is { } group)
        {
            _runGroup(group);
        }
    }

    private List<Work>? Next()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_stopping)
                {
                    return null;
                }

                Monitor.Wait(_lock);
            }

            var group = new List<Work>(Math.Min(_waiting.Count, MaxGroup));
            while (group.Count < MaxGroup && _waiting.TryDequeue(out var work))
            {
                if (!work.IsCancelled)
                {
                    group.Add(work);
                }
            }

            return group;
        }
    }

    /// <summary>A piece of work and who waits for it.</summary>
    internal abstract class Work
    {
        public abstract bool IsCancelled { get; }

        public abstract void Do(BufferTransaction transaction);

        public abstract void Complete();

        public abstract void Fail(Exception error);
    }

    private sealed class Work<T>(Func<BufferTransaction, T> body, CancellationToken cancellationToken) : Work
    {
        // Continuations elsewhere: the writer thread belongs to the database.
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _done.Task;

        public override bool IsCancelled => cancellationToken.IsCancellationRequested && _done.TrySetCanceled(cancellationToken);

        public override void Do(BufferTransaction transaction) => _result = body(transaction);

        public override void Complete() => _done.TrySetResult(_result);

        public override void Fail(Exception error) => _done.TrySetException(error);
    }
}
