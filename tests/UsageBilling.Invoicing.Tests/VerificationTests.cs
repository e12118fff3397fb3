using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Verification;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests;

public class VerificationTests
{
    private static readonly IssueThresholds Thresholds = new();
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Europe/Amsterdam"];

    [Fact]
    public void A_good_bill_that_follows_another_has_no_issue() =>
        Assert.Empty(BillIssues.Find(Month(10, 1000m, 1300m), [Month(9, 700m, 1000m)], Thresholds));

    [Fact]
    public void The_sample_bill_is_noted_but_not_held() =>
        Assert.Equal(
            [("period.first", IssueSeverity.Note), ("usage.estimated", IssueSeverity.Note)],
            BillIssues.Find(An.Bill(), [], Thresholds).Select(issue => (issue.Code, issue.Severity)));

    [Theory]
    [InlineData(1800, "usage.high")]
    [InlineData(1060, "usage.low")]
    [InlineData(1000, "usage.zero")]
    public void Use_out_of_proportion_holds_the_bill(int end, string code)
    {
        var issues = BillIssues.Find(Month(10, 1000m, end), [Month(9, 700m, 1000m)], Thresholds);
        Assert.Contains(issues, issue => issue.Code == code && issue.Severity == IssueSeverity.Hold);
    }

    [Fact]
    public void The_same_month_a_year_ago_is_compared_before_last_month()
    {
        var yearAgo = Month(10, 100m, 600m, year: 2025);
        var lastMonth = Month(9, 900m, 1000m);
        Assert.DoesNotContain(BillIssues.Find(Month(10, 1000m, 1500m), [yearAgo, lastMonth], Thresholds), issue => issue.Code == "usage.high");
        Assert.Contains(BillIssues.Find(Month(10, 1000m, 1500m), [lastMonth], Thresholds), issue => issue.Code == "usage.high");
    }

    [Fact]
    public void Thresholds_are_data()
    {
        var others = new[] { Month(9, 700m, 1000m) };
        var high = Month(10, 1000m, 1800m);
        Assert.DoesNotContain(BillIssues.Find(high, others, Thresholds with { HighFactor = 3 }), issue => issue.Code == "usage.high");
        Assert.Contains(BillIssues.Find(Month(10, 1000m, 1300m), others, Thresholds with { HighestTotal = 1 }), issue => issue.Code == "amount.high");
    }

    [Fact]
    public void An_overlap_is_an_error_and_a_gap_holds()
    {
        var bill = Month(10, 1000m, 1300m);
        Assert.Contains(BillIssues.Find(bill, [Month(10, 1000m, 1300m)], Thresholds), issue => issue is { Code: "period.overlap", Severity: IssueSeverity.Error });
        Assert.Contains(BillIssues.Find(bill, [Month(8, 400m, 700m)], Thresholds), issue => issue is { Code: "period.gap", Severity: IssueSeverity.Hold });
    }

    [Fact]
    public void Many_estimates_hold_and_few_are_noted()
    {
        var bill = Month(10, 1000m, 1300m);
        Assert.Equal(IssueSeverity.Hold, Find(Change(bill, day => day with { Estimated = 20 }), "usage.estimated").Severity);
        Assert.Equal(IssueSeverity.Note, Find(Change(bill, day => day with { Estimated = 1 }), "usage.estimated").Severity);
        Assert.Equal(IssueSeverity.Hold, Find(Change(bill, day => day with { Missing = 1 }), "usage.missing").Severity);
    }

    [Fact]
    public void Missing_days_and_negative_days_hold()
    {
        var bill = Month(10, 1000m, 1300m);
        var usage = bill.Usage[0];
        Assert.Equal(IssueSeverity.Hold, Find(bill with { Usage = [usage with { Days = [.. usage.Days.Skip(1)] }] }, "usage.gap").Severity);
        Assert.Equal(IssueSeverity.Hold, Find(Change(bill, day => day with { Quantity = -day.Quantity }), "usage.negative").Severity);
    }

    [Fact]
    public void A_register_that_falls_holds_and_an_estimated_end_is_noted()
    {
        var bill = Month(10, 1000m, 1300m);
        var row = bill.Supply.Meters[0];
        Assert.Equal(IssueSeverity.Hold, Find(With(bill, row with { Start = row.Start with { Value = 1400m } }), "register.fell").Severity);
        Assert.Equal(IssueSeverity.Note, Find(With(bill, row with { End = row.End with { Kind = ReadKind.Estimated } }), "register.estimated").Severity);
    }

