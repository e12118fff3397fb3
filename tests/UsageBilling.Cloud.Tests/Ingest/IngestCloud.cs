using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>An ingest instance without a broker, over a real database: groups in, replies out; and questions about what it left there.</summary>
internal sealed class IngestCloud(NpgsqlDataSource source) : IDisposable
{
    private readonly KeyRing keys = new(source);

    public async Task<IReadOnlyList<IngestReply>> TakeAsync(params IReadOnlyList<IncomingBatch> group)
    {
        var commit = new GroupCommit(source, keys, NullLogger<GroupCommit>.Instance);
        return [.. (await commit.CommitAsync(await commit.CheckAsync(group, default), default)).SelectMany(o => o.Replies)];
    }

    public static Ack Only(IReadOnlyList<IngestReply> replies, FieldGateway gateway) => Assert.Single(replies, r => r.Gateway == gateway.Name).Ack;

    public async Task<T> AskAsync<T>(string sql, params object[] values)
    {
        await using var command = source.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return (T)(await command.ExecuteScalarAsync())!;
    }

    public Task<long> CommittedAsync(FieldGateway gateway) =>
        AskAsync<long>("SELECT committed_through FROM stream WHERE gateway = $1 AND stream = $2", gateway.Name, gateway.Stream);

    public Task<long> JournalledAsync(FieldGateway gateway) => AskAsync<long>("SELECT count(*) FROM reading_batch WHERE gateway = $1", gateway.Name);

    public Task<long> RefusedAsync(string gateway, string reason) =>
        AskAsync<long>("SELECT coalesce(sum(times), 0)::bigint FROM refusal_count WHERE gateway = $1 AND reason = $2", gateway, reason);

    public Task<long> KeptAsync(string gateway, string reason) =>
        AskAsync<long>("SELECT count(*) FROM refused_batch WHERE gateway = $1 AND reason = $2", gateway, reason);

    public Task<long> ParkedAsync(FieldGateway gateway, string reason) =>
        AskAsync<long>("SELECT count(*) FROM parked WHERE gateway = $1 AND reason = $2 AND resolved_at IS NULL", gateway.Name, reason);

    public void Dispose() => keys.Dispose();
}
