using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating;

/// <summary>One rating of one period while it is made: its input, its lines so far, the state it will hand on.</summary>
internal sealed class RatingRun(RatingInput input)
{
    public RatingInput Input { get; } = input;

    public List<ChargeLine> Lines { get; } = new(16);

    public RatingState State { get; set; } = input.Contract.Opening;

    /// <summary>Set where several tariff versions share the bill; one version's own streams say the same otherwise.</summary>
    public WholeBill? Whole { get; set; }
}

/// <summary>
/// What is judged on the bill as a whole although several tariff versions price it: the use a day that a tax rate depends on.
/// </summary>
internal sealed class WholeBill(IReadOnlyList<LoadProfile> profiles, IReadOnlyList<SegmentPlan> plans)
{
    private readonly decimal _days = plans.Sum(plan => plan.Days);

    public decimal Days => _days;

    /// <summary>All that was used over the bill, in the measurand's base units; null when it was not metered.</summary>
    public decimal? Use(Measurand measurand)
    {
        if (UsageStreams.Combine(profiles, measurand) is not { } profile)
        {
            return null;
        }

        var sum = 0m;
        foreach (var plan in plans)
        {
            foreach (var quantity in UsageStreams.Slice(profile, plan, measurand).Span)
            {
                sum += quantity;
            }
        }

        return sum * BilledUnit.Scale(1, profile.Exponent);
    }
}

/// <summary>One tariff version's part of a period while it is rated: what components may ask, and where they put their lines.</summary>
internal sealed class SegmentRun
{
    private Dictionary<(string Component, int Part), decimal>? _billedDemand;
    private readonly StreamResult?[] _streams;
    private readonly (TaxClass Class, string Category, decimal Rate)[] _taxes;

    public SegmentRun(RatingRun run, Tariff tariff, SegmentPlan plan, StreamResult?[] streams)
    {
        Run = run;
        Tariff = tariff;
        Plan = plan;
        _streams = streams;
        _taxes = new (TaxClass, string, decimal)[tariff.Tax.Classes.Count];
        for (var i = 0; i < _taxes.Length; i++)
        {
            _taxes[i] = Resolve(tariff.Tax.Classes[i]);
        }

        FirstLine = run.Lines.Count;
    }

    public RatingRun Run { get; }

    public Tariff Tariff { get; }

    public SegmentPlan Plan { get; }

    /// <summary>Where this part's lines begin in the run's.</summary>
    public int FirstLine { get; }

    /// <summary>True when the last billing month of a year, by the month in which it begins, ends with this part.</summary>
    public bool EndsYear => Ends(12);

    /// <summary>True when a billing month ends with this part.</summary>
    public bool EndsMonth => Proration.MonthStart(To, Plan.AnchorDay) == To;

    public LocalDate From => Plan.Span.From;

    public LocalDate To => Plan.Span.To;

    /// <summary>True when the billing month that begins in a month of the year ends with this part.</summary>
    public bool Ends(int month)
    {
        var last = Proration.MonthStart(To.PlusDays(-1), Plan.AnchorDay);
        return last.Month == month && Proration.MonthEnd(last, Plan.AnchorDay) == To;
    }

    /// <summary>Keeps the kW that a component billed in a billing month, for others that are billed by it; the highest of its periods counts.</summary>
    public void SetBilledDemand(string component, int part, decimal kilowatts)
    {
        if (Tariff.BillingDemands.Contains(component))
        {
            (_billedDemand ??= [])[(component, part)] = Math.Max(kilowatts, BilledDemand(component, part));
        }
    }

    /// <summary>The kW that a component above billed in a billing month; zero when it billed none.</summary>
    public decimal BilledDemand(string component, int part) => _billedDemand?.GetValueOrDefault((component, part)) ?? 0m;

    /// <summary>The scanned stream of a component; null when it is optional and nothing was measured.</summary>
    public StreamResult? Stream(StreamRef reference, bool optional)
    {
        if (_streams[reference.Stream] is { } stream)
        {
            return stream;
        }

        return optional
            ? null
            : throw new RatingInputException("usage", $"{Tariff.Label} bills {Measure.NameOf(Tariff.Streams[reference.Stream].Spec.Measurand)}, but no such usage was given{(Tariff.Streams[reference.Stream].Spec.Measurand == ApparentEnergy.Measurand ? " (nor import and reactive, from which it follows)" : string.Empty)}");
    }

    public void Add(Charge charge, LineLabel label, decimal quantity, decimal price, decimal priceBase, LineTrace? trace = null) =>
        Add(charge, label, quantity, price, priceBase, From, To, trace);

    public void Add(Charge charge, LineLabel label, decimal quantity, decimal price, decimal priceBase, LocalDate from, LocalDate to, LineTrace? trace)
    {
        var exact = priceBase == 1m ? quantity * price : quantity * price / priceBase;
        var (category, rate) = TaxOf(charge.Tax);
        Run.Lines.Add(new ChargeLine(charge.Id, label.Description, Tariff.Label, label.Unit, trace ?? label)
        {
            Kind = charge.Kind,
            Period = label.Period,
            Tier = label.Tier,
            From = from,
            To = to,
            Quantity = quantity,
            Price = price,
            PriceBase = priceBase,
            Exact = exact,
            Amount = Tariff.Currency.Round(exact),
            TaxCategory = category,
            TaxRate = rate,
        });
    }

    public ValueSeries Series(string name) => Run.Input.Series.TryGetValue(name, out var series)
        ? series
        : throw new RatingInputException($"series {name}", $"{Tariff.Label} needs the series \"{name}\"; give it");

    private (string Category, decimal Rate) TaxOf(TaxClass taxClass)
    {
        foreach (var (known, category, rate) in _taxes)
        {
            if (ReferenceEquals(known, taxClass))
            {
                return (category, rate);
            }
        }

        return ("O", 0m);
    }

    private (TaxClass Class, string Category, decimal Rate) Resolve(TaxClass taxClass) => Run.Input.Contract.TaxStatus switch
    {
        TaxStatus.Exempt => (taxClass, "E", 0m),
        TaxStatus.ReverseCharge => (taxClass, "AE", 0m),
        TaxStatus.OutOfScope => (taxClass, "O", 0m),
        _ => (taxClass, taxClass.Category, taxClass.RateFor(taxClass.Measurand is null ? 0m : UsePerDay(taxClass))),
    };

    private decimal UsePerDay(TaxClass taxClass)
    {
        var stream = Stream(taxClass.Stream, false)!;
        if (Run.Whole is { } whole && whole.Use(taxClass.Measurand!.Value) is { } use)
        {
            return whole.Days == 0m ? 0m : use / taxClass.BaseUnits / whole.Days;
        }

        return Plan.Days == 0m ? 0m : BilledUnit.Scale(stream.Total(), stream.Exponent) / taxClass.BaseUnits / Plan.Days;
    }
}
