using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;

namespace UsageBilling.Rating.Tariffs;

/// <summary>The tax classes of a tariff: which rate a component's lines bear.</summary>
public sealed class TaxRules
{
    internal TaxRules(string name, IReadOnlyList<TaxClass> classes, TaxClass fallback)
    {
        Name = name;
        Classes = classes;
        Default = fallback;
    }

    /// <summary>No tax at all: every line is out of scope (EN 16931 category O).</summary>
    public static TaxRules None { get; } = new("VAT", [TaxClass.OutOfScope], TaxClass.OutOfScope);

    /// <summary>"VAT", or what the tax is called.</summary>
    public string Name { get; }

    /// <summary>The classes.</summary>
    public IReadOnlyList<TaxClass> Classes { get; }

    /// <summary>Class of components that name none.</summary>
    public TaxClass Default { get; }

    internal static TaxRules Read(StrictObject tax, StreamBinder binder)
    {
        var name = tax.Text("name", 40) ?? "VAT";
        var classes = new List<TaxClass>();
        if (tax.Child("classes") is { IsObject: true } children)
        {
            foreach (var className in children.Names.ToList())
            {
                if (children.Child(className) is { IsObject: true } child)
                {
                    classes.Add(TaxClass.Read(className, child, binder));
                }
            }
        }

        var chosen = tax.Text("default");
        tax.Done();
        if (classes.Count == 0)
        {
            tax.Report("classes", "is missing; give at least one class, for example {\"standard\": {\"category\": \"S\", \"rate\": 20}}");
            return None;
        }

        var fallback = chosen is null ? classes[0] : classes.Find(candidate => candidate.Name == chosen);
        if (fallback is null)
        {
            tax.Report("default", $"\"{chosen}\" is not one of the classes {string.Join(", ", classes.Select(known => known.Name))}");
            fallback = classes[0];
        }

        return new TaxRules(name, classes, fallback);
    }
}

/// <summary>A tax class: an EN 16931 category and a rate, which may depend on the use per day.</summary>
public sealed class TaxClass
{
    private readonly TaxBand[] _bands;

    private TaxClass(string name, string category, TaxBand[] bands, Measurand? measurand, StreamRef stream, decimal baseUnits)
    {
        Name = name;
        Category = category;
        _bands = bands;
        Measurand = measurand;
        Stream = stream;
        BaseUnits = baseUnits;
    }

    /// <summary>Out of scope of tax.</summary>
    public static TaxClass OutOfScope { get; } = new("none", "O", [new TaxBand(null, 0m)], null, default, 1m);

    /// <summary>Name by which components choose it.</summary>
    public string Name { get; }

    /// <summary>S, Z, E, AE or O.</summary>
    public string Category { get; }

    /// <summary>What is measured for the rate's threshold, or null when there is one rate.</summary>
    internal Measurand? Measurand { get; }

    internal StreamRef Stream { get; }

    internal decimal BaseUnits { get; }

    /// <summary>The rate for a use per day: the first band that reaches it.</summary>
    internal decimal RateFor(decimal perDay)
    {
        foreach (var band in _bands)
        {
            if (band.UpToPerDay is not { } limit || perDay <= limit)
            {
                return band.Rate;
            }
        }

        return _bands[^1].Rate;
    }

    internal static TaxClass Read(string name, StrictObject item, StreamBinder binder)
    {
        var category = item.Choice("category", "S", "S", "Z", "E", "AE", "O");
        var bands = new List<TaxBand>();
        Measurand? measurand = null;
        var stream = default(StreamRef);
        var baseUnits = 1m;
        if (item.Has("bands"))
        {
            ReadBands(item, bands);
            (measurand, baseUnits) = ReadMeasure(item);
            stream = measurand is { } found ? binder.Bind(new StreamSpec(found, 0, false), null) : default;
            if (item.Has("rate"))
            {
                item.Report("rate", "stands beside \"bands\"; keep one of them");
            }
        }
        else
        {
            var rate = category is "S" ? item.RequiredNumber("rate", "the rate in percent, for example 20", 0m, 1000m) : item.Number("rate", 0m, 0m) ?? 0m;
            bands.Add(new TaxBand(null, rate));
        }

        item.Done(", bands, measure, unit");
        if (bands.Count == 0)
        {
            bands.Add(new TaxBand(null, 0m));
        }

        return new TaxClass(name, category, [.. bands], measurand, stream, baseUnits);
    }

    private static void ReadBands(StrictObject item, List<TaxBand> bands)
    {
        var items = item.Items("bands");
        for (var i = 0; i < items.Count; i++)
        {
            var band = new StrictObject(items[i].Value, items[i].Path, item.Problems);
            if (!band.IsObject)
            {
                continue;
            }

            var upTo = band.Number("upToPerDay", 0m);
            var rate = band.RequiredNumber("rate", "the rate in percent", 0m, 1000m);
            band.Done();
            if (i == items.Count - 1 && upTo is not null)
            {
                band.Report("upToPerDay", "the last band has no upper end; leave it out so that all use is taxed");
            }
            else if (i < items.Count - 1 && (upTo is null || (bands.Count > 0 && upTo <= bands[^1].UpToPerDay)))
            {
                band.Report("upToPerDay", "must be given and rise from band to band");
            }

            bands.Add(new TaxBand(upTo, rate));
        }
    }

    private static (Measurand? Measurand, decimal BaseUnits) ReadMeasure(StrictObject item)
    {
        var measurand = Measure.Find(item.Choice("measure", "import", [.. Measure.All]));
        var symbol = item.Text("unit", 10) ?? "kWh";
        var unit = Unit.Find(symbol);
        if (unit is null || Measure.BaseUnitsIn(unit, measurand!.Value.Quantity) is not { } baseUnits)
        {
            item.Report("unit", $"\"{symbol}\" does not measure it");
            return (measurand, 1m);
        }

        return (measurand, baseUnits);
    }
}

/// <summary>A rate up to a use per day.</summary>
internal readonly record struct TaxBand(decimal? UpToPerDay, decimal Rate);
