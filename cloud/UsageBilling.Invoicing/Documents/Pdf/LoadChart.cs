using NodaTime;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>A bar for each day: use above the axis, export below it, estimated days hatched, the day of the peak in its own colour.</summary>
internal static class LoadChart
{
    public const double Height = 172;

    private const double AxisWidth = 34;
    private const double LegendHeight = 16;
    private const double DayLabels = 14;

    public static void Draw(Flow flow, ChannelUsage usage, ChannelUsage? export, ReadTime time)
    {
        var page = flow.Page;
        var top = flow.Y + LegendHeight + 4;
        var height = Height - LegendHeight - DayLabels - 4;
        var high = (double)usage.Days.Max(day => day.Quantity);
        var low = export is null ? 0 : (double)export.Days.Max(day => day.Quantity);
        var step = Step(Math.Max(high, 0) + Math.Max(low, 0));
        var above = Math.Max(1, Math.Ceiling(Math.Max(high, 0) / step)) * step;
        var below = Math.Ceiling(Math.Max(low, 0) / step) * step;
        var scale = height / (above + below);
        var zero = top + (above * scale);

        Grid(page, step, above, below, zero, scale);
        var left = Look.Left + AxisWidth;
        var slot = (Look.Right - left) / usage.Days.Count;
        LocalDate? peakDay = usage.Peak is { } peak ? time.Local(peak.At).Date : null;
        var exported = export?.Days.ToDictionary(day => day.Date);
        for (var i = 0; i < usage.Days.Count; i++)
        {
            var day = usage.Days[i];
            var x = left + (i * slot) + (slot * 0.16);
            Bar(page, day, x, zero, slot * 0.68, (double)day.Quantity * scale, day.Date == peakDay ? Look.Peak : Look.Bar);
            if (exported?.GetValueOrDefault(day.Date) is { } sent)
            {
                Bar(page, sent, x, zero, slot * 0.68, -(double)sent.Quantity * scale, Look.BarExport);
            }

            if (usage.Days.Count <= 31 || i % ((usage.Days.Count / 31) + 1) == 0)
            {
                page.TextCentre(day.Date.Day.ToString("0"), left + ((i + 0.5) * slot), top + height + 10, Weekend(day.Date) ? Look.Tiny : Look.SmallStrong with { Size = 6.2 });
            }
        }

        page.Rule(left, zero, Look.Right, zero, 0.8, Look.Muted);
        Legend(page, flow.Y + 9, usage, export, time);
        flow.Y += Height;
    }

    private static void Grid(Canvas page, double step, double above, double below, double zero, double scale)
    {
        for (var value = -below; value <= above + (step / 2); value += step)
        {
            var y = zero - (value * scale);
            page.Rule(Look.Left + AxisWidth, y, Look.Right, y, 0.3, Look.Faint);
            page.TextRight(NumberText.Exact(decimal.Round((decimal)Math.Abs(value), 3, MidpointRounding.AwayFromZero)), Look.Left + AxisWidth - 5, y + 2.2, Look.Tiny);
        }
    }

    private static void Bar(Canvas page, DayUsage day, double x, double zero, double width, double height, Colour colour)
    {
        var top = height >= 0 ? zero - height : zero;
        if (day.Estimated + day.Missing > 0)
        {
            page.Fill(x, top, width, Math.Abs(height), Look.BarEstimated);
            page.Hatch(x, top, width, Math.Abs(height), colour);
        }
        else
        {
            page.Fill(x, top, width, Math.Abs(height), colour);
        }
    }

    private static void Legend(Canvas page, double y, ChannelUsage usage, ChannelUsage? export, ReadTime time)
    {
        var x = Look.Left + AxisWidth;
        x = Entry(page, x, y, Look.Bar, $"{usage.Unit.Symbol} a day", hatched: false);
        if (export is not null)
        {
            x = Entry(page, x, y, Look.BarExport, "fed into the grid", hatched: false);
        }

        if (usage.Days.Concat(export?.Days ?? []).Any(day => day.Estimated + day.Missing > 0))
        {
            x = Entry(page, x, y, Look.Bar, "contains estimated values", hatched: true);
        }

        if (usage.Peak is { } peak)
        {
            var at = time.Local(peak.At);
            Entry(page, x, y, Look.Peak, $"highest demand {NumberText.Exact(peak.Value)} {peak.Unit.Symbol}, {NumberText.Date(at.Date)} {at:HH:mm}", hatched: false);
        }
    }

    private static double Entry(Canvas page, double x, double y, Colour colour, string text, bool hatched)
    {
        page.Fill(x, y - 6, 7, 7, hatched ? Look.BarEstimated : colour);
        if (hatched)
        {
            page.Hatch(x, y - 6, 7, 7, colour);
        }

        page.Text(text, x + 10, y, Look.Small);
        return x + 10 + Look.Small.Width(text) + 14;
    }

    /// <summary>1, 2 or 5 times a power of ten, so that four to six lines divide the range.</summary>
    private static double Step(double range)
    {
        if (range <= 0)
        {
            return 1;
        }

        var power = Math.Pow(10, Math.Floor(Math.Log10(range / 4)));
        var fraction = range / 4 / power;
        return power * (fraction < 1.5 ? 1 : fraction < 3.5 ? 2 : fraction < 7.5 ? 5 : 10);
    }

    private static bool Weekend(LocalDate date) => date.DayOfWeek is IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday;
}
