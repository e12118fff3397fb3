using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Gas volume to energy: kWh = m³ × volume correction × calorific value (MJ/m³) ÷ 3.6, or calorific value in kWh/m³ without the
/// division (DVGW G 685). Correction and calorific value are numbers, or names of dated series of which the value at each
/// day's volume would be wanted; a series is averaged over the days of the part billed, as calorific values are published by period.
/// </summary>
internal sealed class GasConversion
{
    private readonly NumberOrSeries _calorific;
    private readonly NumberOrSeries _correction;
    private readonly bool _megajoules;

    private GasConversion(NumberOrSeries calorific, NumberOrSeries correction, bool megajoules)
    {
        _calorific = calorific;
        _correction = correction;
        _megajoules = megajoules;
    }

    public static GasConversion Read(StrictObject item)
    {
        var calorific = NumberOrSeries.Read(item, "calorificValue", null);
        var correction = NumberOrSeries.Read(item, "correction", 1m);
        var megajoules = item.Choice("per", "MJ/m³", "MJ/m³", "kWh/m³") == "MJ/m³";
        item.Done();
        return new GasConversion(calorific, correction, megajoules);
    }

    public static BilledUnit ReadUnit(StrictObject item)
    {
        if (item.Text("unit", 10) is { } symbol && symbol != "kWh")
        {
            item.Report("unit", $"\"{symbol}\" is not what gas is converted to; write \"kWh\" or leave it out");
        }

        // The stream counts m³; what comes out of the conversion is kWh.
        return new BilledUnit(Unit.KilowattHour, 1m);
    }

    public decimal Convert(SegmentRun segment, decimal cubicMetres)
    {
        var energy = cubicMetres * _correction.Over(segment) * _calorific.Over(segment);
        return _megajoules ? energy / 3.6m : energy;
    }
}

/// <summary>A number of the tariff, or the name of a series that is given beside it.</summary>
internal readonly record struct NumberOrSeries(decimal Value, string? Series)
{
    public static NumberOrSeries Read(StrictObject item, string name, decimal? fallback)
    {
        if (item.Raw(name) is not { } value)
        {
            if (fallback is null)
            {
                item.Report(name, "is missing; give a number, or {\"series\": \"name\"}");
            }

            return new NumberOrSeries(fallback ?? 0m, null);
        }

        if (value.ValueKind != System.Text.Json.JsonValueKind.Object)
        {
            return new NumberOrSeries(item.NumberOf(value, name) ?? 0m, null);
        }

        var child = new StrictObject(value, item.At(name), item.Problems);
        var series = child.RequiredText("series", "calorific-value");
        child.Done();
        return new NumberOrSeries(0m, series);
    }

    /// <summary>The number, or the mean of the series over the days of a segment, to nine digits.</summary>
    public decimal Over(SegmentRun segment) => Series is null ? Value : segment.MeanOf(Series);
}
