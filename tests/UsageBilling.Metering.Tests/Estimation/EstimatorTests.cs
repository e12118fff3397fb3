using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Tests.Validation;

namespace UsageBilling.Metering.Tests.Estimation;

public class EstimatorTests
{
    private static readonly EstimationLimits Limits = new();
    private static readonly LocalDate Monday = new(2025, 5, 5);

    [Fact]
    public void A_line_is_drawn_through_a_gap_of_up_to_two_hours()
    {
        var window = Hours([75, -1, -1, -1, -1, 100], 30);
        Assert.Equal([80, 85, 90, 95], Estimator.Fill(Gap.Find(window.Profile, null)[0], window, Limits)!.Quantities);
        Assert.Null(Estimator.Fill(Gap.Find(window.Profile, null)[0], Hours([75, -1, -1, -1, -1, 100], 60), Limits));
    }

    [Fact]
    public void With_one_good_side_the_line_is_flat()
    {
        var window = Hours([75, -1, -1], 30);
        Assert.Equal([75, 75], Estimator.Fill(Gap.Find(window.Profile, null)[0], window, Limits)!.Quantities);
        var other = Hours([-1, -1, 60], 30);
        Assert.Equal([60, 60], Estimator.Fill(Gap.Find(other.Profile, null)[0], other, Limits)!.Quantities);
    }

    [Fact]
    public void A_line_is_scaled_to_the_registers_advance()
    {
        var window = Hours([75, -1, -1, -1, -1, 100], 30);
        var estimate = Estimator.Fill(new Gap(1, 4, 1_001, [0, 0, 0, 0]), window, Limits)!;
        Assert.Equal(1_001, estimate.Quantities.Sum());
        Assert.Equal([229, 243, 257, 272], estimate.Quantities);
    }

    [Fact]
    public void The_check_meter_comes_first_unless_it_failed_too()
    {
        var window = Hours([75, -1, -1, 100], 30);
        var check = Hours([70, 30, 10, 90], 30).Profile;
        var estimate = Estimator.Fill(new Gap(1, 2, 80, [0, 0]), With(window, check), Limits)!;
        Assert.Equal((EstimationMethod.CheckMeter, 60L, 20L), (estimate.Method, estimate.Quantities[0], estimate.Quantities[1]));
        Assert.Equal(EstimationMethod.Linear, Estimator.Fill(new Gap(1, 2, 80, [0, 0]), With(window, Hours([70, 30, -1, 90], 30).Profile), Limits)!.Method);

        static EstimationWindow With(EstimationWindow window, LoadProfile alternate) => Beside(window, new Alternate(EstimationMethod.CheckMeter, "check", alternate));
    }

    [Fact]
    public void The_alternate_channel_is_asked_where_the_check_meter_failed_too_and_a_chosen_method_asks_only_its_own()
    {
        var window = Hours([75, -1, -1, 100], 30);
        var both = Beside(window, new Alternate(EstimationMethod.CheckMeter, "check", Hours([70, -1, 10, 90], 30).Profile), new Alternate(EstimationMethod.AlternateChannel, "feeder", Hours([70, 7, 9, 90], 30).Profile));
        var gap = new Gap(1, 2, null, [0, 0]);
        var estimate = Estimator.Fill(gap, both, Limits)!;
        Assert.Equal((EstimationMethod.AlternateChannel, "feeder", 7L, 9L), (estimate.Method, estimate.Alternate, estimate.Quantities[0], estimate.Quantities[1]));
        Assert.Null(Estimator.FillBy(EstimationMethod.CheckMeter, gap, both, Limits));
        Assert.Equal("feeder", Estimator.FillBy(EstimationMethod.AlternateChannel, gap, both, Limits)!.Alternate);
    }

    [Fact]
    public void Without_supply_nothing_flows_unless_the_register_says_otherwise()
    {
        var window = Hours([75, -1, -1, -1, 100], 30);
        Instant At(int slot) => window.Profile.Start + Duration.FromMinutes(30L * slot);
        EstimationWindow Off(int from, int to) => new(window.Profile, window.Zone) { NoSupply = [new Interval(At(from), At(to))] };
        var estimate = Estimator.Fill(new Gap(1, 3, null, [0, 0, 0]), Off(1, 4), Limits)!;
        Assert.Equal((EstimationMethod.Zero, 0L), (estimate.Method, estimate.Quantities.Sum()));
        Assert.Equal(EstimationMethod.Zero, Estimator.Fill(new Gap(1, 3, 0, [0, 0, 0]), Off(0, 5), Limits)!.Method);
        Assert.Equal(EstimationMethod.Linear, Estimator.Fill(new Gap(1, 3, 9, [0, 0, 0]), Off(0, 5), Limits)!.Method);
        Assert.Equal(EstimationMethod.Linear, Estimator.Fill(new Gap(1, 3, null, [0, 2, 0]), Off(0, 5), Limits)!.Method);

        // The supply came back within the gap: what the register counted, it counted outside of the outage.
        var some = Estimator.Fill(new Gap(1, 3, 90, [0, 0, 0]), Off(2, 4), Limits)!;
        Assert.Equal((EstimationMethod.Linear, 90L, 0L, 0L), (some.Method, some.Quantities[0], some.Quantities[1], some.Quantities[2]));
        Assert.Equal([81, 0, 94], Estimator.Fill(new Gap(1, 3, null, [0, 0, 0]), Off(2, 3), Limits)!.Quantities);
    }

