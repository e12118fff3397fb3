using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests;

/// <summary>Builders with good defaults.</summary>
internal static class A
{
    public static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    public static Tariff Tariff(string json)
    {
        var parse = TariffDocument.Parse(System.Text.Encoding.UTF8.GetBytes(json));
        Assert.True(parse.Tariff is not null, string.Join('\n', parse.Problems));
        return parse.Tariff!;
    }

    /// <summary>A tariff of the given components, and nothing else unusual.</summary>
    public static Tariff TariffOf(string components, string more = "", string currency = "EUR") => Tariff($$"""
        {"format":"usage-billing/tariff.v1","code":"test","version":"1","name":"Test","currency":"{{currency}}",
         "effective":{"from":"2000-01-01"}{{(more.Length == 0 ? "" : "," + more)}},"components":[{{components}}]}
        """);

    public static LocalPeriod Days(string from, string to, DateTimeZone? zone = null) =>
        new(NodaTime.Text.LocalDatePattern.Iso.Parse(from).Value, NodaTime.Text.LocalDatePattern.Iso.Parse(to).Value, zone ?? Berlin);

    /// <summary>A profile over the period whose quantities come from the local start of each interval.</summary>
    public static LoadProfile Profile(LocalPeriod period, string measure, int minutes, Func<ZonedDateTime, long> quantity, int exponent = 0)
    {
        var count = (int)((period.End - period.Start).TotalMinutes / minutes);
        var quantities = new long[count];
        for (var i = 0; i < count; i++)
        {
            quantities[i] = quantity((period.Start + Duration.FromMinutes((long)i * minutes)).InZone(period.Zone));
        }

        return new LoadProfile(Measure.Find(measure)!.Value, exponent, period.Start, minutes, quantities, ReadOnlyMemory<byte>.Empty);
    }

    public static LoadProfile Constant(LocalPeriod period, string measure, int minutes, long quantity, int exponent = 0) =>
        Profile(period, measure, minutes, _ => quantity, exponent);

    /// <summary>A profile whose whole quantity (base units) lies in the first interval.</summary>
    public static LoadProfile Total(LocalPeriod period, string measure, long quantity, int exponent = 0)
    {
        var first = period.Start;
        return Profile(period, measure, 60, at => at.ToInstant() == first ? quantity : 0L, exponent);
    }

    public static RatingInput Input(Tariff tariff, LocalPeriod period, params LoadProfile[] profiles) => new()
    {
        Period = period,
        Tariffs = [new TariffSpan(tariff, period.From, period.To)],
        Profiles = [.. profiles],
    };

    public static RatedPeriod Bill(Tariff tariff, LocalPeriod period, params LoadProfile[] profiles) =>
        RatingEngine.Rate(Input(tariff, period, profiles), new Determinants.RatePlans());

    public static ChargeLine Line(this RatedPeriod bill, string component, string? period = null, int? tier = null) =>
        Assert.Single(bill.Lines, line => line.Component == component && (period is null || line.Period == period) && (tier is null || line.Tier == tier));
}
