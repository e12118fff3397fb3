using System.Globalization;
using System.Text;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Tariffs;

/// <summary>
/// Every published example is read, rated over one month of made-up but fixed usage, and compared with the bill that a
/// person has read and found right (<c>Bills/*.txt</c>). With USAGE_BILLING_ACCEPT=1 the bills are written anew, to be read again.
/// </summary>
public sealed class ExampleTests
{
    public static TheoryData<string> Examples()
    {
        var data = new TheoryData<string>();
        foreach (var file in Directory.GetFiles(Path.Combine(Repository, "protocols/tariffs/examples"), "*.json").Order(StringComparer.Ordinal))
        {
            data.Add(Path.GetFileNameWithoutExtension(file));
        }

        return data;
    }

    private static string Repository => SharedCases.RepositoryRoot;

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_prices_a_month_as_its_bill_says(string name)
    {
        var tariff = A.Tariff(File.ReadAllText(Path.Combine(Repository, $"protocols/tariffs/examples/{name}.json")));
        var bill = ExampleUsage.Bill(tariff);
        var text = Print(tariff, bill);
        var file = Path.Combine(Repository, $"tests/UsageBilling.Rating.Tests/Bills/{name}.txt");
        if (Environment.GetEnvironmentVariable("USAGE_BILLING_ACCEPT") == "1")
        {
            File.WriteAllText(file, text);
        }

        Assert.Equal(File.ReadAllText(file), text);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_says_what_it_is_for(string name)
    {
        var tariff = A.Tariff(File.ReadAllText(Path.Combine(Repository, $"protocols/tariffs/examples/{name}.json")));
        Assert.Equal(name, tariff.Code);
        Assert.True(tariff.Comment?.Length > 80, "an example explains itself to a tariff analyst in its comment");
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Rating_an_example_again_gives_an_equal_bill(string name)
    {
        var tariff = A.Tariff(File.ReadAllText(Path.Combine(Repository, $"protocols/tariffs/examples/{name}.json")));
        Assert.Equal(ExampleUsage.Bill(tariff), ExampleUsage.Bill(tariff));
    }

    private static string Print(Tariff tariff, RatedPeriod bill)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{tariff.Name} ({tariff.Label}), {bill.From:uuuu-MM-dd} to {bill.To:uuuu-MM-dd}\n\n");
        foreach (var line in bill.Lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"{line.Description,-52} {line.Amount,12} {bill.Currency}  {line.TaxCategory} {line.TaxRate} %\n    {line.Formula}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"\n{"Net",-52} {bill.Net,12} {bill.Currency}\n");
        foreach (var tax in bill.Taxes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{$"{tax.Name} {tax.Category} {tax.Rate} % of {tax.Base}",-52} {tax.Amount,12} {bill.Currency}\n");
        }

        if (bill.Rounding != 0m)
        {
            text.Append(CultureInfo.InvariantCulture, $"{"Rounding",-52} {bill.Rounding,12} {bill.Currency}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{"Total",-52} {bill.Total,12} {bill.Currency}\n");
        return text.ToString();
    }
}
