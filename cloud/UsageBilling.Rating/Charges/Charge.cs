using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>Where a component stands in the order of operations (DESIGN: price → percentages → maximum → minimum → credits → tax).</summary>
internal enum ChargePhase
{
    Price,
    Adjust,
    Maximum,
    Minimum,
    Credit,
    Levy,
}

/// <summary>
/// One component of a tariff. Each kind has one file with its fields, its arithmetic and its words. Immutable after the
/// tariff is read; what it learns about a period it takes from the <see cref="SegmentRun"/>.
/// </summary>
public abstract class Charge
{
    private protected Charge(ChargeHead head)
    {
        Id = head.Id;
        Description = head.Description;
        Kind = head.Kind;
        Comment = head.Comment;
        Tax = head.Tax;
        Currency = head.Currency;
    }

    /// <summary>Unique in the tariff.</summary>
    public string Id { get; }

    /// <summary>What a customer reads.</summary>
    public string Description { get; }

    /// <summary>What its lines charge for.</summary>
    public ChargeKind Kind { get; }

    /// <summary>A tariff analyst's remark, or null.</summary>
    public string? Comment { get; }

    /// <summary>Tax class of its lines.</summary>
    public TaxClass Tax { get; }

    internal Currency Currency { get; }

    /// <summary>The component whose billed demand this one uses, or null.</summary>
    internal virtual string? BilledByComponent => null;

    internal virtual ChargePhase Phase => ChargePhase.Price;

    /// <summary>Adds this component's lines for one tariff version's part of a period.</summary>
    internal abstract void Rate(SegmentRun segment);
}

/// <summary>The fields that every component has.</summary>
internal sealed record ChargeHead(string Id, string Description, ChargeKind Kind, string? Comment, TaxClass Tax, Currency Currency);

/// <summary>What a component may refer to while it is read.</summary>
internal sealed record ChargeContext(TariffCalendar Calendar, TaxRules Tax, StreamBinder Binder, Currency Currency, HashSet<string> Ids, TierAllocation? Allocation)
{
    /// <summary>Components that keep something from bill to bill; true for money, false for kWh.</summary>
    public Dictionary<string, bool> Accounts { get; } = new(StringComparer.Ordinal);

    /// <summary>Series that components name.</summary>
    public SortedSet<string> Series { get; } = new(StringComparer.Ordinal);

    public ChargeHead Head(StrictObject item, ChargeKind kind)
    {
        var id = item.RequiredText("id", "energy");
        if (id.Length > 0 && !Name.IsValid(id))
        {
            item.Report("id", $"\"{id}\" must be 1 to {Name.MaxLength} letters, digits, '-', '_' or '.'");
        }
        else if (id.Length > 0 && !Ids.Add(id))
        {
            item.Report("id", $"\"{id}\" is the id of an earlier component; ids are unique");
        }

        var description = item.RequiredText("description", "Energy");
        var comment = item.Text("comment", 4000);
        var tax = Tax.Default;
        if (item.Text("tax") is { } className)
        {
            var found = Tax.Classes.FirstOrDefault(candidate => candidate.Name == className);
            if (found is null)
            {
                item.Report("tax", $"\"{className}\" is not a tax class of this tariff; known: {string.Join(", ", Tax.Classes.Select(known => known.Name))}");
            }

            tax = found ?? tax;
        }

        return new ChargeHead(id, description, kind, comment, tax, Currency);
    }

    /// <summary>The schedule that a component names, or null when it names none (or one that does not exist, which is reported).</summary>
    public Schedule? Schedule(StrictObject item)
    {
        if (item.Text("schedule") is not { } name)
        {
            return null;
        }

        var schedule = Calendar.Schedules.FirstOrDefault(candidate => candidate.Name == name);
        if (schedule is null)
        {
            item.Report("schedule", $"\"{name}\" is not a schedule of the calendar; known: {string.Join(", ", Calendar.Schedules.Select(known => known.Name))}");
        }

        return schedule;
    }
}

/// <summary>A unit in which a component bills, with the way there from a measurand's base unit.</summary>
internal sealed class BilledUnit
{
    private readonly decimal _baseUnits;
    private readonly int _exponent;

    public BilledUnit(Unit unit, decimal baseUnits)
    {
        Unit = unit;
        _baseUnits = baseUnits;
        _exponent = Array.IndexOf(PowersOfTen, baseUnits);
    }

    public Unit Unit { get; }

    private static decimal[] PowersOfTen { get; } = [1m, 10m, 100m, 1_000m, 10_000m, 100_000m, 1_000_000m, 10_000_000m, 100_000_000m, 1_000_000_000m];

    /// <summary>Reads <c>unit</c>; a unit that does not measure the quantity is reported.</summary>
    public static BilledUnit Read(StrictObject item, Quantity quantity)
    {
        var fallback = quantity switch
        {
            Quantity.ActiveEnergy or Quantity.HeatEnergy => "kWh",
            Quantity.ReactiveEnergy => "kvarh",
            _ => Unit.BaseOf(quantity).Symbol,
        };
        var symbol = item.Text("unit", 10) ?? fallback;
        if (Unit.Find(symbol) is { } unit && Measure.BaseUnitsIn(unit, quantity) is { } baseUnits)
        {
            return new BilledUnit(unit, baseUnits);
        }

        item.Report("unit", $"\"{symbol}\" does not measure this quantity; write \"{fallback}\" or leave it out");
        return new BilledUnit(Unit.BaseOf(quantity), 1m);
    }

    /// <summary><paramref name="value"/> × 10^<paramref name="exponent"/> base units in billed units.</summary>
    public decimal From(long value, int exponent) =>
        _exponent >= 0 ? Scale(value, exponent - _exponent) : Scale(value, exponent) / _baseUnits;

    public static decimal Scale(long value, int exponent)
    {
        if (exponent > 0)
        {
            return exponent < PowersOfTen.Length ? value * PowersOfTen[exponent] : throw new OverflowException();
        }

        if (exponent < -28)
        {
            throw new OverflowException();
        }

        var magnitude = value < 0 ? unchecked((ulong)-value) : (ulong)value;
        return new decimal(unchecked((int)magnitude), unchecked((int)(magnitude >> 32)), 0, value < 0, (byte)-exponent);
    }
}
