using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Modbus;
using Gen = FsCheck.Fluent.Gen;

namespace UsageBilling.Protocols.Tests.Modbus;

public sealed class RegisterPlanTests
{
    private const ModbusTable Input = ModbusTable.InputRegisters;

    [Fact]
    public void Adjacent_registers_are_read_in_one_request()
    {
        var read = Assert.Single(RegisterPlan.Merge([new(Input, 74, 2), new(Input, 72, 2)], maxGap: 0));
        Assert.Equal((72, 4), (read.Address, read.Count));
        Assert.Equal([30, 40], read.Words([10, 20, 30, 40], new RegisterSpan(Input, 74, 2)).ToArray());
    }

    [Fact]
    public void A_gap_is_read_along_up_to_the_limit()
    {
        RegisterSpan[] spans = [new(Input, 0, 2), new(Input, 12, 2)];
        Assert.Single(RegisterPlan.Merge(spans, maxGap: 10));
        Assert.Equal(2, RegisterPlan.Merge(spans, maxGap: 9).Length);
    }

    [Fact]
    public void A_request_stays_within_the_devices_limit()
    {
        var spans = Enumerable.Range(0, 20).Select(i => new RegisterSpan(Input, (ushort)(2 * i), 2)).ToArray();
        Assert.All(RegisterPlan.Merge(spans, 0, 11), r => Assert.InRange(r.Count, 2, 10));
    }

    [Fact]
    public void Tables_are_never_mixed() =>
        Assert.Equal(2, RegisterPlan.Merge([new(Input, 10, 1), new(ModbusTable.HoldingRegisters, 11, 1)], 10).Length);

    [Fact]
    public void Overlapping_and_repeated_spans_are_read_once()
    {
        var read = Assert.Single(RegisterPlan.Merge([new(Input, 5, 4), new(Input, 5, 4), new(Input, 6, 1), new(Input, 7, 4)], 0));
        Assert.Equal((5, 6), (read.Address, read.Count));
        Assert.Equal(3, read.Spans.Length);
    }

    [Fact]
    public void The_last_register_can_be_read_and_the_one_behind_it_cannot()
    {
        Assert.Equal(65_535, Assert.Single(RegisterPlan.Merge([new(Input, 65_535, 1)], 0)).Address);
        Assert.Throws<ArgumentException>(() => RegisterPlan.Merge([new(Input, 65_535, 2)], 0));
    }

    [Fact]
    public void A_span_that_no_request_can_hold_is_refused() =>
        Assert.Throws<ArgumentException>(() => RegisterPlan.Merge([new(Input, 0, 4)], 0, 3));

    [Fact]
    public void Words_that_were_not_read_are_refused()
    {
        var read = RegisterPlan.Merge([new(Input, 0, 2)], 0)[0];
        Assert.Throws<ArgumentException>(() => read.Words([1, 2], new RegisterSpan(Input, 1, 2)));
        Assert.Throws<ArgumentException>(() => read.Words([1], new RegisterSpan(Input, 0, 1)));
    }

    [Fact]
    public void Any_plan_reads_every_span_whole_within_all_limits()
    {
        var span = from address in Gen.Choose(0, 600)
                   from count in Gen.Choose(1, 4)
                   from holding in Gen.Elements(true, false)
                   select new RegisterSpan(holding ? ModbusTable.HoldingRegisters : Input, (ushort)address, (ushort)count);
        var plans = from spans in span.ListOf()
                    from gap in Gen.Choose(0, 20)
                    from max in Gen.Choose(4, 125)
                    select (spans, gap, max);
        Prop.ForAll(plans.ToArbitrary(), p =>
        {
            var reads = RegisterPlan.Merge(p.spans, p.gap, p.max);
            var read = reads.SelectMany(r => r.Spans.Select(s => (r, s))).ToArray();
            return p.spans.Distinct().Count() == read.Length
                && p.spans.All(s => read.Any(x => x.s == s))
                && read.All(x => x.s.Table == x.r.Table && x.s.Address >= x.r.Address && x.s.End <= x.r.Address + x.r.Count)
                && reads.All(r => r.Count <= p.max && GapsOf(r) <= p.gap)
                && reads.Zip(reads.Skip(1)).All(n => n.First.Table != n.Second.Table
                    || n.Second.Spans[0].Address - (n.First.Address + n.First.Count) > p.gap
                    || Math.Max(n.Second.Spans[0].End, n.First.Address + n.First.Count) - n.First.Address > p.max);
        }).QuickCheckThrowOnFailure();
    }

    private static int GapsOf(RegisterRead read)
    {
        var (end, largest) = ((int)read.Address, 0);
        foreach (var span in read.Spans)
        {
            largest = Math.Max(largest, span.Address - end);
            end = Math.Max(end, span.End);
        }

        return largest;
    }
}
