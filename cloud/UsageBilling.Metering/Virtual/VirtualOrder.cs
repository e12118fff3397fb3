using UsageBilling.Protocols;

namespace UsageBilling.Metering.Virtual;

/// <summary>The order in which virtual channels can be made and computed: each after those that it reads.</summary>
public static class VirtualOrder
{
    /// <summary>Sorts formulas. Where some read each other in a circle, <paramref name="circle"/> names it, first and last the same, and the result is empty.</summary>
    public static IReadOnlyList<ChannelId> Of(IReadOnlyDictionary<ChannelId, VirtualFormula> formulas, out IReadOnlyList<ChannelId> circle)
    {
        var order = new List<ChannelId>();
        var done = new HashSet<ChannelId>();
        var path = new List<ChannelId>();
        foreach (var channel in formulas.Keys)
        {
            if (!Visit(channel))
            {
                circle = [.. path.SkipWhile(c => c != path[^1])];
                return [];
            }
        }

        circle = [];
        return order;

        bool Visit(ChannelId channel)
        {
            if (done.Contains(channel) || !formulas.TryGetValue(channel, out var formula))
            {
                return true;
            }

            var open = path.Contains(channel);
            path.Add(channel);
            if (open || !formula.Sources.All(Visit))
            {
                return false;
            }

            path.RemoveAt(path.Count - 1);
            done.Add(channel);
            order.Add(channel);
            return true;
        }
    }
}
