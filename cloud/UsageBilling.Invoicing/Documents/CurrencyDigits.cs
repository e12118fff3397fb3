using UsageBilling.Rating.Charges;

namespace UsageBilling.Invoicing.Documents;

/// <summary>Digits and rounding of a currency by its code, also where a document to be checked names none that exists: then two.</summary>
internal static class CurrencyDigits
{
    private const int Usual = 2;

    public static int Of(string currency) => Currency.Find(currency)?.Digits ?? Usual;

    public static decimal Round(decimal amount, string currency) => decimal.Round(amount, Of(currency), MidpointRounding.AwayFromZero);
}