    [Fact]
    public void A_negative_total_holds_unless_the_customer_exports()
    {
        var bill = Month(10, 1000m, 1300m);
        Assert.Equal(IssueSeverity.Hold, Find(bill with { Charges = Charges(bill, ChargeKind.Energy, -0.1m) }, "amount.negative").Severity);
        Assert.Equal(IssueSeverity.Note, Find(bill with { Charges = Charges(bill, ChargeKind.Export, -0.1m) }, "amount.negative").Severity);
        Assert.Equal(IssueSeverity.Note, Find(bill with { Charges = Charges(bill, ChargeKind.Energy, 0) }, "amount.zero").Severity);
    }

    [Theory]
    [InlineData("net")]
    [InlineData("tax")]
    [InlineData("total")]
    [InlineData("lines[0].amount")]
    [InlineData("taxes[0].base")]
    [InlineData("taxes[0].amount")]
    public void A_cent_too_much_anywhere_is_an_error(string part)
    {
        const decimal Cent = 0.01m;
        var good = An.Bill().Charges;
        var (line, tax) = (good.Lines[0], good.Taxes[0]);
        var bad = part switch
        {
            "net" => good with { Net = good.Net + Cent },
            "tax" => good with { Tax = good.Tax + Cent },
            "total" => good with { Total = good.Total + Cent },
            "lines[0].amount" => good with { Lines = [line with { Amount = line.Amount + Cent }, .. good.Lines.Skip(1)] },
            "taxes[0].base" => good with { Taxes = [tax with { Base = tax.Base + Cent }] },
            _ => good with { Taxes = [tax with { Amount = tax.Amount + Cent }] },
        };
        Assert.Empty(ChargeArithmetic.Check(good));
        Assert.Contains($"charges.{part}", ChargeArithmetic.Check(bad).Select(issue => issue.Path));
    }

    [Theory]
    [InlineData("E", false)]
    [InlineData("O", true)]
    public void What_is_outside_the_scope_of_vat_stands_on_an_invoice_of_its_own(string category, bool held)
    {
        var bill = An.Bill(An.Rated(
            An.Line("Energy", ChargeKind.Energy, 100, Unit.KilowattHour, 0.3m),
            An.Line("Waste water", ChargeKind.Energy, 10, Unit.CubicMetre, 2m, category: category, rate: 0)));
        var found = BillIssues.Find(bill, [], Thresholds).Where(issue => issue.Code == "tax.mixed-scope").ToList();
        Assert.Equal(held ? [IssueSeverity.Error] : [], found.Select(issue => issue.Severity));
    }

    [Fact]
    public void A_line_without_a_tax_subtotal_is_an_error() =>
        Assert.Contains("charges.taxes", ChargeArithmetic.Check(An.Bill().Charges with { Taxes = [], Tax = 0 }).Select(issue => issue.Path));

    [Fact]
    public void A_year_of_bills_conserves_energy() => Assert.Empty(Conservation.Check(Year()));

    [Fact]
    public void A_register_that_starts_where_the_last_bill_did_not_end_is_found()
    {
        var bills = Year();
        bills[5] = Month(6, 1501m, 1800m);
        Assert.Equal(["register.continuity"], Conservation.Check(bills).Select(breach => breach.Code));
    }

    [Fact]
    public void A_register_that_the_next_bill_forgets_is_found()
    {
        var bills = Year();
        bills[5] = bills[5] with { Supply = bills[5].Supply with { Meters = [] } };
        Assert.Equal(2, Conservation.Check(bills).Count(breach => breach.Code == "register.continuity"));
    }

    [Fact]
    public void A_bill_that_is_missing_in_the_middle_ends_the_run_without_a_breach()
    {
        var bills = Year();
        bills.RemoveAt(5);
        Assert.Empty(Conservation.Check(bills));
    }

    [Fact]
    public void Billing_another_quantity_than_the_registers_advanced_is_found_and_a_carried_adjustment_settles_it()
    {
        var bill = Month(10, 1000m, 1300m);
        var usage = bill.Usage[0];
        var days = usage.Days.Select((day, i) => i == 0 ? day with { Quantity = day.Quantity + 50 } : day).ToList();
        var other = bill with { Usage = [usage with { Quantity = usage.Quantity + 50, Days = days }] };
        Assert.Equal(["channel.billed"], Conservation.Check([other]).Select(breach => breach.Code));

        var settled = other with
        {
            Adjustments = [new CarriedAdjustment(bill.Key with { PeriodStart = new LocalDate(2026, 9, 1) }, usage.Channel, -50, usage.Unit, "carried", "September was estimated")],
        };
        Assert.Empty(Conservation.Check([settled]));
    }

