using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;

namespace UsageBilling.Metering.Tests.Validation;

/// <summary>Each rule at its limit: just inside it passes, just beyond it is found, with the figures that were compared.</summary>
public class RuleTests
{
    private static readonly Thresholds Limits = new();

    [Fact]
    public void A_quiet_day_passes_every_rule() => Assert.Empty(Validator.Run(A.Day(), Limits));

    [Theory]
    [InlineData(180, null)]
    [InlineData(-180, null)]
    [InlineData(181, Verdict.Suspect)]
    [InlineData(-181, Verdict.Suspect)]
    [InlineData(3_300, Verdict.Suspect)]
    [InlineData(3_301, Verdict.Fail)]
    public void A_clock_may_be_three_minutes_off_is_flagged_beyond_and_fails_beyond_55(int seconds, Verdict? expected) =>
        Is(RuleNames.Clock, expected, A.Day(evidence: new DayEvidence { ClockOffset = Duration.FromSeconds(seconds) }));

    [Fact]
    public void Readings_of_a_clock_that_nobody_vouched_for_are_flagged() =>
        Assert.Equal([new SlotRange(4, 2)], Is(RuleNames.Clock, Verdict.Suspect, A.Day(evidence: new DayEvidence { ClockUncertain = [4, 5] }))!.Slots);

    [Fact]
    public void A_gap_lists_each_missing_slot_and_fails()
    {
        var finding = Is(RuleNames.Gap, Verdict.Fail, A.Day(qualities: A.Qualities(96, IntervalQuality.Missing, 3, 4, 90)))!;
        Assert.Equal([new SlotRange(3, 2), new SlotRange(90, 1)], finding.Slots);
        Assert.Equal((96m, 93m), (Figure(finding, "expected"), Figure(finding, "found")));
        Assert.Equal("93 of 96 intervals were found: 3 missing", finding.Words);
    }

    [Fact]
    public void A_gap_whose_advance_is_known_is_suspect_and_once_estimated_a_note()
    {
        Is(RuleNames.Gap, Verdict.Suspect, A.Day(qualities: A.Qualities(96, IntervalQuality.Interpolated, 3, 4)));
        Is(RuleNames.Gap, Verdict.Note, A.Day(qualities: A.Qualities(96, IntervalQuality.Estimated, 3, 4)));
    }

    [Theory]
    [InlineData("2025-03-30", 92)]
    [InlineData("2025-10-26", 100)]
    public void Intervals_expected_are_the_days_span_in_UTC(string date, int expected)
    {
        var day = LocalDateOf(date);
        Is(RuleNames.Gap, null, A.Day(date: day));
        var finding = Is(RuleNames.Gap, Verdict.Fail, A.Day(date: day, qualities: A.Qualities(expected, IntervalQuality.Missing, expected - 1)))!;
        Assert.Equal(expected, Figure(finding, "expected"));
    }

    [Fact]
    public void A_day_without_instants_has_no_gap() =>
        Assert.Empty(Validator.Run(new ChannelDay(A.Channel.Id, new LocalDate(2011, 12, 30), null, DayEvidence.None, new Dictionary<LocalDate, DaySummary>()), Limits));

