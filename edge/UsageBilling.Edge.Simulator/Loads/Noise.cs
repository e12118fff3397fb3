namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>Chance that is a function of its place: the same seed, meter and place give the same number on every machine and in any order.</summary>
/// <param name="Seed">Seed of the site, mixed with the meter's name.</param>
public readonly record struct Noise(ulong Seed)
{
    /// <summary>The noise of one meter: meters of a site do not move together.</summary>
    public static Noise Of(long seed, string meter)
    {
        // FNV-1a, because string.GetHashCode differs from process to process.
        var hash = 14_695_981_039_346_656_037UL;
        foreach (var c in meter)
        {
            hash = unchecked((hash ^ c) * 1_099_511_628_211UL);
        }

        return new Noise(Mix(hash ^ Mix(unchecked((ulong)seed))));
    }

    /// <summary>Evenly distributed in [low, high].</summary>
    public int Between(int low, int high, int day, int place) =>
        low + (int)(Mix(Seed ^ Mix(((ulong)(uint)day << 32) | (uint)place)) % (ulong)(high - low + 1));

    /// <summary>SplitMix64: one step and its finaliser.</summary>
    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return z ^ (z >> 31);
        }
    }
}
