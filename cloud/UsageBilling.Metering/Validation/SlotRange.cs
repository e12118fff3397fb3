using System.Collections.Immutable;

namespace UsageBilling.Metering.Validation;

/// <summary>Slots [<paramref name="First"/>, <paramref name="First"/> + <paramref name="Count"/>) of a local day, counted from its first instant; a repeated local hour has slots of its own.</summary>
/// <param name="First">First slot, from 0.</param>
/// <param name="Count">At least 1.</param>
public readonly record struct SlotRange(int First, int Count)
{
    /// <summary>First slot after the range.</summary>
    public int End => First + Count;

    /// <summary>Every slot in [0, <paramref name="slots"/>) that satisfies a condition, as ranges in order.</summary>
    public static ImmutableArray<SlotRange> Where(int slots, Func<int, bool> condition)
    {
        var ranges = ImmutableArray.CreateBuilder<SlotRange>();
        for (var slot = 0; slot < slots; slot++)
        {
            if (!condition(slot))
            {
                continue;
            }

            var first = slot;
            while (slot + 1 < slots && condition(slot + 1))
            {
                slot++;
            }

            ranges.Add(new SlotRange(first, slot + 1 - first));
        }

        return ranges.ToImmutable();
    }
}
