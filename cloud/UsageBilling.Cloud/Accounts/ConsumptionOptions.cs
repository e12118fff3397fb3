using NodaTime;
using NodaTime.Text;
using UsageBilling.Cloud.Web;

namespace UsageBilling.Cloud.Accounts;

/// <summary>The charts of the consumption page, as options of Apache ECharts.</summary>
internal static class ConsumptionOptions
{
    private static readonly OffsetDateTimePattern Local = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mmo<+HH:mm>");

    private static readonly object Grid = new { left = 8, right = 16, top = 40, bottom = 8, containLabel = true };

    /// <summary>Bars by quality; where there is no data, the whole height is grey. A rate is shown where asked for, otherwise the quantity.</summary>
    public static object Bars(ConsumptionSeries series, ReadableUnit unit, BarSpan span, int days, bool asRate, LiveInterval? live)
    {
        var labels = series.Bars.Select(b => Label(b, span)).ToArray();
        decimal? Value(ConsumptionBar bar, decimal quantity) => quantity == 0 ? null : decimal.Round(asRate ? PerHour(bar, quantity) : quantity, 4, MidpointRounding.AwayFromZero);
        object Part(string id, string name, string color, Func<ConsumptionBar, decimal> part) => new
        {
            id, name, type = "bar", stack = "quantity", barGap = "-100%", barCategoryGap = "12%", itemStyle = new { color }, data = series.Bars.Select(b => Value(b, part(b))).ToArray(),
        };
        var parts = new List<object>
        {
            Part("measured", "Measured", UsageTheme.Measured, b => b.Measured),
            Part("interpolated", "Interpolated", UsageTheme.Interpolated, b => b.Interpolated),
            Part("estimated", "Estimated", UsageTheme.Estimated, b => b.Estimated),
            new
            {
                id = "missing", name = "No data", type = "bar", yAxisIndex = 1, barGap = "-100%", barCategoryGap = "12%", itemStyle = new { color = UsageTheme.Missing },
                data = series.Bars.Select(b => b.Missing > 0 && b.Total == 0 ? 1 : default(int?)).ToArray(),
            },
        };
        if (live is { SoFar: { } soFar } && span == BarSpan.Interval)
        {
            parts.Add(new
            {
                id = "running", name = "Running interval, live", type = "bar", stack = "quantity", barCategoryGap = "12%",
                itemStyle = new { color = UsageTheme.Running, borderColor = UsageTheme.Measured, borderType = "dashed", borderWidth = 1 },
                data = series.Bars.Select(b => b.From == live.From && b.Total == 0 ? Value(b, soFar) : null).ToArray(),
            });
        }

        return new
        {
            animationDuration = 300,
            grid = series.Bars.Length > 200 ? new { left = 8, right = 16, top = 40, bottom = 44, containLabel = true } : Grid,
            legend = new { top = 0, right = 0, itemWidth = 14, itemHeight = 10, data = Legend(series, live, span) },
            tooltip = new { trigger = "axis", axisPointer = new { type = "shadow" }, formatter = new { fn = "parts", unit = asRate ? unit.Rate : unit.Symbol, decimals = 3 } },
            xAxis = new
            {
                type = "category", data = labels, axisTick = new { show = false },
                axisLabel = new { hideOverlap = true, formatter = new { fn = "local" }, interval = span == BarSpan.Day ? (object)"auto" : new { fn = "every", hours = Step(days) } },
            },
            yAxis = new object[]
            {
                new { type = "value", name = asRate ? unit.Rate : unit.Symbol, nameTextStyle = new { align = "right" }, axisLabel = new { formatter = new { fn = "number" } } },
                new { type = "value", show = false, min = 0, max = 1, axisLabel = new { show = false } },
            },
            dataZoom = series.Bars.Length > 200 ? new object[] { new { type = "inside", zoomOnMouseWheel = "ctrl" }, new { type = "slider", height = 20, bottom = 8, showDetail = false } } : [],
            series = parts,
        };
    }

    /// <summary>Live power since somebody looks.</summary>
    public static object Power(IReadOnlyList<(Instant At, decimal Power)> points, string unit, DateTimeZone zone) => new
    {
        animation = false,
        grid = new { left = 8, right = 40, top = 28, bottom = 8, containLabel = true },
        tooltip = new { trigger = "axis" },
        xAxis = new
        {
            type = "category", boundaryGap = false, axisTick = new { show = false }, axisLabel = new { hideOverlap = true, formatter = new { fn = "clock" } },
            data = points.Select(p => OffsetDateTimePattern.GeneralIso.Format(p.At.InZone(zone).ToOffsetDateTime())).ToArray(),
        },
        yAxis = new { type = "value", name = unit, nameTextStyle = new { align = "right" }, axisLabel = new { formatter = new { fn = "number" } } },
        series = new[]
        {
            new { id = "power", name = unit, type = "line", showSymbol = false, lineStyle = new { color = UsageTheme.Measured, width = 2 }, areaStyle = new { color = UsageTheme.Measured, opacity = 0.12 }, data = points.Select(p => p.Power).ToArray() },
        },
    };

    /// <summary>A bar's mean rate.</summary>
    public static decimal PerHour(ConsumptionBar bar, decimal quantity) => quantity * 60m / (decimal)(bar.To - bar.From).TotalMinutes;

    // Names are unique: the hour that repeats differs by its offset.
    private static string Label(ConsumptionBar bar, BarSpan span) => span == BarSpan.Day ? LocalDatePattern.Iso.Format(bar.Local.Date) : Local.Format(bar.Local);

    private static int Step(int days) => days switch { 1 => 2, 2 => 6, <= 3 => 6, _ => 24 };

    private static List<string> Legend(ConsumptionSeries series, LiveInterval? live, BarSpan span)
    {
        List<string> names = ["Measured"];
        if (series.Interpolated > 0)
        {
            names.Add("Interpolated");
        }

        if (series.Estimated > 0)
        {
            names.Add("Estimated");
        }

        if (series.Missing > 0)
        {
            names.Add("No data");
        }

        if (live?.SoFar is not null && span == BarSpan.Interval)
        {
            names.Add("Running interval, live");
        }

        return names;
    }
}
