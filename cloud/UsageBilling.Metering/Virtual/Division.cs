using System.Collections.Immutable;

namespace UsageBilling.Metering.Virtual;

/// <summary>Divides quantities one after the other by fixed weights; remainders are carried on as exact fractions of <c>Σ weights</c>.</summary>
internal sealed class Division
{
    private readonly ImmutableArray<long> _weights;
    private readonly Int128 _sum;
    private readonly Int128[] _owed;
    private readonly long[] _parts;
    private readonly int[] _order;

    public Division(ImmutableArray<long> weights)
    {
        if (weights.IsEmpty || weights.Any(w => w <= 0))
        {
            throw new ArgumentException("weights are positive, and there is at least one", nameof(weights));
        }

        _weights = weights;
        foreach (var weight in weights)
        {
            _sum += weight;
        }

        _owed = new Int128[weights.Length];
        _parts = new long[weights.Length];
        _order = new int[weights.Length];
    }

    /// <summary>The parts of a quantity; valid until the next call.</summary>
    public ReadOnlySpan<long> Next(long quantity)
    {
        // A negative quantity is divided like the positive one, with what is owed the other way round.
        var sign = quantity < 0 ? -1 : 1;
        var left = (Int128)quantity * sign;
        for (var i = 0; i < _owed.Length; i++)
        {
            _owed[i] = (_owed[i] * sign) + (left * _weights[i]);
        }

        var rest = left;
        for (var i = 0; i < _owed.Length; i++)
        {
            var whole = _owed[i] > 0 ? _owed[i] / _sum : 0;
            _parts[i] = checked((long)whole);
            _owed[i] -= whole * _sum;
            rest -= whole;
            _order[i] = i;
        }

        // The most owed first; of equals, the first part.
        Array.Sort(_order, (a, b) => _owed[a] != _owed[b] ? _owed[b].CompareTo(_owed[a]) : a.CompareTo(b));
        for (var next = 0; rest > 0; next = (next + 1) % _order.Length, rest--)
        {
            Give(_order[next], 1);
        }

        for (var next = _order.Length - 1; rest < 0; next = next == 0 ? _order.Length - 1 : next - 1)
        {
            if (_parts[_order[next]] > 0)
            {
                Give(_order[next], -1);
                rest++;
            }
        }

        for (var i = 0; i < _owed.Length; i++)
        {
            _parts[i] *= sign;
            _owed[i] *= sign;
        }

        return _parts;
    }

    private void Give(int part, int unit)
    {
        _parts[part] += unit;
        _owed[part] -= unit * _sum;
    }
}
