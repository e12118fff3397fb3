using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Where registers changed, as few windows as the distance between the changes allows.</summary>
internal sealed class DirtyRegisters
{
    private static readonly Duration Near = Duration.FromDays(2);
    private readonly Dictionary<RegisterId, List<Instant>> _changes = [];
    private readonly List<DirtyWindow> _windows = [];

    public void Add(RegisterId register, Instant at)
    {
        if (!_changes.TryGetValue(register, out var list))
        {
            _changes.Add(register, list = []);
        }

        list.Add(at);
    }

    /// <summary>All of a span, whatever changed in it.</summary>
    public void AddSpan(RegisterId register, Instant from, Instant to) => _windows.Add(new DirtyWindow(register, from, to));

    /// <summary>Windows in order of time for each register; two changes further apart than two days are two windows.</summary>
    public List<DirtyWindow> Windows()
    {
        var windows = new List<DirtyWindow>(_windows);
        foreach (var (register, instants) in _changes)
        {
            SortUnlessRising(instants);
            var first = instants[0];
            for (var i = 0; i < instants.Count; i++)
            {
                if (i == instants.Count - 1 || instants[i + 1] - instants[i] > Near)
                {
                    windows.Add(new DirtyWindow(register, first, instants[i]));
                    first = i < instants.Count - 1 ? instants[i + 1] : first;
                }
            }
        }

        return windows;
    }

    private static void SortUnlessRising(List<Instant> instants)
    {
        for (var i = 1; i < instants.Count; i++)
        {
            if (instants[i] < instants[i - 1])
            {
                instants.Sort();
                return;
            }
        }
    }
}

/// <summary>Points in [<paramref name="First"/>, <paramref name="Last"/>] of a register changed.</summary>
internal readonly record struct DirtyWindow(RegisterId Register, Instant First, Instant Last);