    [Fact]
    public void Days_that_do_not_sum_to_the_billed_quantity_are_found()
    {
        var bill = Month(10, 1000m, 1300m);
        var usage = bill.Usage[0];
        var broken = bill with { Usage = [usage with { Days = [usage.Days[0] with { Quantity = 0 }, .. usage.Days.Skip(1)] }] };
        Assert.Contains("channel.days", Conservation.Check([broken]).Select(breach => breach.Code));
    }

    [Fact]
    public void A_rollover_and_a_multiplier_are_part_of_the_advance()
    {
        var bill = Month(10, 1000m, 1300m);
        var row = bill.Supply.Meters[0] with
        {
            Start = bill.Supply.Meters[0].Start with { Value = 99_998m },
            End = bill.Supply.Meters[0].End with { Value = 3m },
            Capacity = 100_000m,
            Rollovers = 1,
            MultiplierNumerator = 60,
        };
        Assert.Empty(Conservation.Check([With(bill, row)]));
        Assert.Equal(["register.consumption"], Conservation.Check([With(bill, row with { MultiplierNumerator = 61 })]).Select(breach => breach.Code));
    }

    [Fact]
    public void A_pulse_value_that_divides_unevenly_is_exact_to_the_channels_unit()
    {
        var bill = Month(10, 1000m, 1300m);
        var row = bill.Supply.Meters[0] with { End = bill.Supply.Meters[0].End with { Value = 1899.9999m }, MultiplierDenominator = 3 };
        Assert.Empty(Conservation.Check([With(bill, row)]));
        Assert.Equal(["register.consumption"], Conservation.Check([With(bill, row with { End = row.End with { Value = 1903m } })]).Select(breach => breach.Code));
    }

    private static List<Bill> Year() => [.. Enumerable.Range(1, 12).Select(month => Month(month, (month - 1) * 300m, month * 300m))];

    /// <summary>A month whose register advances from start to end, spread evenly with the rest on the last day.</summary>
    private static Bill Month(int month, decimal start, decimal end, int year = 2026)
    {
        var from = new LocalDate(year, month, 1);
        var to = from.PlusMonths(1);
        var count = Period.DaysBetween(from, to);
        var total = end - start;
        var each = decimal.Round(total / count, 3, MidpointRounding.AwayFromZero);
        var template = An.Bill();
        var charges = An.Rated(An.Line("Energy", ChargeKind.Energy, total, Unit.KilowattHour, 0.3m, from: from, to: to)) with { From = from, To = to };
        return template with
        {
            Key = template.Key with { PeriodStart = from },
            Charges = charges,
            Supply = template.Supply with
            {
                Meters =
                [
                    new MeterRow
                    {
                        Register = new RegisterKey("landisgyr", "61200391", ObisCode.ActiveImport),
                        Channel = An.ImportChannel,
                        Unit = Unit.KilowattHour,
                        Start = new RegisterRead(Zone.AtStartOfDay(from).ToInstant(), start, ReadKind.Measured),
                        End = new RegisterRead(Zone.AtStartOfDay(to).ToInstant(), end, ReadKind.Measured),
                        Consumption = total,
                    },
                ],
            },
            Usage =
            [
                new ChannelUsage
                {
                    Channel = An.ImportChannel,
                    Unit = Unit.KilowattHour,
                    Quantity = total,
                    Days = [.. Enumerable.Range(0, count).Select(i => new DayUsage(from.PlusDays(i), i == count - 1 ? total - (each * (count - 1)) : each, 96, 0, 0))],
                },
            ],
            Issues = [],
        };
    }

    private static BillIssue Find(Bill bill, string code) => Assert.Single(BillIssues.Find(bill, [Month(9, 700m, 1000m)], Thresholds), issue => issue.Code == code);

    private static RatedPeriod Charges(Bill bill, ChargeKind kind, decimal price) =>
        An.Rated(An.Line("Energy", kind, 300, Unit.KilowattHour, price)) with { From = bill.Charges.From, To = bill.Charges.To };

    private static Bill With(Bill bill, MeterRow row) => bill with { Supply = bill.Supply with { Meters = [row] } };

    private static Bill Change(Bill bill, Func<DayUsage, DayUsage> change) =>
        bill with { Usage = [bill.Usage[0] with { Days = [.. bill.Usage[0].Days.Select(change)] }] };
}
