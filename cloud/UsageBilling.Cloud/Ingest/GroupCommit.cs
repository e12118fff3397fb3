using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Gateways;

namespace UsageBilling.Cloud.Ingest;

/// <summary>
/// Commits groups of batches: one look-up of keys, one lock on the streams' rows, one write, one commit. What it returns may be said to the
/// gateways, because it is on disk. Calling it again with the same batches changes nothing, so a lost connection is answered by trying again.
/// </summary>
internal sealed class GroupCommit(NpgsqlDataSource source, KeyRing keys, ILogger<GroupCommit> log)
{
    /// <summary>Opens the messages and judges them by their keys; the part that needs no transaction.</summary>
    public async Task<CheckedGroup> CheckAsync(IReadOnlyList<IncomingBatch> group, CancellationToken cancellation)
    {
        var opened = new OpenedBatch[group.Count];
        ForEach(group.Count, i => opened[i] = BatchCheck.Open(group[i]));
        var asked = opened.Where(o => o.Refusal is null).Select(o => (o.Incoming.Gateway, o.Envelope.KeyId)).ToHashSet();
        var states = asked.Count == 0 ? [] : await keys.LookUpAsync(asked, cancellation);
        var verdicts = new (VerifiedBatch? Verified, Refusal? Refused)[group.Count];
        ForEach(group.Count, i => verdicts[i] = opened[i].Refusal is { } refusal
            ? (null, refusal)
            : BatchCheck.Verify(opened[i], states[(opened[i].Incoming.Gateway, Journal.Storable(opened[i].Envelope.KeyId))]));
        return new CheckedGroup([.. verdicts.Where(v => v.Verified is not null).Select(v => v.Verified!)], [.. verdicts.Where(v => v.Refused is not null).Select(v => v.Refused!)]);
    }

    /// <summary>Writes a group. A batch that the database refuses is found by halving; its neighbours commit.</summary>
    public async Task<IReadOnlyList<GroupOutcome>> CommitAsync(CheckedGroup group, CancellationToken cancellation)
    {
        try
        {
            return [await CommitOnceAsync(group, cancellation)];
        }
        catch (Exception e) when (IsAboutData(e) && group.Count > 0)
        {
            if (IsMissingPartition(e))
            {
                await PartitionUpkeep.EnsureAsync(source, group.Earliest, cancellation);
                return [await CommitOnceAsync(group, cancellation)];
            }

            if (group.Count > 1)
            {
                IngestMetrics.Bisections.Add(1);
                var (left, right) = group.Halve();
                return [.. await CommitAsync(left, cancellation), .. await CommitAsync(right, cancellation)];
            }

            var detail = e is PostgresException database ? database.MessageText : e.Message;
            log.BatchUnstorable(group.Gateway, detail);
            return group.AsUnstorable(detail) is { } reduced ? await CommitAsync(reduced, cancellation) : [];
        }
    }

    private async Task<GroupOutcome> CommitOnceAsync(CheckedGroup group, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        var transaction = await connection.BeginTransactionAsync(cancellation);
        var positions = await StreamRows.LockAsync(connection, group.Verified, cancellation);
        if (StreamRows.Missing(group.Verified, positions) is { Count: > 0 } missing)
        {
            // A new row may sort before one that is locked: let go, open, and lock again in order, so that two instances never wait for each other.
            await transaction.DisposeAsync();
            await StreamRows.OpenAsync(connection, missing, cancellation);
            transaction = await connection.BeginTransactionAsync(cancellation);
            positions = await StreamRows.LockAsync(connection, group.Verified, cancellation);
        }

        await using var ending = transaction;
        var rule = new GroupRule(positions);
        foreach (var refusal in group.Refused)
        {
            rule.Refuse(refusal);
        }

        foreach (var batch in group.Verified)
        {
            rule.Offer(batch);
        }

        if (rule.Repeated.Count > 0)
        {
            var journalled = await StreamRows.ChainHashesAsync(connection, rule.Repeated, cancellation);
            foreach (var batch in rule.Repeated)
            {
                rule.Compare(batch, journalled.GetValueOrDefault((batch.Stream, batch.Link.Sequence)));
            }
        }

        var outcome = rule.Finish();
        await using (var write = GroupStatements.Write(outcome))
        {
            write.Connection = connection;
            if (write.BatchCommands.Count > 0)
            {
                await write.ExecuteNonQueryAsync(cancellation);
            }
        }

        await transaction.CommitAsync(cancellation);
        return outcome;
    }

    private static void ForEach(int count, Action<int> body)
    {
        // A live trickle is not worth a second thread.
        if (count < 16)
        {
            for (var i = 0; i < count; i++)
            {
                body(i);
            }
        }
        else
        {
            Parallel.For(0, count, body);
        }
    }

    private static bool IsMissingPartition(Exception e) =>
        e is PostgresException { SqlState: PostgresErrorCodes.CheckViolation, TableName: "reading_batch", ConstraintName: null };

    // Class 22: data, 23: constraint, 54: limit; the others are what the driver throws for values that PostgreSQL cannot hold.
    private static bool IsAboutData(Exception e) => e is PostgresException { SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] }
        or ArgumentException or InvalidCastException or OverflowException;
}

/// <summary>A group whose messages have been judged.</summary>
internal sealed record CheckedGroup(IReadOnlyList<VerifiedBatch> Verified, IReadOnlyList<Refusal> Refused)
{
    public int Count => Verified.Count + Refused.Count;

    public string Gateway => Verified.Count > 0 ? Verified[0].Stream.Gateway : Refused[0].Gateway;

    public Instant Earliest => Verified.Min(v => v.Incoming.ReceivedAt);

    public (CheckedGroup Left, CheckedGroup Right) Halve()
    {
        var (verified, refused) = ((Verified.Count + 1) / 2, Verified.Count == 1 ? 0 : (Refused.Count + 1) / 2);
        return (
            new CheckedGroup([.. Verified.Take(verified)], [.. Refused.Take(refused)]),
            new CheckedGroup([.. Verified.Skip(verified)], [.. Refused.Skip(refused)]));
    }

    /// <summary>A group of one without what the database would not take; null: there is nothing left to leave out.</summary>
    public CheckedGroup? AsUnstorable(string detail) => this switch
    {
        { Verified: [{ ParkReason: not ParkReasons.Unstorable } batch] } => new CheckedGroup([batch.AsUnstorable(detail)], []),
        { Verified: [var batch] } => new CheckedGroup([], [new Refusal(batch.Incoming, batch.Stream.Gateway, RefusalReasons.Unstorable, detail, batch.Hash, null, null)]),
        { Refused: [{ Detail.Length: > 0 } refusal] } => new CheckedGroup([], [refusal with { Detail = "" }]),
        _ => null,
    };
}
