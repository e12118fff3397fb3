using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Which gateways deliver which registers. What is stored already is remembered, so that a pair costs a look at memory from then on. What a transaction adds
/// is remembered once it is committed; until then each of the next ones adds it, since it stays true.
/// </summary>
internal sealed class Senders
{
    private const int Most = 1_000_000;
    private readonly HashSet<(RegisterId, string)> _stored = [];
    private readonly HashSet<(RegisterId Register, string Gateway)> _added = [];

    /// <summary>A gateway delivers a register.</summary>
    public void Add(RegisterId register, string gateway)
    {
        if (!_stored.Contains((register, gateway)))
        {
            _added.Add((register, gateway));
        }
    }

    /// <summary>Stores what is new.</summary>
    public async Task SaveAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_added.Count > 0)
        {
            var pairs = _added.OrderBy(p => p.Register.Value).ToArray();
            await connection.RunAsync(
                "INSERT INTO register_gateway (register_id, gateway) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING", cancellationToken,
                pairs.Select(p => p.Register.Value).ToArray(), pairs.Select(p => p.Gateway).ToArray());
        }
    }

    /// <summary>The transaction is committed.</summary>
    public void Committed()
    {
        if (_stored.Count > Most)
        {
            _stored.Clear();
        }

        _stored.UnionWith(_added);
        _added.Clear();
    }
}
