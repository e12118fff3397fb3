using System.Globalization;
using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Verification;

/// <summary>Finds what is doubtful about a bill before it is issued. Findings are data on the bill; nothing here stops anything.</summary>
public static class BillIssues
{
    /// <summary>Days by which a period may differ from the same one a year ago and still be compared with it.</summary>
    private const int SameSeasonDays = 15;

    /// <summary>All issues of a bill, in the order of its parts.</summary>
    /// <param name="bill">A draft.</param>
    /// <param name="others">Live bills of the same contract, without the one that this bill replaces.</param>
    /// <param name="thresholds">When to hold.</param>
    public static IReadOnlyList<BillIssue> Find(Bill bill, IReadOnlyList<Bill> others, IssueThresholds thresholds) =>
    [
        .. PeriodIssues(bill, others),
        .. MeterIssues(bill, others),
        .. bill.Usage.SelectMany((usage, i) => UsageIssues(bill, usage, $"usage[{i}]", others, thresholds)),
        .. AmountIssues(bill, thresholds),
        .. TaxIssues(bill.Charges),
        .. ChargeArithmetic.Check(bill.Charges),
    ];

    private static IEnumerable<BillIssue> PeriodIssues(Bill bill, IReadOnlyList<Bill> others)
    {
        var (from, to) = (bill.Charges.From, bill.Charges.To);
        foreach (var other in others.Where(other => other.Charges.From < to && from < other.Charges.To))
        {
            yield return Issue(IssueSeverity.Error, "period.overlap", "charges", $"the period overlaps the live bill {other.Key}");
        }

        var before = others.Where(other => other.Charges.To <= from).MaxBy(other => other.Charges.To);
        if (before is null)
        {
            yield return Issue(IssueSeverity.Note, "period.first", "charges", $"no earlier bill of contract {bill.Key.Contract}");
        }
        else if (before.Charges.To < from)
        {
            yield return Issue(IssueSeverity.Hold, "period.gap", "charges", $"{Period.DaysBetween(before.Charges.To, from)} days since bill {before.Key} are not billed");
        }
    }

    private static IEnumerable<BillIssue> MeterIssues(Bill bill, IReadOnlyList<Bill> others)
    {
        for (var i = 0; i < bill.Supply.Meters.Count; i++)
        {
            var row = bill.Supply.Meters[i];
            var path = $"supply.meters[{i}]";
            if (row.End.Value < row.Start.Value && row.Rollovers == 0)
            {
                yield return Issue(IssueSeverity.Hold, "register.fell", path, $"{row.Register} fell from {row.Start.Value} to {row.End.Value} without a rollover");
            }

            if (row.End.Kind == ReadKind.Estimated)
            {
                yield return Issue(IssueSeverity.Note, "register.estimated", path, $"the end read of {row.Register} is estimated");
            }
        }

        foreach (var breach in Conservation.Within(bill))
        {
            yield return new BillIssue(IssueSeverity.Error, breach.Code, "supply.meters", breach.Message);
        }

        if (others.FirstOrDefault(other => other.Charges.To == bill.Charges.From) is { } earlier)
        {
            foreach (var breach in Conservation.Between(earlier, bill))
            {
                yield return new BillIssue(IssueSeverity.Error, breach.Code, "supply.meters", breach.Message);
            }
        }
    }

    private static IEnumerable<BillIssue> UsageIssues(Bill bill, ChannelUsage usage, string path, IReadOnlyList<Bill> others, IssueThresholds thresholds)
    {
        if (usage.Quantity < 0 || usage.Days.Any(day => day.Quantity < 0))
        {
            yield return Issue(IssueSeverity.Hold, "usage.negative", path, $"{usage.Channel} has negative use; the period sums to {usage.Quantity} {usage.Unit}");
        }

        if (usage.Quantity == 0 && usage.Channel.Measurand.Direction == Direction.Import)
        {
            yield return Issue(IssueSeverity.Hold, "usage.zero", path, $"{usage.Channel} used nothing");
        }

        var billed = Period.DaysBetween(bill.Charges.From, bill.Charges.To);
        if (usage.Days.Select(day => day.Date).Distinct().Count(date => date >= bill.Charges.From && date < bill.Charges.To) < billed)
        {
            yield return Issue(IssueSeverity.Hold, "usage.gap", path, $"{usage.Channel} has data for {usage.Days.Count} of {billed} days");
        }

        foreach (var issue in QualityIssues(usage, path, thresholds).Concat(LevelIssues(bill, usage, path, others, thresholds)))
        {
            yield return issue;
        }
    }

