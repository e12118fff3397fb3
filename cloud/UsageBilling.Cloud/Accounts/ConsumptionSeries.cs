using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Accounts;

/// <summary>How much one bar of a chart spans.</summary>
internal enum BarSpan
{
    /// <summary>The meter's own interval.</summary>
    Interval,

    /// <summary>A local clock hour; the hour that repeats in autumn gives two bars.</summary>
    Hour,

    /// <summary>A local day of whatever length.</summary>
    Day,
}

/// <summary>The unit people read a quantity in, how much of it one base unit is, and the unit of its rate an hour (null: it is not shown as a rate).</summary>
internal sealed record ReadableUnit(string Symbol, decimal Factor, string? Rate)
{
    public static ReadableUnit Of(Measurand measurand) => measurand.Quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => new("kWh", 0.001m, "kW"),
        Quantity.ReactiveEnergy => new("kvarh", 0.001m, "kvar"),
        Quantity.ApparentEnergy => new("kVAh", 0.001m, "kVA"),
        _ => new(measurand.Unit.Symbol, 1m, null),
    };
}

/// <summary>One bar: quantities in the readable unit by how they came to be, and how many of its intervals have none.</summary>
internal sealed record ConsumptionBar(Instant From, Instant To, OffsetDateTime Local, decimal Measured, decimal Interpolated, decimal Estimated, int Intervals, int Missing)
{
    public decimal Total => Measured + Interpolated + Estimated;
}

/// <summary>The highest mean rate over one interval.</summary>
internal sealed record ConsumptionPeak(decimal Quantity, Instant At);

/// <summary>A channel's intervals as people look at them: bars in the zone of the service point, total, peak, quality.</summary>
internal sealed record ConsumptionSeries(
    ImmutableArray<ConsumptionBar> Bars, decimal Total, ConsumptionPeak? Peak, Instant? LastReading, int Measured, int Interpolated, int Estimated, int Missing, int Awaited)
{
    /// <summary>Adds intervals up to bars. What is missing after the last known interval and before <paramref name="now"/> is awaited, before it is missing.</summary>
    public static ConsumptionSeries Of(LoadProfile profile, ReadableUnit unit, DateTimeZone zone, BarSpan span, Instant now)
    {
        var factor = unit.Factor * PowerOfTen(profile.Exponent);
        var bars = ImmutableArray.CreateBuilder<ConsumptionBar>();
        var tally = new int[5];
        var last = LastKnown(profile);
        ConsumptionPeak? peak = null;
        Bar? open = null;
        for (var i = 0; i < profile.Length; i++)
        {
            var from = profile.Start + Duration.FromMinutes((long)i * profile.IntervalMinutes);
            var local = Begin(from.InZone(zone).ToOffsetDateTime(), span);
            if (open is null || open.Local != local)
            {
                open?.Close(bars);
                open = new Bar(from, local);
            }

            var quantity = profile.Quantities.Span[i] * factor;
            var quality = Quality(profile, i);
            open.Add(quantity, quality, from + Duration.FromMinutes(profile.IntervalMinutes), missing: quality == IntervalQuality.Missing && i < last);
            if (quality != IntervalQuality.Missing || i < last)
            {
                tally[(int)quality]++;
            }

            peak = quality != IntervalQuality.Missing && quantity > (peak?.Quantity ?? 0) ? new ConsumptionPeak(quantity, from) : peak;
        }

        open?.Close(bars);
        var lastAt = last < 0 ? (Instant?)null : profile.Start + Duration.FromMinutes((long)(last + 1) * profile.IntervalMinutes);
        return new ConsumptionSeries(
            bars.ToImmutable(), bars.Sum(b => b.Total), peak, lastAt,
            tally[(int)IntervalQuality.Measured], tally[(int)IntervalQuality.Interpolated], tally[(int)IntervalQuality.Estimated] + tally[(int)IntervalQuality.Edited],
            tally[(int)IntervalQuality.Missing], CountAwaited(profile, last, now));
    }

    /// <summary>An interval's quality; a profile without qualities is measured.</summary>
    public static IntervalQuality Quality(LoadProfile profile, int index) =>
        profile.Qualities.IsEmpty ? IntervalQuality.Measured : (IntervalQuality)profile.Qualities.Span[index];

    /// <summary>A power of ten, exactly.</summary>
    public static decimal PowerOfTen(int exponent)
    {
        var value = 1m;
        for (var i = 0; i < Math.Abs(exponent); i++)
        {
            value = exponent > 0 ? value * 10m : value / 10m;
        }

        return value;
    }

    private static int LastKnown(LoadProfile profile)
    {
        for (var i = profile.Length - 1; i >= 0; i--)
        {
            if (Quality(profile, i) != IntervalQuality.Missing)
            {
                return i;
            }
        }

        return -1;
    }

    private static int CountAwaited(LoadProfile profile, int last, Instant now)
    {
        var past = (int)Math.Clamp((now - profile.Start).TotalMinutes / profile.IntervalMinutes, 0, profile.Length);
        return Math.Max(0, past - (last + 1));
    }

    private static OffsetDateTime Begin(OffsetDateTime local, BarSpan span) => span switch
    {
        BarSpan.Hour => new OffsetDateTime(local.Date.At(new LocalTime(local.Hour, 0)), local.Offset),
        BarSpan.Day => new OffsetDateTime(local.Date.AtMidnight(), Offset.Zero), // one bar whatever the offsets in it
        _ => local,
    };

    private sealed class Bar(Instant start, OffsetDateTime local)
    {
        private decimal measured;
        private decimal interpolated;
        private decimal estimated;
        private int intervals;
        private int missing;
        private Instant to;

        public OffsetDateTime Local => local;

        public void Add(decimal quantity, IntervalQuality quality, Instant end, bool missing)
        {
            to = end;
            intervals++;
            this.missing += missing ? 1 : 0;
            switch (quality)
            {
                case IntervalQuality.Measured:
                    measured += quantity;
                    break;
                case IntervalQuality.Interpolated:
                    interpolated += quantity;
                    break;
                case IntervalQuality.Estimated or IntervalQuality.Edited:
                    estimated += quantity;
                    break;
            }
        }

        public void Close(ImmutableArray<ConsumptionBar>.Builder bars) =>
            bars.Add(new ConsumptionBar(start, to, local, measured, interpolated, estimated, intervals, missing));
    }
}
