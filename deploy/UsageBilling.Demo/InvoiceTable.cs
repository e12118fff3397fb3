using System.Globalization;
using System.Text.Json;
using NodaTime;
using Spectre.Console;

namespace UsageBilling.Demo;

/// <summary>An invoice as the demo's table shows it.</summary>
internal sealed record InvoiceRow(string Number, string Contract, string Account, string Tariff, string Usage, string Peak, decimal Total, string Currency, string Pdf)
{
    /// <summary>Reads what the API says of an invoice: its summary and its snapshot.</summary>
    public static InvoiceRow Read(JsonElement summary, JsonElement snapshot, string pdf)
    {
        var bill = snapshot.GetProperty("bill");
        var usage = bill.GetProperty("usage").EnumerateArray().ToList();
        var peak = usage.Select(u => u.GetProperty("peak")).FirstOrDefault(p => p.ValueKind == JsonValueKind.Object && p.GetProperty("unit").GetString() == "kW");
        return new InvoiceRow(
            summary.GetProperty("number").GetString()!,
            bill.GetProperty("key").GetProperty("contract").GetString()!,
            bill.GetProperty("customer").GetProperty("name").GetString()!,
            bill.GetProperty("tariffs")[0].GetProperty("version").GetString()!,
            string.Join("\n", usage.Select(u => $"{(IsExport(u) ? "−" : "")}{Format(u.GetProperty("quantity"), "#,##0.00")} {u.GetProperty("unit").GetString()}")),
            peak.ValueKind == JsonValueKind.Object ? Format(peak.GetProperty("value"), "0.00") : "",
            summary.GetProperty("total").GetDecimal(),
            summary.GetProperty("currency").GetString()!,
            pdf);
    }

    private static bool IsExport(JsonElement usage) => usage.GetProperty("channel").GetString()!.EndsWith("/Export", StringComparison.Ordinal);

    private static string Format(JsonElement text, string format) =>
        decimal.Parse(text.GetString()!, CultureInfo.InvariantCulture).ToString(format, CultureInfo.InvariantCulture);
}

/// <summary>The table at the end: who pays what for which usage.</summary>
internal static class InvoiceTable
{
    private const int WidthOfFiles = 160;

    public static void Print(IReadOnlyCollection<InvoiceRow> rows, YearMonth month)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = WidthOfFiles;
        }

        var table = new Table().Border(TableBorder.Rounded).Title($"Invoices for {month.ToString("MMMM uuuu", CultureInfo.InvariantCulture)}");
        table.AddColumn("Account");
        table.AddColumn(new TableColumn("Tariff").NoWrap());
        table.AddColumn(new TableColumn("Usage").RightAligned());
        table.AddColumn(new TableColumn("Peak kW").RightAligned());
        table.AddColumn(new TableColumn("Amount").RightAligned());
        table.AddColumn(new TableColumn("PDF").NoWrap());
        foreach (var row in rows)
        {
            table.AddRow(
                Markup.Escape(row.Account), Markup.Escape(row.Tariff), Markup.Escape(row.Usage), row.Peak,
                $"{row.Total.ToString("#,##0.00", CultureInfo.InvariantCulture)} {row.Currency}", Markup.Escape(row.Pdf));
        }

        table.AddEmptyRow();
        table.AddRow($"{rows.Count} invoices", "", "", "", $"{rows.Sum(r => r.Total).ToString("#,##0.00", CultureInfo.InvariantCulture)} {rows.FirstOrDefault()?.Currency}", "");
        AnsiConsole.WriteLine();
        AnsiConsole.Write(table);
    }
}
