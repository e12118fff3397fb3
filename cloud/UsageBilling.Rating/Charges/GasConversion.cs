using NodaTime;
using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Gas volume to energy: kWh = m³ × volume correction × calorific value (MJ/m³) ÷ 3.6, or calorific value in kWh/m³ without the
/// division (DVGW G 685). Correction and calorific value are numbers, or names of dated series: then each interval's volume is
/// converted by the values that hold when it begins.
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

    public static GasConversion Read(StrictObject item, SortedSet<string> series)
    {
        var calorific = NumberOrSeries.Read(item, "calorificValue", null);
        var correction = NumberOrSeries.Read(item, "correction", 1m);
        var megajoules = item.Choice("per", "MJ/m³", "MJ/m³", "kWh/m³") == "MJ/m³";
        series.UnionWith(new[] { calorific.Series, correction.Series }.OfType<string>());
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

    /// <summary>True when a factor changes with time, so that volume must be taken piece by piece.</summary>
    public bool IsDated => _calorific.Series is not null || _correction.Series is not null;

    /// <summary>Energy of a volume by factors that do not change.</summary>
    public decimal Convert(decimal cubicMetres) => Energy(cubicMetres, _correction.Value, _calorific.Value);

    /// <summary>Energy of a stream, piece by piece between changes of the factors.</summary>
    public decimal Convert(SegmentRun segment, StreamResult stream)
    {
        var energy = 0m;
        for (var at = segment.Plan.Start; at < segment.Plan.End;)
        {
            var (correction, untilCorrection) = _correction.At(segment, at);
            var (calorific, untilCalorific) = _calorific.At(segment, at);
            var to = Instant.Min(Instant.Min(untilCorrection, untilCalorific), segment.Plan.End);
            var volume = stream.SumBetween(at, to) ?? throw new RatingInputException($"series {_calorific.Series ?? _correction.Series}", $"changes at {to}, inside an interval of {stream.WindowMinutes} minutes; let values change where intervals do");
            energy += Energy(BilledUnit.Scale(volume, stream.Exponent), correction, calorific);
            at = to;
        }

        return energy;
    }

    private decimal Energy(decimal cubicMetres, decimal correction, decimal calorific) =>
        _megajoules ? cubicMetres * correction * calorific / 3.6m : cubicMetres * correction * calorific;
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

    /// <summary>The value at an instant, and until when it holds.</summary>
    public (decimal Value, Instant Until) At(SegmentRun segment, Instant instant)
    {
        if (Series is null)
        {
            return (Value, Instant.MaxValue);
        }

        var series = segment.Series(Series);
        var index = series.IndexAt(instant);
        return index < 0
            ? throw new RatingInputException($"series {Series}", $"has no value at {instant}; extend it over the period")
            : (series[index].Value, index + 1 < series.Count ? series[index + 1].Start : series.End ?? Instant.MaxValue);
    }
}
