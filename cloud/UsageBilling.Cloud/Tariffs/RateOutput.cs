using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Tariffs;

/// <summary>What <c>usage-cloud rate</c> prints: a bill for people, JSON for programs, errors for both.</summary>
internal static class RateOutput
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static int Fail(IReadOnlyList<FileProblem> problems, bool json)
    {
        if (!json)
        {
            foreach (var (file, problem) in problems)
            {
                var place = file is null ? problem.Path : problem.Line is { } line ? $"{file}:{line}" : $"{file} {problem.Path}";
                Console.Error.WriteLine($"{place}: {problem.Message}");
            }

            return ExitCodes.BadInput;
        }

        WriteJson(writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("errors");
            foreach (var (file, problem) in problems)
            {
                writer.WriteStartObject();
                writer.WriteString("file", file);
                if (problem.Line is { } line)
                {
                    writer.WriteNumber("line", line);
                }
                else
                {
                    writer.WriteNull("line");
                }

                writer.WriteString("path", problem.Path);
                writer.WriteString("message", problem.Message);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
        return ExitCodes.BadInput;
    }

    /// <summary>What was left aside is said beside the result, which stays as programs read it.</summary>
    public static void Warn(IReadOnlyList<FileProblem> unused)
    {
        foreach (var (file, problem) in unused)
        {
            Console.Error.WriteLine($"{file} {problem.Path}: {problem.Message}");
        }
    }

    public static void Print(Tariff tariff, RateDays days, IReadOnlyList<RatedPeriod> bills, bool explain, bool json)
    {
        if (json)
        {
            WriteJson(writer => WriteBills(writer, tariff, days, bills, explain));
        }
        else
        {
            Console.Out.Write(Text(tariff, days, bills, explain));
        }
    }

    private static string Text(Tariff tariff, RateDays days, IReadOnlyList<RatedPeriod> bills, bool explain)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{tariff.Name} ({tariff.Label}), {days.Zone.Id}\n");
        foreach (var bill in bills)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{bill.From:uuuu-MM-dd} to {bill.To:uuuu-MM-dd}\n");
            foreach (var line in bill.Lines)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {line.Description,-52} {line.Amount,14} {bill.Currency}\n");
                if (explain)
                {
                    text.Append(CultureInfo.InvariantCulture, $"      {line.Formula}\n");
                    foreach (var determinant in line.Determinants)
                    {
                        text.Append(CultureInfo.InvariantCulture, $"      {determinant.Name} = {Number(determinant.Value)} {determinant.Unit.Symbol}{(determinant.At is { } at ? $" at {at}" : string.Empty)}\n");
                    }
                }
            }

            foreach (var tax in bill.Taxes.Where(tax => tax.Amount != 0m))
            {
                text.Append(CultureInfo.InvariantCulture, $"  {$"{tax.Name} {Number(tax.Rate)} % of {tax.Base}",-52} {tax.Amount,14} {bill.Currency}\n");
            }

            if (bill.Rounding != 0m)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {"Rounding of the total",-52} {bill.Rounding,14} {bill.Currency}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"  {"Total",-52} {bill.Total,14} {bill.Currency}\n");
        }

        if (bills.Count > 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{"All periods",-54} {bills.Sum(bill => bill.Total),14} {tariff.Currency}\n");
        }

        return text.ToString();
    }

    private static void WriteBills(Utf8JsonWriter writer, Tariff tariff, RateDays days, IReadOnlyList<RatedPeriod> bills, bool explain)
    {
        writer.WriteStartObject();
        writer.WriteString("currency", tariff.Currency.Code);
        writer.WriteString("zone", days.Zone.Id);
        writer.WriteStartArray("periods");
        foreach (var bill in bills)
        {
            WriteBill(writer, bill, explain);
        }

        writer.WriteEndArray();
        WriteSums(writer, bills.Sum(Net), bills.Sum(Tax), bills.Sum(bill => bill.Rounding), bills.Sum(bill => bill.Total));
        writer.WriteEndObject();
    }

    private static void WriteBill(Utf8JsonWriter writer, RatedPeriod bill, bool explain)
    {
        writer.WriteStartObject();
        writer.WriteString("from", $"{bill.From:uuuu-MM-dd}");
        writer.WriteString("to", $"{bill.To:uuuu-MM-dd}");
        writer.WriteStartArray("lines");
        foreach (var line in bill.Lines)
        {
            WriteLine(writer, line.Component, line.Kind, line.Period, line.Tier, line.Quantity, line.Unit.Symbol, line.PriceBase == 1m ? line.Price : line.Price / line.PriceBase, line.Amount);
            if (explain)
            {
                WriteExplanation(writer, line);
            }

            writer.WriteEndObject();
        }

        foreach (var tax in bill.Taxes.Where(tax => tax.Rate != 0m))
        {
            WriteLine(writer, $"{tax.Name} {Number(tax.Rate)} %", ChargeKind.Tax, null, null, tax.Base, bill.Currency, tax.Rate / 100m, tax.Amount);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        WriteSums(writer, Net(bill), Tax(bill), bill.Rounding, bill.Total);
        writer.WriteEndObject();
    }

    private static void WriteLine(Utf8JsonWriter writer, string component, ChargeKind kind, string? period, int? tier, decimal quantity, string unit, decimal price, decimal amount)
    {
        writer.WriteStartObject();
        writer.WriteString("component", component);
        writer.WriteString("kind", kind.ToString().ToLowerInvariant());
        writer.WriteString("period", period);
        if (tier is { } number)
        {
            writer.WriteNumber("tier", number);
        }
        else
        {
            writer.WriteNull("tier");
        }

        writer.WriteString("quantity", Number(quantity));
        writer.WriteString("unit", unit);
        writer.WriteString("price", Number(price));
        writer.WriteString("amount", amount.ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteExplanation(Utf8JsonWriter writer, ChargeLine line)
    {
        writer.WriteString("description", line.Description);
        writer.WriteString("tariff", line.TariffVersion);
        writer.WriteString("from", $"{line.From:uuuu-MM-dd}");
        writer.WriteString("to", $"{line.To:uuuu-MM-dd}");
        writer.WriteString("formula", line.Formula);
        writer.WriteStartArray("determinants");
        foreach (var determinant in line.Determinants)
        {
            writer.WriteStartObject();
            writer.WriteString("name", determinant.Name);
            writer.WriteString("value", Number(determinant.Value));
            writer.WriteString("unit", determinant.Unit.Symbol);
            writer.WriteString("at", determinant.At?.ToString());
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteSums(Utf8JsonWriter writer, decimal net, decimal tax, decimal rounding, decimal total)
    {
        writer.WriteString("net", net.ToString(CultureInfo.InvariantCulture));
        writer.WriteString("tax", tax.ToString(CultureInfo.InvariantCulture));
        if (rounding != 0m)
        {
            writer.WriteString("rounding", rounding.ToString(CultureInfo.InvariantCulture));
        }

        writer.WriteString("total", total.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Levies are lines too; in sums they count as tax.</summary>
    private static decimal Levies(RatedPeriod bill) => bill.Lines.Where(line => line.Kind == ChargeKind.Tax).Sum(line => line.Amount);

    private static decimal Net(RatedPeriod bill) => bill.Net - Levies(bill);

    private static decimal Tax(RatedPeriod bill) => bill.Tax + Levies(bill);

    private static string Number(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);

    private static void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented))
        {
            write(writer);
        }

        Console.Out.WriteLine(Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    }
}
