namespace UsageBilling.Invoicing.Verification;

/// <summary>When a bill is doubtful. A supplier keeps these as data; the defaults suit monthly bills of households and small businesses.</summary>
public sealed record IssueThresholds
{
    /// <summary>Use a day above this many times the reference holds the bill. The default value is 2.5.</summary>
    public decimal HighFactor { get; init; } = 2.5m;

    /// <summary>Use a day below this share of the reference holds the bill. The default value is 0.25.</summary>
    public decimal LowFactor { get; init; } = 0.25m;

    /// <summary>Below this use a day, in the channel's unit, no factor is judged: three times almost nothing is almost nothing. The default value is 1.</summary>
    public decimal NegligiblePerDay { get; init; } = 1m;

    /// <summary>A larger share of estimated intervals holds the bill; a smaller one is noted. The default value is 0.1.</summary>
    public decimal EstimatedShare { get; init; } = 0.1m;

    /// <summary>A larger share of intervals without a quantity holds the bill. The default value is 0: any does.</summary>
    public decimal MissingShare { get; init; }

    /// <summary>A total above this holds the bill, in its currency. The default value is 100,000.</summary>
    public decimal HighestTotal { get; init; } = 100_000m;
}