    [Fact]
    public void Two_values_for_one_interval_are_suspect_and_so_is_one_that_gave_way_to_lesser_quality()
    {
        Is(RuleNames.Duplicate, null, A.Day());
        Assert.Equal([new SlotRange(7, 1)], Is(RuleNames.Duplicate, Verdict.Suspect, A.Day(evidence: new DayEvidence { Conflicts = [7] }))!.Slots);
        Assert.Contains("1 values gave way", Is(RuleNames.Duplicate, Verdict.Suspect, A.Day(evidence: new DayEvidence { GaveWay = [7] }))!.Words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_spike_is_more_than_1_8_times_above_the_third_highest()
    {
        // The quiet day's third-highest is 594 once its 595 is second: 594 × 2.8 = 1,663.2.
        Is(RuleNames.Spike, null, A.Day(A.QuietBut(40, 1_663)), RuleNames.Spike);
        var finding = Is(RuleNames.Spike, Verdict.Suspect, A.Day(A.QuietBut(40, 1_664)), RuleNames.Spike)!;
        Assert.Equal((new SlotRange(40, 1), 1_664m, 594m, 1.8m), (finding.Slots[0], Figure(finding, "p1"), Figure(finding, "p3"), finding.Limit));
        Assert.Null(Spike.Check(A.Day(A.QuietBut(40, 1_664)), Limits with { FloorPerHour = 6_660 }));
    }

    [Fact]
    public void Intervals_may_differ_from_the_register_by_two_of_its_last_digits_or_a_thousandth()
    {
        var sum = A.Quiet().Sum();
        Finding? Of(long register, long unitsPerCount) => SumCheck.Check(A.Day(evidence: new DayEvidence { Advance = new RegisterAdvance(register, new Fraction(unitsPerCount, 1), []) }), Limits);
        Assert.Null(Of(sum - 52, 1));
        Assert.NotNull(Of(sum - 54, 1));
        Assert.Null(Of(sum - 200, 100));
        Assert.Equal(Verdict.Fail, Of(sum - 201, 100)!.Verdict);
        Assert.NotNull(Of(sum + 201, 100));
    }

    [Fact]
    public void Time_of_use_registers_sum_to_the_total()
    {
        var sum = A.Quiet().Sum();
        Is(RuleNames.SumCheck, null, A.Day(evidence: new DayEvidence { Advance = new RegisterAdvance(sum, Fraction.One, [sum - 1_000, 1_000]) }));
        Is(RuleNames.SumCheck, Verdict.Fail, A.Day(evidence: new DayEvidence { Advance = new RegisterAdvance(sum, Fraction.One, [sum - 1_000, 2_000]) }));
    }

    [Theory]
    [InlineData(26_200, 1)]
    [InlineData(26_300, null)]
    [InlineData(105_000, null)]
    [InlineData(105_200, -1)]
    public void Average_use_doubled_or_halved_against_the_period_before_is_suspect(long before, int? side)
    {
        // 28 days of today's 52,560 Wh stand against 21 known days of `before`; yesterday only 20 were known, too few to compare.
        var sum = A.Quiet().Sum();
        var history = A.Days(27, new DaySummary(sum, 595, 15, true, 0)).Concat(A.Days(21, new DaySummary(before, 595, 15, true, 0), 28)).ToDictionary();
        var finding = HighLow.Check(A.Day(history: history), Limits);
        Assert.Equal(side, finding is null ? null : finding.Limit == 200 ? 1 : -1);
    }

    [Fact]
    public void The_same_days_of_last_year_come_before_the_period_before()
    {
        var sum = A.Quiet().Sum();
        var like = new DaySummary(sum, 595, 15, true, 0);
        var history = A.Days(60, like).Concat(A.Days(21, like with { Sum = sum / 3 }, 364)).ToDictionary();
        Assert.Contains("a year ago", HighLow.Check(A.Day(history: history), Limits)!.Words, StringComparison.Ordinal);
        Assert.Null(HighLow.Check(A.Day(history: A.Days(60, like)), Limits));
    }

    [Theory]
    [InlineData(1_785, null)]
    [InlineData(1_786, Verdict.Suspect)]
    public void A_peak_above_three_times_that_of_the_window_before_is_suspect(long peak, Verdict? expected) =>
        Is(RuleNames.Peak, expected, A.Day([.. A.Quiet().Select((q, i) => i < 4 ? peak : q)], history: A.Days(14, new DaySummary(50_000, 595, 15, true, 0))), RuleNames.Peak);

    [Theory]
    [InlineData(5_500, null)]
    [InlineData(5_501, Verdict.Suspect)]
    public void A_step_of_more_than_1000_percent_is_suspect(long after, Verdict? expected) =>
        Is(RuleNames.DemandStep, expected, A.Day([.. A.Quiet().Select(_ => after)], evidence: new DayEvidence { LastValid = 500 }), RuleNames.DemandStep);

    [Fact]
    public void A_step_is_told_from_the_last_valid_interval_and_not_from_a_gap()
    {
        var qualities = A.Qualities(96, IntervalQuality.Missing, 0, 1);
        long[] values = [.. A.Quiet().Select((q, i) => i < 2 ? 0 : 6_000 + q)];
        Assert.Null(DemandStep.Check(A.Day(values, qualities, new DayEvidence { LastValid = 6_000 }), Limits));
        Assert.Equal([new SlotRange(2, 1)], DemandStep.Check(A.Day(values, qualities, new DayEvidence { LastValid = 500 }), Limits)!.Slots);
    }

    [Fact]
    public void A_reason_for_zero_use_explains_the_slots_that_it_holds_for_and_no_others()
    {
        // Nothing all day and on the day before; the outage lasted until noon.
        var outage = new DayEvidence { ZeroReason = "outage", ZeroSlots = [new SlotRange(0, 48)] };
        Assert.Null(Zero.Check(A.Day(new long[96], evidence: outage), Limits));
        var found = Zero.Check(A.Day(new long[96], evidence: outage), Limits with { ZeroHours = 12 })!;
        Assert.Equal([new SlotRange(48, 48)], found.Slots);
        Assert.Equal(12m, found.Measured[0].Value);

        // A day that is explained is not counted by the day after it.
        var yesterday = A.Day(new long[96], evidence: new DayEvidence { ZeroReason = "outage" }).Summarise();
        long[] morning = [.. new long[20], .. A.Quiet().Skip(20)];
        Assert.Null(Zero.Check(A.Day(morning, history: A.Days(1, yesterday)), Limits));
        Assert.NotNull(Zero.Check(A.Day(morning, history: A.Days(1, yesterday with { ZeroExplained = false })), Limits));
    }

    [Fact]
    public void Days_with_a_reason_for_zero_use_are_no_use_to_compare()
    {
        var like = new DaySummary(A.Quiet().Sum(), 595, 15, true, 0);
        var off = A.Days(27, like).Concat(A.Days(5, new DaySummary(0, 0, 15, true, 0) { ZeroExplained = true }, 28)).Concat(A.Days(23, like, 33)).ToDictionary();
        Assert.Null(HighLow.Check(A.Day(history: off), Limits));
        var some = off.ToDictionary(d => d.Key, d => d.Value is { Sum: 0 } ? d.Value with { ZeroExplained = false } : d.Value with { Sum = d.Key > A.Date.PlusDays(-28) ? like.Sum : 50_000 });
        Assert.NotNull(HighLow.Check(A.Day([.. A.Quiet().Select(q => 30 * q)], history: some), Limits));
    }

    [Fact]
    public void A_spike_stands_out_of_what_the_meter_usually_takes_at_its_peak()
    {
        // 1,664 Wh against 594: a spike by the formula. Its usual peak is what the second-highest interval of the days before reached; a spike is one interval and does not raise it.
        long[] values = A.QuietBut(40, 1_664);
        ChannelDay With(long second, int known) => A.Day(values, history: A.Days(known, new DaySummary(50_000, 9_000, 15, true, 0) { SecondPeak = second }));
        Assert.Null(Spike.Check(With(1_110, 28), Limits));
        Assert.Equal(1_109m, Spike.Check(With(1_109, 28), Limits)!.Measured.Single(m => m.Name == "usual").Value);
        Assert.NotNull(Spike.Check(With(1_110, 20), Limits));
        Assert.Null(Spike.Check(With(1_110, 21), Limits));
        Assert.NotNull(Spike.Check(With(1_110, 28), Limits with { SpikeUsual = null }));
        Assert.Equal((5_000L, 595L), A.Day(A.QuietBut(40, 5_000)).Summarise() is var day ? (day.Peak, day.SecondPeak) : default);
    }

    [Fact]
    public void Nothing_for_24_hours_is_suspect_unless_somebody_knows_why()
    {
        Is(RuleNames.Zero, Verdict.Suspect, A.Day(new long[96]));
        Assert.Null(Zero.Check(A.Day([1, .. new long[95]]), Limits));
        Assert.Null(Zero.Check(A.Day(new long[96], evidence: new DayEvidence { ZeroReason = "disconnected" }), Limits));
        Assert.Null(Zero.Check(A.Day(new long[96]), Limits with { ZeroHours = 48 }));
        Assert.NotNull(Zero.Check(A.Day(new long[96], history: A.Days(1, new DaySummary(0, 0, 15, true, 0))), Limits with { ZeroHours = 48 }));
    }

    [Fact]
    public void Eight_times_the_same_value_are_stuck_unless_it_is_zero_or_a_few_counts()
    {
        Assert.Null(Stuck.Check(A.Day(Same(7, 700)), Limits));
        Assert.Equal([new SlotRange(10, 8)], Is(RuleNames.Stuck, Verdict.Suspect, A.Day(Same(8, 700)))!.Slots);
        Assert.Null(Stuck.Check(A.Day(Same(8, 0)), Limits));
        Assert.Null(Stuck.Check(A.Day(Same(8, 700), evidence: new DayEvidence { Advance = new RegisterAdvance(0, new Fraction(100, 1), []) }), Limits));

        static long[] Same(int intervals, long value) => [.. A.Quiet().Select((q, i) => i >= 10 && i < 10 + intervals ? value : q)];
    }

    [Fact]
    public void Export_without_an_export_channel_fails()
    {
        Is(RuleNames.ReverseEnergy, Verdict.Fail, A.Day(evidence: new DayEvidence { Export = 1 }));
        Is(RuleNames.ReverseEnergy, null, A.Day(evidence: new DayEvidence { Export = 0 }));
        Is(RuleNames.ReverseEnergy, null, A.Day(evidence: new DayEvidence { Export = 1, ExportRegistered = true }));
    }

    [Fact]
    public void Intervals_below_zero_fail_in_each_class_and_those_of_a_difference_where_the_day_is_below_zero()
    {
        var day = A.Day([.. A.Quiet().Select((q, i) => i is 7 or 8 ? -3 : q)], evidence: new DayEvidence { ExportRegistered = true });
        var found = ReverseEnergy.Check(day, Limits with { ReverseEnergy = false })!;
        Assert.Equal((Verdict.Fail, new SlotRange(7, 2), 6m), (found.Verdict, found.Slots.Single(), found.Measured.Single().Value));
        Assert.Equal(6m, InQuestion.Of(found, day, Limits));
        Assert.Null(ReverseEnergy.Check(day with { Evidence = new DayEvidence { Computed = true } }, Limits));
        Assert.NotNull(ReverseEnergy.Check(A.Day([.. A.Quiet().Select(_ => -3L)], evidence: new DayEvidence { Computed = true }), Limits));
    }

    [Fact]
    public void Active_energy_without_reactive_energy_is_suspect_and_so_is_a_power_factor_out_of_limits()
    {
        // 52,560 Wh against 91,036 varh are a power factor of one half.
        Is(RuleNames.Reactive, Verdict.Suspect, A.Day(evidence: new DayEvidence { Reactive = 0 }));
        Is(RuleNames.Reactive, null, A.Day(evidence: new DayEvidence { Reactive = 91_000 }));
        Is(RuleNames.Reactive, Verdict.Suspect, A.Day(evidence: new DayEvidence { Reactive = 91_100 }));
        Assert.NotNull(Reactive.Check(A.Day(evidence: new DayEvidence { Reactive = 1 }), Limits with { PowerFactorHigh = 0.999m }));
    }

    [Fact]
    public void A_rollover_is_noted_and_a_fall_fails()
    {
        var drop = new RegisterDrop(12, 99_999_678, 123, 8, 1, null);
        Assert.Equal(445, Figure(Is(RuleNames.Rollover, Verdict.Note, A.Day(evidence: new DayEvidence { Drops = [drop] }))!, "advance"));
        Is(RuleNames.Rollover, Verdict.Fail, A.Day(evidence: new DayEvidence { Drops = [drop, drop with { Before = 50_000_000, After = 123 }] }));
        Is(RuleNames.Rollover, Verdict.Fail, A.Day(evidence: new DayEvidence { Drops = [drop with { MaxAdvancePerHour = 444 }] }));
    }

    [Theory]
    [InlineData(RuleNames.Multiplier, "40/1", "1/1")]
    [InlineData(RuleNames.Unit, "Wh", "varh")]
    [InlineData(RuleNames.IntervalLength, "15", "30")]
    [InlineData(RuleNames.MeterSerial, "A-1", "A-2")]
    public void What_is_registered_of_the_device_is_what_is_found(string rule, string registered, string found)
    {
        Is(rule, Verdict.Fail, A.Day(evidence: new DayEvidence { Facts = [new DeviceFact(rule, registered, found)] }));
        Is(rule, null, A.Day(evidence: new DayEvidence { Facts = [new DeviceFact(rule, registered, registered)] }));
    }

    [Fact]
    public void Lost_pulses_are_suspect() => Is(RuleNames.PulseOverflow, Verdict.Suspect, A.Day(evidence: new DayEvidence { PulseOverflows = [1] }));

    [Fact]
    public void Test_mode_fails() => Is(RuleNames.TestMode, Verdict.Fail, A.Day(evidence: new DayEvidence { TestMode = [1] }));

    [Fact]
    public void Use_of_a_device_that_is_not_in_service_fails()
    {
        Is(RuleNames.InactiveDevice, Verdict.Fail, A.Day(evidence: new DayEvidence { InService = false }));
        Assert.Null(InactiveDevice.Check(A.Day(new long[96], evidence: new DayEvidence { InService = false }), Limits));
    }

    [Theory]
    [InlineData(6, null)]
    [InlineData(7, Verdict.Suspect)]
    public void More_than_seven_days_on_estimates_are_too_long(int before, Verdict? expected) => Is(
        RuleNames.LongEstimates, expected,
        A.Day(qualities: A.Qualities(96, IntervalQuality.Estimated, 5), history: A.Days(before, new DaySummary(50_000, 595, 15, false, 96))), RuleNames.LongEstimates);

    [Fact]
    public void No_rule_skips_another()
    {
        var sum = A.Quiet().Sum();
        var evidence = new DayEvidence { Advance = new RegisterAdvance(sum + 5_000 - 540, Fraction.One, []), Conflicts = [1], ClockOffset = Duration.FromMinutes(10) };
        Assert.Equal([RuleNames.Clock, RuleNames.Duplicate, RuleNames.Spike], Validator.Run(A.Day(A.QuietBut(40, 5_000), evidence: evidence), Limits).Select(f => f.Rule).Where(r => r != RuleNames.SumCheck));
    }

    [Fact]
    public void Every_rule_has_a_name_in_the_list_and_its_own_test_here() => Assert.Equal(21, RuleNames.All.Length);

    private static Finding? Is(string rule, Verdict? expected, ChannelDay day, string? only = null)
    {
        var findings = Validator.Run(day, Limits);
        var finding = findings.SingleOrDefault(f => f.Rule == rule);
        Assert.Equal(expected, finding?.Verdict);
        if (finding is not null)
        {
            Assert.NotEmpty(finding.Words);
            Assert.Equal((day.Channel, day.Day), (finding.Channel, finding.Day));
        }

        Assert.All(findings.Where(_ => only is null), f => Assert.Contains(f.Rule, new[] { rule, RuleNames.Gap }));
        return finding;
    }

    private static decimal Figure(Finding finding, string name) => finding.Measured.Single(m => m.Name == name).Value;

    private static LocalDate LocalDateOf(string text) => NodaTime.Text.LocalDatePattern.Iso.Parse(text).Value;
}