    [Fact]
    public void An_alternate_of_another_exponent_is_scaled_exactly_and_its_sum_rounded_once()
    {
        var window = Hours([75, -1, -1, -1, 100], 30);
        var gap = new Gap(1, 3, null, [0, 0, 0]);

        // Milliwatt-hours: 1.4 + 1.4 + 1.4 Wh are 4 Wh, not 1 + 1 + 1.
        Assert.Equal([2, 1, 1], Fill(-3, [0, 1_400, 1_400, 1_400, 0]));
        Assert.Equal([2_000, 0, 5_000], Fill(3, [0, 2, 0, 5, 0]));

        ImmutableArray<long> Fill(int exponent, long[] quantities)
        {
            var profile = new LoadProfile(window.Profile.Measurand, exponent, window.Profile.Start, 30, quantities, default);
            return Estimator.Fill(gap, Beside(window, new Alternate(EstimationMethod.CheckMeter, "check", profile)), Limits)!.Quantities;
        }
    }

    private static EstimationWindow Beside(EstimationWindow window, params ImmutableArray<Alternate> alternates) => new(window.Profile, window.Zone) { Alternates = alternates };

    [Fact]
    public void A_longer_gap_is_the_average_of_the_three_nearest_days_of_its_weekday()
    {
        var wednesday = Monday.PlusDays(9 + 14);
        var window = Weeks(6, wednesday, out var gap);
        var estimate = Estimator.Fill(gap, window, Limits)!;
        Assert.Equal(EstimationMethod.AverageLikeDays, estimate.Method);
        Assert.Equal([wednesday.PlusDays(-14), wednesday.PlusDays(-7), wednesday.PlusDays(7)], estimate.Sources);
        Assert.Equal(gap.Advance, estimate.Quantities.Sum());
    }

    [Fact]
    public void Without_three_of_the_weekday_the_class_of_day_stands_for_it()
    {
        // Two weeks: one other Wednesday only, so weekdays near it.
        var wednesday = Monday.PlusDays(9);
        var window = Weeks(2, wednesday, out var gap);
        Assert.Equal([wednesday.PlusDays(-2), wednesday.PlusDays(-1), wednesday.PlusDays(1)], Estimator.Fill(gap, window, Limits)!.Sources);
    }

    [Fact]
    public void Days_with_estimates_outage_or_doubt_are_never_copied()
    {
        var wednesday = Monday.PlusDays(9 + 14);
        var window = Weeks(6, wednesday, out var gap, estimated: wednesday.PlusDays(-7), doubtful: wednesday.PlusDays(7));
        Assert.Equal([wednesday.PlusDays(-21), wednesday.PlusDays(-14), wednesday.PlusDays(14)], Estimator.Fill(gap, window, Limits)!.Sources);
    }

    [Fact]
    public void A_holiday_is_like_holidays_and_by_the_table_like_the_sunday_before()
    {
        var holiday = Monday.PlusDays(9 + 14);
        var window = Weeks(6, holiday, out var gap, holidays: [holiday]);
        var estimate = Estimator.Fill(gap, window, Limits)!;
        Assert.Equal(EstimationMethod.LikeDayTable, estimate.Method);
        Assert.Equal([Monday.PlusDays(6 + 7), Monday.PlusDays(6 + 14)], estimate.Sources);
    }

    [Theory]
    [InlineData(14, "-7,-14")]
    [InlineData(15, "-5,-6,-7")]
    [InlineData(16, "-1,-6,-7,-8")]
    [InlineData(17, "-1,-2,-7,-8,-9")]
    [InlineData(18, "-7")]
    [InlineData(19, "-7")]
    [InlineData(20, "-7")]
    public void The_two_week_table_names_the_days_of_each_weekday(int day, string expected)
    {
        var date = Monday.PlusDays(day);
        var window = Weeks(4, date, out _);
        Assert.Equal(expected, string.Join(',', LikeDays.Table(window, date).Select(d => Period.DaysBetween(date, d)).OrderDescending()));
    }

    [Fact]
    public void Nothing_to_go_by_means_no_estimate()
    {
        var window = Hours([-1, -1, -1], 60);
        Assert.Null(Estimator.Fill(Gap.Find(window.Profile, null)[0], window, Limits));
        Assert.Null(Estimator.Fill(new Gap(1, 1, -5, [0]), Hours([1, -1, 1], 60), Limits));
    }

    [Fact]
    public void What_is_known_of_an_interval_is_not_lost()
    {
        var window = Hours([75, -1, -1, 75], 30);
        var known = Estimator.Fill(new Gap(1, 2, null, [100, 0]), window, Limits)!;
        Assert.Equal([100, 75], known.Quantities);
    }

