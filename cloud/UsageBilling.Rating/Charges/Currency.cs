namespace UsageBilling.Rating.Charges;

/// <summary>An ISO 4217 currency with the digits of its minor unit, and the one way in which money is rounded.</summary>
public readonly record struct Currency
{
    private static readonly HashSet<string> None = ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
    private static readonly HashSet<string> Three = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

    private Currency(string code, int digits)
    {
        Code = code;
        Digits = digits;
    }

    /// <summary>Three capital letters.</summary>
    public string Code { get; }

    /// <summary>Digits after the point: 2 for most, 0 for yen, 3 for dinars.</summary>
    public int Digits { get; }

    /// <summary>The currency of a code, or null when the code is not three capital letters.</summary>
    public static Currency? Find(string? code) =>
        code is { Length: 3 } && code.All(char.IsAsciiLetterUpper)
            ? new Currency(code, None.Contains(code) ? 0 : Three.Contains(code) ? 3 : 2)
            : null;

    /// <summary>Rounds to the minor unit, half away from zero; the result carries the currency's digits (11.90, not 11.9).</summary>
    public decimal Round(decimal amount) => Math.Round(amount, Digits, MidpointRounding.AwayFromZero) + new decimal(0, 0, 0, false, (byte)Digits);

    /// <summary>The code.</summary>
    public override string ToString() => Code;
}
