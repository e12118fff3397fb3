using NodaTime;
using NodaTime.Text;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>Intervals as CSV: UTC and local time with its offset, quantity in the unit that people use, quality and method.</summary>
public static class CsvWriter
{
    private static readonly OffsetDateTimePattern Local = OffsetDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:sso<+HH:mm>");

    /// <summary>Lines without their ends: the header, then one an interval of [from, to). A missing interval has no quantity.</summary>
    public static IEnumerable<string> Write(ExportedChannel channel, IEnumerable<ExportedDay> days, Instant from, Instant to)
    {
        yield return "from_utc,from_local,minutes,channel,quantity,unit,quality,method";
        var (unit, exponent) = Readable(channel.Key.Measurand.Quantity);
        var factor = DecimalText.PowerOfTen(channel.Exponent - exponent);
        foreach (var day in days)
        {
            var minutes = day.Intervals.IntervalMinutes;
            for (var slot = 0; slot < day.Intervals.Slots; slot++)
            {
                var at = UtcDay.StartOf(day.Day) + Duration.FromMinutes((long)slot * minutes);
                if (at < from || at >= to)
                {
                    continue;
                }

                var quality = (IntervalQuality)day.Intervals.Qualities[slot];
                var quantity = quality == IntervalQuality.Missing ? string.Empty : DecimalText.Format(day.Intervals.Quantities[slot] * factor);
                yield return $"{InstantPattern.General.Format(at)},{Local.Format(at.InZone(channel.Zone).ToOffsetDateTime())},{minutes},{channel.Key},{quantity},{unit},{CsvFlag.Word(quality)},{day.MethodOf(slot)?.Method}";
            }
        }
    }

    /// <summary>The unit in which people read a quantity, and its power of ten over the base unit.</summary>
    public static (string Unit, int Exponent) Readable(Quantity quantity) => quantity switch
    {
        Quantity.ActiveEnergy or Quantity.HeatEnergy => ("kWh", 3),
        Quantity.ReactiveEnergy => ("kvarh", 3),
        Quantity.ApparentEnergy => ("kVAh", 3),
        _ => (Unit.BaseOf(quantity).Symbol, 0),
    };
}
