using UsageBilling.Protocols;
using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>
/// A line as EN 16931 can say it: net amount = round(quantity × price / base), the price never negative (BR-27), the sign on the quantity.
/// </summary>
internal readonly record struct LineRepresentation(decimal Quantity, string UnitCode, decimal Price, decimal PriceBase)
{
    private const int MostPriceDigits = 12;

    public static LineRepresentation Of(ChargeLine line, string currency)
    {
        var sign = line.Price < 0 ? -1 : 1;
        var asRated = new LineRepresentation(sign * line.Quantity, line.Unit.Code, sign * line.Price, line.PriceBase);
        if (asRated.Gives(line.Amount, currency))
        {
            return asRated;
        }

        return Effective(line, currency) ?? One(line.Amount);
    }

    /// <summary>True where quantity × price / base, rounded to the currency, is the amount.</summary>
    public bool Gives(decimal amount, string currency) => PriceBase > 0 && Net(Quantity, Price, PriceBase, currency) == amount;

    public static decimal Net(decimal quantity, decimal price, decimal priceBase, string currency) =>
        CurrencyDigits.Round(quantity * price / priceBase, currency);

    /// <summary>
    /// The quantity stays and the price becomes the effective one: amounts limited by a minimum or maximum, weighted over a price change.
    /// The fewest digits that give the amount to the cent.
    /// </summary>
    private static LineRepresentation? Effective(ChargeLine line, string currency)
    {
        if (line.Quantity == 0 || line.PriceBase <= 0)
        {
            return null;
        }

        var quantity = decimal.Abs(line.Quantity) * (line.Amount < 0 ? -1 : 1);
        var exact = line.Amount * line.PriceBase / quantity;
        for (var digits = 2; digits <= MostPriceDigits; digits++)
        {
            var price = decimal.Round(exact, digits, MidpointRounding.AwayFromZero);
            var candidate = new LineRepresentation(quantity, line.Unit.Code, price, line.PriceBase);
            if (candidate.Gives(line.Amount, currency))
            {
                return candidate;
            }
        }

        return null;
    }

    /// <summary>One piece at the amount.</summary>
    private static LineRepresentation One(decimal amount) => new(amount < 0 ? -1 : 1, Unit.One.Code, decimal.Abs(amount), 1);
}
