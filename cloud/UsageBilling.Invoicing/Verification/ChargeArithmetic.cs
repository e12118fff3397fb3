using System.Globalization;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Documents;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Verification;

/// <summary>Recomputes every sum of a bill: a bill that does not add up cannot be issued, and a stored one that does not is reported.</summary>
public static class ChargeArithmetic
{
    /// <summary>One error for each figure that is not what its parts give; empty when all are.</summary>
    public static IReadOnlyList<BillIssue> Check(RatedPeriod charges)
    {
        var issues = new List<BillIssue>();
        for (var i = 0; i < charges.Lines.Count; i++)
        {
            Compare(issues, $"charges.lines[{i}].amount", CurrencyDigits.Round(charges.Lines[i].Exact, charges.Currency), charges.Lines[i].Amount);
        }

        for (var i = 0; i < charges.Taxes.Count; i++)
        {
            var tax = charges.Taxes[i];
            var taxed = charges.Lines.Where(line => line.TaxCategory == tax.Category && line.TaxRate == tax.Rate).Sum(line => line.Amount);
            Compare(issues, $"charges.taxes[{i}].base", taxed, tax.Base);
            Compare(issues, $"charges.taxes[{i}].amount", CurrencyDigits.Round(tax.Base * tax.Rate / 100, charges.Currency), tax.Amount);
        }

        foreach (var (category, rate) in charges.Lines.Select(line => (line.TaxCategory, line.TaxRate)).Distinct())
        {
            if (!charges.Taxes.Any(tax => tax.Category == category && tax.Rate == rate))
            {
                issues.Add(new BillIssue(IssueSeverity.Error, "arithmetic", "charges.taxes", string.Create(
                    CultureInfo.InvariantCulture, $"lines of category {category} at {rate} % have no tax subtotal")));
            }
        }

        Compare(issues, "charges.net", charges.Lines.Sum(line => line.Amount), charges.Net);
        Compare(issues, "charges.tax", charges.Taxes.Sum(tax => tax.Amount), charges.Tax);
        Compare(issues, "charges.total", charges.Net + charges.Tax + charges.Rounding, charges.Total);
        return issues;
    }

    private static void Compare(List<BillIssue> issues, string path, decimal expected, decimal stated)
    {
        if (expected != stated)
        {
            issues.Add(new BillIssue(IssueSeverity.Error, "arithmetic", path, string.Create(
                CultureInfo.InvariantCulture, $"is {stated} but its parts give {expected}")));
        }
    }
}
