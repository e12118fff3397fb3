using LiteDB;
using LiteDB.Engine;

namespace UsageBilling.Edge.Buffer;

/// <summary>
/// What a piece of work on the writer thread sees: the documents, read in small pages without an open cursor, and the state as it
/// will be if the transaction commits.
/// </summary>
internal sealed class BufferTransaction(LiteEngine engine, StreamState state)
{
    public const string States = "state";
    public const string Cycles = "cycles";
    public const string Batches = "batches";
    public const string AckMarks = "acks";
    public const string Boots = "boots";
    public const string Damaged = "damaged";

    private static readonly BsonExpression Id = BsonExpression.Create("$._id");

    public StreamState State { get; set; } = state;

    /// <summary>True when documents changed, so that the commit writes and must be proven.</summary>
    public bool Changed { get; private set; }

    public void Insert(string collection, BsonDocument document)
    {
        engine.Insert(collection, [document], BsonAutoId.Int64);
        Changed = true;
    }

    public void Put(string collection, BsonDocument document)
    {
        engine.Upsert(collection, [document], BsonAutoId.Int64);
        Changed = true;
    }

    public void Delete(string collection, IEnumerable<BsonDocument> documents)
    {
        Changed |= engine.Delete(collection, documents.Select(d => d["_id"])) > 0;
    }

    public BsonDocument? Get(string collection, BsonValue id) => Read(collection, BsonExpression.Create("$._id = @0", id), 1, LiteDB.Query.Ascending).FirstOrDefault();

    /// <summary>Documents with keys in [from, to], in order of keys.</summary>
    public List<BsonDocument> Range(string collection, long from, long to, int limit) => Read(collection, Between(from, to), limit, LiteDB.Query.Ascending);

    /// <summary>The document with the highest key in [from, to].</summary>
    public BsonDocument? Last(string collection, long from, long to) => Read(collection, Between(from, to), 1, LiteDB.Query.Descending).FirstOrDefault();

    /// <summary>Number of documents, by their keys alone.</summary>
    public long Count(string collection)
    {
        using var keys = engine.Query(collection, new Query { Select = BsonExpression.Create("{ _id: $._id }") });
        long count = 0;
        while (keys.Read())
        {
            count++;
        }

        return count;
    }

    private static BsonExpression Between(long from, long to) => BsonExpression.Create("$._id BETWEEN @0 AND @1", from, to);

    private List<BsonDocument> Read(string collection, BsonExpression where, int limit, int order)
    {
        var query = new Query { Limit = limit, OrderBy = Id, Order = order };
        query.Where.Add(where);
        using var reader = engine.Query(collection, query);
        var found = new List<BsonDocument>();
        while (reader.Read())
        {
            found.Add(reader.Current.AsDocument);
        }

        return found;
    }
}
