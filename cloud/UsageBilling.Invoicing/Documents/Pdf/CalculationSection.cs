using NodaTime;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>How each line came to be: formula, what was measured and when, and what the bill was rated from.</summary>
internal static class CalculationSection
{
    private const double Indent = 16;

    public static void Draw(Flow flow, Statement statement)
    {
        flow.Heading("How this bill was calculated", 60);
        var lines = statement.Bill.Charges.Lines;
        for (var i = 0; i < lines.Count; i++)
        {
            Line(flow, statement, lines[i], i + 1);
        }

        Adjustments(flow, statement);
        Sources(flow, statement);
    }

    private static void Line(Flow flow, Statement statement, ChargeLine line, int number)
    {
        // Rating writes rounding as an arrow, a sign that the typeface does not have.
        var formula = line.Formula.Replace(" → ", " ≈ ", StringComparison.Ordinal);
        flow.Need(18 + (Look.Cell.Wrap(formula, Look.Width - Indent).Count * Look.Cell.Leading) + (line.Determinants.Count * Look.Small.Leading));
        flow.Y += 15;
        flow.Page.Text(number.ToString("0"), Look.Left, flow.Y, Look.CellStrong with { Colour = Look.Bar });
        flow.Page.Text(Look.CellStrong.Fit(line.Description, Look.Width - Indent - 90), Look.Left + Indent, flow.Y, Look.CellStrong);
        flow.Page.TextRight(NumberText.Money(line.Amount, statement.Currency), Look.Right, flow.Y, Look.CellStrong);
        flow.Y += 2;
        flow.Paragraph(formula, Look.Cell, Indent);
        foreach (var determinant in line.Determinants)
        {
            flow.Paragraph(Describe(determinant, statement.Time), Look.Small, Indent);
        }

        flow.Y += 2;
    }

    private static string Describe(Determinant determinant, ReadTime time)
    {
        var value = $"{determinant.Name}: {NumberText.Exact(determinant.Value)} {NumberText.UnitOf(determinant.Value, determinant.Unit)}".TrimEnd();
        return determinant.At is { } at ? $"{value}, on {When(at, time)}" : value;
    }

    /// <summary>With the offset, because one hour in autumn comes twice.</summary>
    private static string When(Instant at, ReadTime time)
    {
        var local = time.Local(at);
        return $"{NumberText.Date(local.Date)} at {local:HH:mm} (UTC{time.Offset(at):g})";
    }

    private static void Adjustments(Flow flow, Statement statement)
    {
        if (statement.Bill.Adjustments.Count == 0)
        {
            return;
        }

        flow.Heading("Settled from earlier bills", 30);
        foreach (var adjustment in statement.Bill.Adjustments)
        {
            flow.Paragraph(
                $"{adjustment.Reason}: {NumberText.Exact(adjustment.Quantity)} {adjustment.Unit.Symbol} for the period from {NumberText.Date(adjustment.Bill.PeriodStart)}.",
                Look.Cell);
        }
    }

    private static void Sources(Flow flow, Statement statement)
    {
        var bill = statement.Bill;
        flow.Heading("What it was calculated from", 40);
        foreach (var tariff in bill.Tariffs)
        {
            flow.Paragraph($"Tariff {tariff.Version}, fingerprint {tariff.Hash}", Look.Small);
        }

        if (bill.Parameters.Count > 0)
        {
            flow.Paragraph("Contract: " + string.Join(", ", bill.Parameters.Select(parameter => $"{parameter.Name} = {parameter.Value}")), Look.Small);
        }

        flow.Paragraph(
            $"{bill.Manifest.Count} day blocks of interval data; local times of {bill.Supply.Zone} after the time zone database {bill.TzdbVersion}. "
            + "The supplier keeps this data with the fingerprint below each page and can calculate the bill again to the cent.",
            Look.Small);
    }
}
