using System.Collections.Immutable;

namespace UsageBilling.Modbus;

/// <summary>Adjacent registers that belong together: one value, never split over two reads.</summary>
/// <param name="Table">The table they are in.</param>
/// <param name="Address">Protocol address of the first, from 0.</param>
/// <param name="Count">How many, 1 to 125.</param>
public readonly record struct RegisterSpan(ModbusTable Table, ushort Address, ushort Count)
{
    /// <summary>The address behind the last register.</summary>
    public int End => Address + Count;
}

/// <summary>One request of a plan, and the spans it answers.</summary>
/// <param name="Table">The table to read.</param>
/// <param name="Address">First register.</param>
/// <param name="Count">How many.</param>
/// <param name="Spans">The wanted spans within, in order of address.</param>
public sealed record RegisterRead(ModbusTable Table, ushort Address, ushort Count, ImmutableArray<RegisterSpan> Spans)
{
    /// <summary>The words of one span out of the answer to this request.</summary>
    public ReadOnlySpan<ushort> Words(ReadOnlySpan<ushort> answer, RegisterSpan span) =>
        answer.Length == Count && span.Table == Table && span.Address >= Address && span.End <= Address + Count
            ? answer.Slice(span.Address - Address, span.Count)
            : throw new ArgumentException($"{span} is not in the answer to {Table} {Address}+{Count}", nameof(span));
}

/// <summary>Merges the registers of one device into as few requests as its limits allow.</summary>
public static class RegisterPlan
{
    /// <summary>The most registers a request may ask for (Modbus Application Protocol 1.1b3, 6.3).</summary>
    public const int MaxCount = 125;

    /// <summary>
    /// Requests in order of table and address. Two spans share a request when at most <paramref name="maxGap"/> unwanted registers lie between
    /// them and the request stays within <paramref name="maxCount"/>; spans may overlap or repeat.
    /// </summary>
    /// <param name="spans">What is wanted of one device.</param>
    /// <param name="maxGap">Unwanted registers that may be read along; 0 for devices that answer an exception for addresses they do not document.</param>
    /// <param name="maxCount">The device's largest request, 1 to 125.</param>
    /// <exception cref="ArgumentException">A limit or span cannot be kept to, for example a span longer than the device's largest request.</exception>
    public static ImmutableArray<RegisterRead> Merge(IEnumerable<RegisterSpan> spans, int maxGap, int maxCount = MaxCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxGap);
        if (maxCount is < 1 or > MaxCount)
        {
            throw new ArgumentOutOfRangeException(nameof(maxCount), maxCount, $"a request holds 1 to {MaxCount} registers");
        }

        var reads = ImmutableArray.CreateBuilder<RegisterRead>();
        var group = ImmutableArray.CreateBuilder<RegisterSpan>();
        var end = 0;
        foreach (var span in spans.Distinct().OrderBy(s => s.Table).ThenBy(s => s.Address).ThenBy(s => s.Count))
        {
            if (span.Count == 0 || span.Count > maxCount || span.End > 65_536)
            {
                throw new ArgumentException($"{span} does not fit a request of {maxCount} registers", nameof(spans));
            }

            var joins = group.Count > 0 && group[0].Table == span.Table
                && span.Address - end <= maxGap && Math.Max(end, span.End) - group[0].Address <= maxCount;
            if (!joins && group.Count > 0)
            {
                reads.Add(Close(group, end));
            }

            end = group.Count == 0 ? span.End : Math.Max(end, span.End);
            group.Add(span);
        }

        if (group.Count > 0)
        {
            reads.Add(Close(group, end));
        }

        return reads.ToImmutable();
    }

    private static RegisterRead Close(ImmutableArray<RegisterSpan>.Builder group, int end)
    {
        var first = group[0];
        var read = new RegisterRead(first.Table, first.Address, (ushort)(end - first.Address), group.ToImmutable());
        group.Clear();
        return read;
    }
}
