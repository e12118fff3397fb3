namespace UsageBilling.Metering.Estimation;

/// <summary>Shares a whole number out in proportion to weights so that nothing is left over: each share is less than one unit away from the exact one.</summary>
public static class LargestRemainder
{
    /// <summary>
    /// Shares of <paramref name="total"/>; their sum is <paramref name="total"/>. What is left after rounding down goes to the largest remainders, the earlier of equal ones first.
    /// Where all weights are zero the shares are even.
    /// </summary>
    /// <param name="total">Not negative.</param>
    /// <param name="weights">Not negative, at least one.</param>
    /// <exception cref="ArgumentOutOfRangeException">The total or a weight is negative.</exception>
    public static long[] Distribute(long total, ReadOnlySpan<long> weights)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(total);
        ArgumentOutOfRangeException.ThrowIfZero(weights.Length);
        Int128 sum = 0;
        foreach (var weight in weights)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(weight, nameof(weights));
            sum += weight;
        }

        var shares = new long[weights.Length];
        var remainders = new Int128[weights.Length];
        var left = total;
        for (var i = 0; i < shares.Length; i++)
        {
            var exact = (Int128)total * (sum == 0 ? 1 : weights[i]);
            var divisor = sum == 0 ? weights.Length : sum;
            shares[i] = (long)(exact / divisor);
            remainders[i] = exact % divisor;
            left -= shares[i];
        }

        if (left > 0)
        {
            var order = Enumerable.Range(0, shares.Length).ToArray();
            Array.Sort(order, (a, b) => remainders[a] != remainders[b] ? remainders[b].CompareTo(remainders[a]) : a.CompareTo(b));
            for (var i = 0; i < left; i++)
            {
                shares[order[i]]++;
            }
        }

        return shares;
    }
}
