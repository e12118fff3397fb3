namespace UsageBilling.Rating.Charges;

/// <summary>One subtotal per tax category and rate, on the sum of rounded net lines, rounded once (EN 16931 BG-23).</summary>
internal static class TaxTotals
{
    public static (IReadOnlyList<TaxSubtotal> Taxes, decimal Tax, decimal ExactTax) Of(IReadOnlyList<ChargeLine> lines, string name, Currency currency)
    {
        var taxes = new List<TaxSubtotal>(2);
        var total = 0m;
        var exactTotal = 0m;
        for (var i = 0; i < lines.Count; i++)
        {
            var (category, rate) = (lines[i].TaxCategory, lines[i].TaxRate);
            if (Has(taxes, category, rate))
            {
                continue;
            }

            var sum = 0m;
            var exact = 0m;
            for (var j = i; j < lines.Count; j++)
            {
                if (lines[j].TaxRate == rate && lines[j].TaxCategory == category)
                {
                    sum += lines[j].Amount;
                    exact += lines[j].Exact;
                }
            }

            var amount = currency.Round(sum * rate / 100m);
            taxes.Add(new TaxSubtotal(category, rate, sum, amount, name));
            total += amount;
            exactTotal += exact * rate / 100m;
        }

        return (taxes, total, exactTotal);
    }

    private static bool Has(List<TaxSubtotal> taxes, string category, decimal rate)
    {
        foreach (var tax in taxes)
        {
            if (tax.Rate == rate && tax.Category == category)
            {
                return true;
            }
        }

        return false;
    }
}
