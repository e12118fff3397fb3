using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Validation;

/// <summary>When the advances of time-of-use registers are known, and when nothing can be compared.</summary>
public class TimeOfUsePartTests
{
    private static readonly Instant Start = Instant.FromUtc(2025, 5, 14, 0, 0);
    private static readonly Interval Day = new(Start, Start + Duration.FromDays(1));
    private static readonly RegisterId Total = new RegisterKey("acme", "1", ObisCode.ActiveImport).Id;

    [Fact]
    public void Advances_over_the_day_are_known_where_each_was_read_at_both_ends_over_rollovers_and_factors()
    {
        var parts = Parts([Part(1, [(0, 99_990), (24, 40)], digits: 5), Part(2, [(-1, 6), (0, 7), (12, 9), (24, 12)], factor: new Fraction(10, 1))]);
        Assert.Equal([50, 50], parts.Parts);
        Assert.Equal(new Fraction(10, 1), parts.UnitsPerPartCount);
        Assert.Equal(Fraction.One, parts.UnitsPerCount);

        // The coarsest register sets the tolerance: two counts of ten for each of two registers.
        var day = A.Day(new long[24], evidence: new DayEvidence { Advance = new RegisterAdvance(0, Fraction.One, [40, 0]) { UnitsPerPartCount = new Fraction(10, 1) } }, minutes: 60);
        Assert.Null(SumCheck.Check(day, new Thresholds()));
        Assert.NotNull(SumCheck.Check(A.Day(new long[24], evidence: new DayEvidence { Advance = new RegisterAdvance(0, Fraction.One, [41, 0]) { UnitsPerPartCount = new Fraction(10, 1) } }, minutes: 60), new Thresholds()));
    }

    [Fact]
    public void Nothing_is_compared_where_one_of_them_is_not_known()
    {
        var whole = Part(1, [(0, 0), (24, 50)]);
        Assert.Equal([50], Parts([whole]).Parts);
        Assert.Empty(Parts([]).Parts);
        Assert.Empty(Parts([whole, Part(2, [(1, 0), (24, 50)])]).Parts); // not read when the day began
        Assert.Empty(Parts([whole, Part(2, [(0, 0), (23, 50)])]).Parts); // not read when it ended
        Assert.Empty(Parts([whole, Part(2, [(0, 90), (12, 10), (24, 50)])]).Parts); // fell
        Assert.Empty(Parts([whole, Part(2, [(0, 0), (12, 5), (24, 50)], from: Start + Duration.FromHours(6))]).Parts); // not there as long as its total
        Assert.Empty(Parts([whole with { Total = new RegisterId(Guid.NewGuid()) }]).Parts); // another total's
    }

    private static RegisterAdvance Parts(IReadOnlyList<TimeOfUsePart> parts) =>
        RegisterEvidence.Of(Day, 60, [History(Total, [(0, 0), (24, 100)], Start - Duration.FromDays(9), 9, Fraction.One)], [], parts).Advance!;

    private static TimeOfUsePart Part(byte rate, (int Hour, long Value)[] points, int digits = 9, Fraction? factor = null, Instant? from = null) =>
        new(Total, History(new RegisterKey("acme", "1", ObisCode.ActiveImport with { E = rate }).Id, points, from ?? Start - Duration.FromDays(9), digits, factor ?? Fraction.One));

    private static RegisterHistory History(RegisterId register, (int Hour, long Value)[] points, Instant from, int digits, Fraction factor) => RegisterHistory.Derive(
        new InstalledRegister(register, from, null, null, null, digits, factor, null, false), [.. points.Select(p => new RegisterPoint(Start + Duration.FromHours(p.Hour), p.Value, ReadingQuality.Good))]);
}