    private static IEnumerable<BillIssue> QualityIssues(ChannelUsage usage, string path, IssueThresholds thresholds)
    {
        var intervals = usage.Days.Sum(day => day.Intervals);
        var estimated = usage.Days.Sum(day => day.Estimated);
        var missing = usage.Days.Sum(day => day.Missing);
        if (estimated > 0)
        {
            var severity = estimated > thresholds.EstimatedShare * intervals ? IssueSeverity.Hold : IssueSeverity.Note;
            yield return Issue(severity, "usage.estimated", path, $"{estimated} of {intervals} intervals of {usage.Channel} are estimated");
        }

        if (missing > 0)
        {
            var severity = missing > thresholds.MissingShare * intervals ? IssueSeverity.Hold : IssueSeverity.Note;
            yield return Issue(severity, "usage.missing", path, $"{missing} of {intervals} intervals of {usage.Channel} have no quantity");
        }
    }

    /// <summary>Against the same period a year ago, or else against the latest earlier bill.</summary>
    private static IEnumerable<BillIssue> LevelIssues(Bill bill, ChannelUsage usage, string path, IReadOnlyList<Bill> others, IssueThresholds thresholds)
    {
        var earlier = others.Where(other => other.Charges.To <= bill.Charges.From).ToList();
        var yearAgo = bill.Charges.From.PlusYears(-1);
        var reference = earlier.FirstOrDefault(other => Math.Abs(Period.DaysBetween(yearAgo, other.Charges.From)) <= SameSeasonDays)
            ?? earlier.MaxBy(other => other.Charges.To);
        if (reference?.Usage.FirstOrDefault(other => other.Channel == usage.Channel) is not { } before || before.Unit != usage.Unit)
        {
            yield break;
        }

        var now = PerDay(usage.Quantity, bill.Charges);
        var then = PerDay(before.Quantity, reference.Charges);
        if (now > thresholds.NegligiblePerDay && now > thresholds.HighFactor * then)
        {
            yield return Issue(IssueSeverity.Hold, "usage.high", path, $"{now:0.###} {usage.Unit} a day, bill {reference.Key} had {then:0.###}");
        }

        if (then > thresholds.NegligiblePerDay && now < thresholds.LowFactor * then)
        {
            yield return Issue(IssueSeverity.Hold, "usage.low", path, $"{now:0.###} {usage.Unit} a day, bill {reference.Key} had {then:0.###}");
        }
    }

    private static IEnumerable<BillIssue> AmountIssues(Bill bill, IssueThresholds thresholds)
    {
        var charges = bill.Charges;
        if (charges.Total < 0)
        {
            var severity = charges.Lines.Any(line => line.Kind is ChargeKind.Export or ChargeKind.Credit) ? IssueSeverity.Note : IssueSeverity.Hold;
            yield return Issue(severity, "amount.negative", "charges.total", $"the total is {charges.Total} {charges.Currency}");
        }

        if (charges.Total == 0)
        {
            yield return Issue(IssueSeverity.Note, "amount.zero", "charges.total", $"the total is zero");
        }

        if (charges.Total > thresholds.HighestTotal)
        {
            yield return Issue(IssueSeverity.Hold, "amount.high", "charges.total", $"the total of {charges.Total} {charges.Currency} is above {thresholds.HighestTotal}");
        }
    }

    // EN 16931 (BR-O-11 to BR-O-14) allows what is outside the scope of VAT on an invoice of its own only: such an invoice names no VAT identifiers.
    private static IEnumerable<BillIssue> TaxIssues(RatedPeriod charges)
    {
        if (charges.Taxes.Count > 1 && charges.Taxes.Any(tax => tax.Category == "O"))
        {
            yield return Issue(IssueSeverity.Error, "tax.mixed-scope", "charges.taxes",
                $"category O (outside the scope of VAT) stands beside {string.Join(", ", charges.Taxes.Where(tax => tax.Category != "O").Select(tax => tax.Category).Distinct())}; EN 16931 allows it on an invoice of its own only: give those components a contract of their own, or another category (E: exempt)");
        }
    }

    private static decimal PerDay(decimal quantity, RatedPeriod charges) => quantity / Period.DaysBetween(charges.From, charges.To);

    private static BillIssue Issue(IssueSeverity severity, string code, string path, FormattableString message) =>
        new(severity, code, path, message.ToString(CultureInfo.InvariantCulture));
}
