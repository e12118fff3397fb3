using LiteDB;
using LiteDB.Engine;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// The database's files: opened, checked, set aside when they are corrupt, and reopened after an error. Knows nothing of readings.
/// Used by one thread only.
/// </summary>
internal sealed class BufferFile : IDisposable
{
    private const string DataName = "readings.db";
    private const string LogName = "readings-log.db";
    private const string CreatedName = "readings.created";
    private static readonly TimeSpan SyncAtMost = TimeSpan.FromSeconds(60);
    private readonly LiteEngine _engine;

    private BufferFile(LiteEngine engine, LogStream log) => (_engine, Log) = (engine, log);

    public LogStream Log { get; }

    /// <summary>The state that was found; null in a new database.</summary>
    public StreamState? Found { get; private init; }

    /// <summary>Opens or creates the database.</summary>
    /// <param name="folder">Where it lies.</param>
    /// <param name="limitBytes">Size that the data file never passes.</param>
    /// <param name="openLog">Opens the log file.</param>
    /// <param name="now">For the name of what is set aside.</param>
    /// <param name="giveUp">Set the database aside even if it opens: it failed again and again.</param>
    /// <param name="report">Told what a person must know (kind, detail).</param>
    /// <exception cref="BufferRefusedException">Left-overs of an interrupted rebuild: creating an empty database would hide them.</exception>
    /// <exception cref="IOException">The disk does not let us; nothing is wrong with the database itself.</exception>
    public static BufferFile Open(string folder, long limitBytes, Func<string, LogStream> openLog, DateTimeOffset now, bool giveUp, Action<string, string> report)
    {
        var data = Path.Combine(folder, DataName);
        RefuseLeftOvers(folder, data);
        var created = Path.Combine(folder, CreatedName);
        if (!File.Exists(data) && File.Exists(created))
        {
            report("buffer-missing", $"{data} existed since {File.ReadAllText(created).Trim()} and is gone; what was not acknowledged is lost");
        }

        if (!File.Exists(data) && new FileInfo(Path.Combine(folder, LogName)) is { Exists: true, Length: > 0 })
        {
            report("buffer-set-aside", $"a log without its database was found; it is kept in {SetAside(folder, now)}");
        }

        if (giveUp)
        {
            report("buffer-set-aside", $"the database failed again and again; it is kept in {SetAside(folder, now)} and a new one was opened");
        }

        BufferFile file;
        try
        {
            file = OpenChecked(data, Path.Combine(folder, LogName), limitBytes, openLog);
        }
        catch (Exception e) when (e is not IOException && e is not UnauthorizedAccessException)
        {
            report("buffer-set-aside", $"the database is corrupt ({e.Message}); it is kept in {SetAside(folder, now)} and a new one was opened");
            file = OpenChecked(data, Path.Combine(folder, LogName), limitBytes, openLog);
        }

        if (!File.Exists(created))
        {
            File.WriteAllText(created, now.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
            Folder.Sync(folder);
        }

        return file;
    }

    /// <summary>
    /// Runs work in one transaction and returns the state after it once that is proven on disk. When the work throws, nothing has changed
    /// and the file is good; when the commit throws, the file must be reopened.
    /// </summary>
    public StreamState Transact(StreamState state, Action<BufferTransaction> work, out Exception? rejected)
    {
        _engine.BeginTrans();
        var transaction = new BufferTransaction(_engine, state);
        rejected = null;
        try
        {
            work(transaction);
        }
        catch (Exception e) when (e is BufferException || IsLimit(e))
        {
            // A rollback may give new pages back in a confirmed transaction of its own. A checkpoint waits for the queue, so that this
            // is not taken for the confirmation of the next commit.
            _engine.Rollback();
            _engine.Checkpoint();
            rejected = e;
            return state;
        }

        if (transaction.Changed)
        {
            transaction.Put(BufferTransaction.States, transaction.State.ToDocument());
        }

        var before = Log.Confirmed;
        _engine.Commit();
        if (transaction.Changed)
        {
            Log.AwaitConfirmed(before, SyncAtMost);
        }

        return transaction.State;
    }

    /// <summary>What a document takes in the file: LiteDB cuts it into pages and leaves the rest of a page to smaller ones.</summary>
    public static int SpaceFor(int bytes)
    {
        const int usable = 8_100;
        const int indexNode = 100;
        return indexNode + (bytes >= usable ? (bytes + usable - 1) / usable * LogStream.PageSize : LogStream.PageSize / (usable / bytes));
    }

    /// <summary>True when the data file has reached its limit; LiteDB 5.0.20 gives this no error code of its own.</summary>
    public static bool IsLimit(Exception e) =>
        e is LiteException lite && (lite.ErrorCode == LiteException.FILE_SIZE_EXCEEDED || lite.Message.StartsWith("Maximum data file size", StringComparison.Ordinal));

    /// <summary>Copies the log into the data file: after an fsync that failed, what is in memory only reaches the disk this way.</summary>
    public void Checkpoint() => _engine.Checkpoint();

    public void Dispose()
    {
        try
        {
            _engine.Dispose();
        }
        finally
        {
            Log.Dispose();
        }
    }

    private static BufferFile OpenChecked(string data, string logFile, long limitBytes, Func<string, LogStream> openLog)
    {
        PageCache.KeepSmall();
        var log = openLog(logFile);
        LiteEngine? engine = null;
        try
        {
            engine = new LiteEngine(new EngineSettings { Filename = data, LogStream = log });
            if (engine.Pragma(Pragmas.LIMIT_SIZE).AsInt64 != limitBytes)
            {
                // Waited for like any commit: its confirmation must not be taken for that of the first cycle.
                engine.Pragma(Pragmas.LIMIT_SIZE, limitBytes);
                log.AwaitConfirmed(0, SyncAtMost);
            }

            return new BufferFile(engine, log) { Found = Check(engine) };
        }
        catch
        {
            // No checkpoint on the way out: what cannot be read must not be written over.
            CloseQuietly(engine);
            log.Dispose();
            throw;
        }
    }

    /// <summary>Reads the state and walks the keys: damage there makes the database useless, damage in a document costs that document.</summary>
    private static StreamState? Check(LiteEngine engine)
    {
        var transaction = new BufferTransaction(engine, null!);
        var state = transaction.Get(BufferTransaction.States, 1) is { } document ? StreamState.From(document) : null;
        foreach (var collection in (string[])[BufferTransaction.Cycles, BufferTransaction.Batches])
        {
            using var keys = engine.Query(collection, new Query { Select = BsonExpression.Create("{ _id: $._id }") });
            while (keys.Read())
            {
                if (state is null)
                {
                    throw new LiteException(0, $"{collection} without a state");
                }
            }
        }

        return state;
    }

    private static void RefuseLeftOvers(string folder, string data)
    {
        string[] patterns = ["readings-backup*", "readings-temp*"];
        var leftOvers = patterns.SelectMany(p => Directory.EnumerateFiles(folder, p)).ToList();
        if (leftOvers.Count > 0 && !File.Exists(data))
        {
            throw new BufferRefusedException(
                $"{data} is missing but {string.Join(", ", leftOvers)} exists: a rebuild was interrupted. "
                + $"Rename the backup to {DataName} or move it away; the gateway does not create an empty buffer beside it.");
        }
    }

    private static string SetAside(string folder, DateTimeOffset now)
    {
        var target = Path.Combine(folder, "set-aside", now.ToString("yyyyMMdd'T'HHmmss'Z'"));
        for (var i = 2; Directory.Exists(target); i++)
        {
            target = Path.Combine(folder, "set-aside", $"{now:yyyyMMdd'T'HHmmss'Z'}-{i}");
        }

        Directory.CreateDirectory(target);
        foreach (var name in (string[])[DataName, LogName])
        {
            if (File.Exists(Path.Combine(folder, name)))
            {
                File.Move(Path.Combine(folder, name), Path.Combine(target, name));
            }
        }

        Folder.Sync(target);
        Folder.Sync(folder);
        return target;
    }

    private static void CloseQuietly(LiteEngine? engine)
    {
        try
        {
            engine?.Dispose();
        }
        catch (Exception e) when (e is LiteException or IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The error that brought us here is the one to report.
        }
    }
}
