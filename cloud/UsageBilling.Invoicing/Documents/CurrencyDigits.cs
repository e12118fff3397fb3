namespace UsageBilling.Invoicing.Documents;

/// <summary>How many digits a currency has after the point (ISO 4217), where it is not two.</summary>
internal static class CurrencyDigits
{
    public static int Of(string currency) => currency switch
    {
        "BIF" or "CLP" or "DJF" or "GNF" or "ISK" or "JPY" or "KMF" or "KRW" or "PYG" or "RWF" or "UGX" or "VND" or "VUV" or "XAF" or "XOF" or "XPF" => 0,
        "BHD" or "IQD" or "JOD" or "KWD" or "LYD" or "OMR" or "TND" => 3,
        _ => 2,
    };

    public static decimal Round(decimal amount, string currency) => decimal.Round(amount, Of(currency), MidpointRounding.AwayFromZero);
}
