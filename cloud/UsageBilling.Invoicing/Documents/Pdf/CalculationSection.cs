using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>How each line came to be: formula, what was measured and when, and what the bill was rated from.</summary>
internal static class CalculationSection
{
    private const double Indent = 16;
    private const double Gap = 15;
    private const double TightGap = 11;
    private const double SourcesGap = 16;

    public static void Draw(Flow flow, Statement statement)
    {
        var sources = Sources(statement.Bill);
        var below = SourcesGap + Look.SmallStrong.Leading + sources.Sum(text => Look.Tiny.Wrap(text, Look.Width).Count * Look.Tiny.Leading);
        var lines = statement.Bill.Charges.Lines.Select(line => Texts(line, statement)).ToList();
        flow.Heading("How this bill was calculated", 60);

        // A page that holds nothing but the sources helps nobody: lines stand closer where that keeps it away.
        var loose = below + lines.Sum(texts => Height(texts, Gap));
        var gap = loose > flow.Room && loose - (lines.Count * (Gap - TightGap)) <= flow.Room ? TightGap : Gap;
        for (var i = 0; i < lines.Count; i++)
        {
            // The last line stays with what follows it.
            flow.Need(Height(lines[i], gap) + (i == lines.Count - 1 && statement.Bill.Adjustments.Count == 0 ? below : 0));
            Line(flow, statement, i, lines[i], gap);
        }

        Adjustments(flow, statement);
        flow.Need(below);
        flow.Y += SourcesGap - Look.SmallStrong.Leading;
        flow.Paragraph("What it was calculated from", Look.SmallStrong);
        foreach (var text in sources)
        {
            flow.Paragraph(text, Look.Tiny);
        }
    }

    private static List<(string Text, TextStyle Style)> Texts(ChargeLine line, Statement statement)
    {
        List<(string, TextStyle)> texts = [(DeterminantText.Formula(line.Formula), Look.Cell)];
        texts.AddRange(line.Determinants.Select(determinant => (Describe(determinant, statement.Time), Look.Small)));
        if (Conversion(line, statement.Bill) is { } conversion)
        {
            texts.Add((conversion, Look.Small));
        }

        return texts;
    }

    private static double Height(List<(string Text, TextStyle Style)> texts, double gap) =>
        gap + 4 + texts.Sum(text => text.Style.Wrap(text.Text, Look.Width - Indent).Count * text.Style.Leading);

    private static void Line(Flow flow, Statement statement, int index, List<(string Text, TextStyle Style)> texts, double gap)
    {
        var line = statement.Bill.Charges.Lines[index];
        flow.Y += gap;
        flow.Page.Text((index + 1).ToString("0"), Look.Left, flow.Y, Look.CellStrong with { Colour = Look.Bar });
        flow.Page.Text(Look.CellStrong.Fit(line.Description, Look.Width - Indent - 90), Look.Left + Indent, flow.Y, Look.CellStrong);
        flow.Page.TextRight(NumberText.Money(line.Amount, statement.Currency), Look.Right, flow.Y, Look.CellStrong);
        flow.Y += 2;
        foreach (var (text, style) in texts)
        {
            flow.Paragraph(text, style, Indent);
        }

        flow.Y += 2;
    }

    private static string Describe(Determinant determinant, ReadTime time)
    {
        var value = $"{DeterminantText.Name(determinant)}: {NumberText.Exact(determinant.Value)} {NumberText.UnitOf(determinant.Value, determinant.Unit)}".TrimEnd();
        return determinant.At is { } at ? $"{value}, on {When(at, time)}" : value;
    }

    /// <summary>Where a gas meter counts m³ and the line bills all of it in kWh: how the one became the other.</summary>
    private static string? Conversion(ChargeLine line, Bill bill)
    {
        if (line.Unit != Unit.KilowattHour || line.Quantity <= 0 || line.Period is not null || line.Tier is not null
            || line.From != bill.Charges.From || line.To != bill.Charges.To
            || !line.Determinants.Any(determinant => determinant.Name.StartsWith("gas.", StringComparison.Ordinal))
            || bill.Usage.SingleOrDefault(usage => usage.Channel.Measurand.Quantity == Quantity.GasVolume) is not { Quantity: > 0 } gas
            || gas.Unit != Unit.CubicMetre)
        {
            return null;
        }

        return $"The meter counts volume, the price is for energy: {NumberText.Exact(gas.Quantity)} m³ gave {NumberText.Exact(line.Quantity)} kWh, "
            + $"{NumberText.Fixed(line.Quantity / gas.Quantity, 4)} kWh for each m³ after volume correction and calorific value.";
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

    private static List<string> Sources(Bill bill)
    {
        List<string> texts = [.. bill.Tariffs.Select(tariff => $"Tariff {tariff.Version}, fingerprint {tariff.Hash}")];
        if (bill.Parameters.Count > 0)
        {
            texts.Add("Contract: " + string.Join(", ", bill.Parameters.Select(parameter => $"{parameter.Name} = {parameter.Value}")));
        }

        var blocks = bill.Manifest.Count == 1 ? "1 day block" : $"{NumberText.Fixed(bill.Manifest.Count, 0)} day blocks";
        texts.Add(
            $"{blocks} of interval data; local times of {bill.Supply.Zone} after the time zone database {bill.TzdbVersion}. "
            + "The supplier keeps this data with the fingerprint below each page and can calculate the bill again to the cent.");
        return texts;
    }
}
