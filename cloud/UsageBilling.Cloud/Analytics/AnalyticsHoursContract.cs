using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Analytics;

namespace UsageBilling.Cloud.Analytics;

/// <summary>Opening hours as a person writes them.</summary>
public static class AnalyticsHours
{
    /// <summary>Both of opens and closes, with days by their English names (working days by default); null where nothing is given.</summary>
    public static (OpeningHours? Hours, string? Problem) Read(string? opens, string? closes, string? days)
    {
        if (opens is null && closes is null && days is null)
        {
            return (null, null);
        }

        var pattern = LocalTimePattern.CreateWithInvariantCulture("HH:mm");
        var (first, last) = (pattern.Parse(opens ?? ""), pattern.Parse(closes ?? ""));
        if (!first.Success || !last.Success || last.Value <= first.Value)
        {
            return (null, "opens and closes are local times like 07:00 and 18:30 with opens before closes; give both or neither");
        }

        var list = ImmutableArray.CreateBuilder<IsoDayOfWeek>();
        foreach (var name in (days ?? "monday,tuesday,wednesday,thursday,friday").Split(','))
        {
            if (!Enum.TryParse<IsoDayOfWeek>(name.Trim(), ignoreCase: true, out var day) || day == IsoDayOfWeek.None || char.IsDigit(name.Trim()[0]))
            {
                return (null, $"'{name}' is no day; days are like monday,tuesday,saturday");
            }

            list.Add(day);
        }

        return (new OpeningHours(first.Value, last.Value, list.ToImmutable()), null);
    }
}
