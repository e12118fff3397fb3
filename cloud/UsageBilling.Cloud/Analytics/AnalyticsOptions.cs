using NodaTime.Text;
using UsageBilling.Cloud.Web;

namespace UsageBilling.Cloud.Analytics;

/// <summary>The charts of the analytics page, as options of Apache ECharts.</summary>
internal static class AnalyticsOptions
{
    private static readonly OffsetDateTimePattern Local = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mmo<+HH:mm>");

    /// <summary>
    /// Days from left to right, the hours of each from top to bottom as they passed: on the day that has 25 the column is longer, on the day that has 23 shorter. An hour of which nothing is
    /// known is left out, so that the ground shows.
    /// </summary>
    public static object Heat(HeatMapReport map)
    {
        var days = map.Hours.Select(h => h.Day).Distinct().ToList();
        var column = days.Select((d, i) => (d, i)).ToDictionary(d => d.d, d => d.i);
        var rows = map.Hours.Max(h => h.Row) + 1;
        var known = map.Hours.Where(h => h.Quantity is not null).ToList();
        var most = known.Count == 0 ? 1m : Math.Max(known.Max(h => h.Quantity!.Value), 0.001m);
        return new
        {
            animation = false,
            grid = new { left = 8, right = 16, top = 8, bottom = 76, containLabel = true },
            tooltip = new { trigger = "item", formatter = new { fn = "cell", unit = map.Unit, decimals = 3 } },
            xAxis = new { type = "category", data = days.Select(d => LocalDatePattern.Iso.Format(d)).ToArray(), axisTick = new { show = false }, axisLabel = new { hideOverlap = true, formatter = new { fn = "local" } } },
            yAxis = new { type = "category", inverse = true, name = "hour of the day", nameLocation = "start", data = Enumerable.Range(0, rows).Select(r => r < 24 ? $"{r:D2}:00" : "25th").ToArray(), axisTick = new { show = false } },
            visualMap = new { text = new[] { map.Unit, "" }, precision = 2, itemHeight = 160, min = Math.Min(0m, known.Count == 0 ? 0m : known.Min(h => h.Quantity!.Value)), max = most, calculable = true, orient = "horizontal", left = "center", bottom = 0, inRange = new { color = new[] { "#eef6f9", UsageTheme.Interpolated, UsageTheme.Measured, "#12394a" } } },
            series = new[]
            {
                new
                {
                    id = "hours", type = "heatmap",
                    data = known.Select(h => new { value = new object[] { column[h.Day], h.Row, h.Quantity!.Value }, local = Local.Format(h.Local), missing = h.Missing }).ToArray(),
                },
            },
        };
    }
}
