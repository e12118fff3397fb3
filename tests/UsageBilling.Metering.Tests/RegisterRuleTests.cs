using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class RegisterRuleTests
{
    private static readonly Instant Start = Instant.FromUtc(2025, 3, 1, 0, 0);

    [Fact]
    public void A_display_that_passes_its_highest_value_goes_on_counting()
    {
        var history = Derive(Terms(digits: 6), 999_990, 999_998, 3, 10);
        Assert.Equal([0L, 8, 13, 20], Unwrapped(history));
        Assert.Equal([SegmentCause.Install, SegmentCause.Rollover], history.Segments.Select(s => s.Cause));
    }

    [Fact]
    public void A_display_that_falls_further_than_a_rollover_explains_begins_a_new_segment_without_an_advance()
    {
        var history = Derive(Terms(digits: 6), 5_000, 5_010, 20, 35);
        Assert.Equal([0L, 10, 10, 25], Unwrapped(history));
        Assert.Equal(SegmentCause.Fall, history.Segments[1].Cause);
        Assert.True(history.IsBreak(2));
        Assert.False(history.SpanTo(2).Known);
    }

    [Fact]
    public void The_plausibility_limit_counts_the_hours_in_between()
    {
        // 40 counts over the edge: too much for one started hour at 30 an hour, not for two.
        var terms = Terms(digits: 4, limit: 30);
        Assert.Equal(SegmentCause.Fall, DeriveEvery(60, terms, 9_980, 20).Segments[^1].Cause);
        Assert.Equal(SegmentCause.Rollover, DeriveEvery(120, terms, 9_980, 20).Segments[^1].Cause);
    }

    [Fact]
    public void A_register_set_by_hand_does_not_bill_the_jump()
    {
        var history = RegisterHistory.Derive(Terms(), [Point(0, 100), Point(15, 110), Point(30, 90_000, ReadingQuality.RegisterSet), Point(45, 90_007)]);
        Assert.Equal([0L, 10, 10, 17], Unwrapped(history));
        Assert.Equal(SegmentCause.Set, history.Segments[1].Cause);
    }

    [Fact]
    public void Displays_noted_at_start_and_end_win_over_readings_of_the_same_instant()
    {
        var terms = Terms() with { StartRegister = 50, To = Start + Duration.FromMinutes(30), EndRegister = 80 };
        var history = RegisterHistory.Derive(terms, [Point(0, 49), Point(15, 60), Point(30, 81), Point(45, 90)]);
        Assert.Equal([0L, 10, 30], Unwrapped(history));
    }

    [Fact]
    public void A_value_that_the_display_cannot_show_is_left_out() =>
        Assert.Equal([0L, 5], Unwrapped(Derive(Terms(digits: 3), 100, 1_000, 105)));

    [Fact]
    public void Resuming_in_the_middle_gives_the_same_as_from_the_start()
    {
        long[] values = [999_990, 999_998, 3, 10, 2, 40];
        var whole = Derive(Terms(digits: 6), values);
        for (var i = 0; i < values.Length; i++)
        {
            var inForce = whole.Segments.Last(s => s.From <= whole[i].At);
            var tail = RegisterHistory.Derive(Terms(digits: 6), [.. Enumerable.Range(i, values.Length - i).Select(n => whole[n])], inForce);
            Assert.Equal(Unwrapped(whole)[i..], Unwrapped(tail));
            Assert.Equal(whole.Segments.Where(s => s.From >= inForce.From), tail.Segments);
        }
    }

    [Theory]
    [InlineData(1, 2, 1, 1)]
    [InlineData(1, 2, 3, 2)]
    [InlineData(1, 3, 1, 0)]
    [InlineData(1, 3, 2, 1)]
    [InlineData(1, 2, -1, -1)]
    [InlineData(1000, 3, 7, 2333)]
    [InlineData(1_000_000_007, 1_000_000_009, 4_000_000_000_000, 3_999_999_992_000)]
    public void Scaling_rounds_half_away_from_zero(long numerator, long denominator, long value, long expected) =>
        Assert.Equal(expected, new Fraction(numerator, denominator).Scale(value));

    [Fact]
    public void Powers_of_ten_fold_into_a_factor()
    {
        Assert.Equal(new Fraction(5, 2), new Fraction(1, 4).TimesPowerOfTen(1));
        Assert.Equal(new Fraction(1, 4000), new Fraction(1, 4).TimesPowerOfTen(-3));
    }

    internal static InstalledRegister Terms(int digits = 9, long? limit = null) =>
        new(new RegisterKey("acme", "1", ObisCode.ActiveImport).Id, Start, null, null, null, digits, Fraction.One, limit, false);

    private static RegisterHistory Derive(InstalledRegister terms, params long[] values) => DeriveEvery(15, terms, values);

    private static RegisterHistory DeriveEvery(int minutes, InstalledRegister terms, params long[] values) =>
        RegisterHistory.Derive(terms, [.. values.Select((v, i) => Point(i * minutes, v))]);

    private static long[] Unwrapped(RegisterHistory history) => [.. Enumerable.Range(0, history.Count).Select(history.UnwrappedAt)];

    private static RegisterPoint Point(int minutes, long value, ReadingQuality quality = ReadingQuality.Good) =>
        new(Start + Duration.FromMinutes(minutes), value, quality);
}
