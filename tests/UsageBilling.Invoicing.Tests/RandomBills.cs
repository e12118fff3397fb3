using FsCheck;
using FsCheck.Fluent;
using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Tests;

/// <summary>Rated periods of every shape that rating may hand over, also those whose amount is not quantity × price.</summary>
internal static class RandomBills
{
    private static readonly Unit[] Units = [Unit.KilowattHour, Unit.Kilowatt, Unit.CubicMetre, Unit.Day, Unit.Month, Unit.KilovarHour, Unit.One];

    private static readonly (string Category, decimal Rate)[] Vat = [("S", 21), ("S", 9), ("S", 5.5m), ("Z", 0), ("E", 0)];

    private static Gen<ChargeLine> Line { get; } =
        from kind in Gen.Elements(Enum.GetValues<ChargeKind>())
        from quantity in Scaled(-9_000_000, 9_000_000, 3)
        from unit in Gen.Elements(Units)
        from price in Scaled(-500_000, 3_000_000, 6)
        from priceBase in Gen.Elements(1m, 1m, 1m, 100m, 1000m)
        from vat in Gen.Elements(Vat)
        from how in Gen.Choose(0, 5)
        from odd in Scaled(-5_000_000, 5_000_000, 4)
        select An.Line(
            $"{kind} charge",
            kind,
            how == 1 ? 0 : quantity,
            unit,
            price,
            priceBase,
            vat.Category,
            vat.Rate,
            exact: how <= 1 ? odd : null);

    public static Arbitrary<RatedPeriod> Rated { get; } = Arb.From(
        from lines in Line.ListOf(6)
        from more in Gen.Choose(1, 20).SelectMany(count => Line.ListOf(count))
        from rounding in Scaled(-2, 2, 2)
        select An.Rated([.. lines, .. more], rounding));

    private static Gen<decimal> Scaled(int low, int high, int digits) =>
        Gen.Choose(low, high).Select(value => new decimal(Math.Abs(value), 0, 0, value < 0, (byte)digits));
}
