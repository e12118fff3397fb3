using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Segments of the registers of one transaction.</summary>
internal sealed class SegmentStore(NpgsqlConnection connection)
{
    private readonly Dictionary<(RegisterId, Instant), List<RegisterSegment>> _segments = [];
    private readonly HashSet<RegisterId> _loaded = [];
    private readonly HashSet<(RegisterId Register, Instant InstalledAt)> _changed = [];

    public async Task LoadAsync(IEnumerable<RegisterId> registers, CancellationToken cancellationToken)
    {
        var missing = registers.Where(_loaded.Add).Select(r => r.Value).ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        var rows = await connection.RowsAsync("""
            SELECT register_id, installed_at, from_at, cause, raw_start, unwrapped_base FROM register_segment WHERE register_id = ANY($1) ORDER BY register_id, installed_at, from_at
            """, r => (Key: (new RegisterId(r.GetGuid(0)), r.GetFieldValue<Instant>(1)),
                Segment: new RegisterSegment(r.GetFieldValue<Instant>(2), (SegmentCause)r.GetInt16(3), r.GetInt64(4), r.GetInt64(5))), cancellationToken, missing);
        foreach (var row in rows)
        {
            Of(row.Key).Add(row.Segment);
        }
    }

    /// <summary>The segment in force at an instant of an installation, or null before its first.</summary>
    public RegisterSegment? InForce(InstalledRegister terms, Instant at)
    {
        RegisterSegment? found = null;
        foreach (var segment in Of((terms.Register, terms.From)))
        {
            if (segment.From > at)
            {
                break;
            }

            found = segment;
        }

        return found;
    }

    /// <summary>Replaces what begins in [<paramref name="from"/>, <paramref name="to"/>] by what was derived there.</summary>
    public void Replace(InstalledRegister terms, Instant from, Instant to, IEnumerable<RegisterSegment> derived)
    {
        var segments = Of((terms.Register, terms.From));
        var fresh = derived.Where(s => s.From >= from && s.From <= to).ToList();
        if (segments.Where(s => s.From >= from && s.From <= to).SequenceEqual(fresh))
        {
            return;
        }

        segments.RemoveAll(s => s.From >= from && s.From <= to);
        segments.AddRange(fresh);
        segments.Sort((a, b) => a.From.CompareTo(b.From));
        _changed.Add((terms.Register, terms.From));
    }

    /// <summary>Writes the changed installations' segments anew; they are few.</summary>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        if (_changed.Count == 0)
        {
            return;
        }

        await connection.RunAsync("""
            DELETE FROM register_segment s USING unnest($1::uuid[], $2::timestamptz[]) AS c (register_id, installed_at)
            WHERE s.register_id = c.register_id AND s.installed_at = c.installed_at
            """, cancellationToken, _changed.Select(c => c.Register.Value).ToArray(), _changed.Select(c => c.InstalledAt).ToArray());
        var rows = _changed.SelectMany(key => Of(key).Select(segment => (key.Register, key.InstalledAt, Segment: segment))).ToArray();
        await connection.RunAsync("""
            INSERT INTO register_segment (register_id, installed_at, from_at, cause, raw_start, unwrapped_base)
            SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::smallint[], $5::bigint[], $6::bigint[])
            """, cancellationToken,
            rows.Select(r => r.Register.Value).ToArray(),
            rows.Select(r => r.InstalledAt).ToArray(),
            rows.Select(r => r.Segment.From).ToArray(),
            rows.Select(r => (short)r.Segment.Cause).ToArray(),
            rows.Select(r => r.Segment.RawStart).ToArray(),
            rows.Select(r => r.Segment.UnwrappedBase).ToArray());
        _changed.Clear();
    }

    private List<RegisterSegment> Of((RegisterId, Instant) installation)
    {
        if (!_segments.TryGetValue(installation, out var list))
        {
            _segments.Add(installation, list = []);
        }

        return list;
    }
}