    [Fact]
    public void A_gap_over_the_night_of_a_clock_change_copies_the_same_local_time()
    {
        // 30 March 2025 has 92 quarter-hours in Berlin. Values are the local hour, so every copy is right where it lands.
        var sunday = new LocalDate(2025, 3, 30);
        var span = LocalDay.Of(sunday, A.Berlin);
        var profile = ByLocalHour(sunday.PlusDays(-28), sunday.PlusDays(28), span);
        var window = new EstimationWindow(profile, A.Berlin);
        var gap = Gap.Find(profile, null).Single();
        Assert.Equal(92, gap.Count);
        var estimate = Estimator.Fill(gap with { Advance = null, Known = [.. new long[92]] }, window, Limits)!;
        var hours = Enumerable.Range(0, 92).Select(i => (long)(span.Start + Duration.FromMinutes(15L * i)).InZone(A.Berlin).Hour).ToArray();
        Assert.Equal(hours, estimate.Quantities);
    }

    [Fact]
    public void Runs_of_a_known_advance_are_cut_where_the_register_was_read()
    {
        var qualities = Enumerable.Repeat((byte)IntervalQuality.Interpolated, 6).ToArray();
        var profile = new LoadProfile(A.Channel.Measurand, 0, Instant.FromUtc(2025, 5, 5, 0, 0), 15, new long[] { 1, 2, 3, 4, 5, 6 }, qualities);
        Assert.Equal([(0, 4, 10L), (4, 2, 11L)], Gap.Find(profile, boundary => boundary == 4).Select(g => (g.First, g.Count, g.Advance!.Value)));
        Assert.Equal([(0, 6, 21L)], Gap.Find(profile, null).Select(g => (g.First, g.Count, g.Advance!.Value)));
    }

    [Fact]
    public void A_register_that_nobody_read_is_the_one_before_plus_the_intervals()
    {
        Assert.Equal(1_250, RegisterEstimate.AtBoundary(1_000, 2_500, new Fraction(10, 1), 6));
        Assert.Equal(123, RegisterEstimate.AtBoundary(99_999_678, 445, Fraction.One, 8));
    }

    [Fact]
    public void Methods_have_numbers_for_NEM12_and_ESPI()
    {
        Assert.Equal([11, 18, 19, 17, 15, 14], Enum.GetValues<EstimationMethod>().Select(m => EstimationMethods.NemNumberOf(EstimationMethods.NameOf(m))));
        Assert.Equal([11, 11, 11, 9, 8, 8], Enum.GetValues<EstimationMethod>().Select(m => EstimationMethods.EspiQualityOf(EstimationMethods.NameOf(m))));
    }

    /// <summary>A few intervals; −1 is missing.</summary>
    private static EstimationWindow Hours(long[] values, int minutes) => new(
        new LoadProfile(
            A.Channel.Measurand, 0, Instant.FromUtc(2025, 5, 5, 0, 0), minutes, values.Select(v => Math.Max(0, v)).ToArray(),
            values.Select(v => (byte)(v < 0 ? IntervalQuality.Missing : IntervalQuality.Measured)).ToArray()),
        DateTimeZone.Utc);

    /// <summary>Hourly weeks from Monday on whose values tell the day; one day interpolated flat.</summary>
    private static EstimationWindow Weeks(int weeks, LocalDate gapDay, out Gap gap, LocalDate? estimated = null, LocalDate? doubtful = null, LocalDate[]? holidays = null)
    {
        var (values, qualities) = (new long[weeks * 168], new byte[weeks * 168]);
        for (var i = 0; i < values.Length; i++)
        {
            var day = Monday.PlusDays(i / 24);
            values[i] = 100 + (10 * (int)day.DayOfWeek) + (i % 24);
            qualities[i] = (byte)(day == gapDay ? IntervalQuality.Interpolated : day == estimated && i % 24 == 3 ? IntervalQuality.Estimated : IntervalQuality.Measured);
        }

        var profile = new LoadProfile(A.Channel.Measurand, 0, UtcDay.StartOf(Monday), 60, values, qualities);
        gap = Gap.Find(profile, null).Single();
        return new EstimationWindow(profile, DateTimeZone.Utc) { Holidays = (holidays ?? []).ToHashSet(), Doubtful = doubtful is { } d ? new HashSet<LocalDate> { d } : new HashSet<LocalDate>() };
    }

    private static LoadProfile ByLocalHour(LocalDate from, LocalDate to, Interval missing)
    {
        var (start, end) = (LocalPeriod.StartOfDay(from, A.Berlin), LocalPeriod.StartOfDay(to, A.Berlin));
        var count = (int)((end - start).TotalMinutes / 15);
        var at = Enumerable.Range(0, count).Select(i => start + Duration.FromMinutes(15L * i)).ToArray();
        return new LoadProfile(
            A.Channel.Measurand, 0, start, 15, at.Select(i => (long)i.InZone(A.Berlin).Hour).ToArray(),
            at.Select(i => (byte)(missing.Contains(i) ? IntervalQuality.Missing : IntervalQuality.Measured)).ToArray());
    }
}
