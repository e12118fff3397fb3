using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>Watches whether a stream's numbers ever fall in time: consumption does within days, the readings of a register never do.</summary>
internal sealed class CsvGrowth(int line, Instant at, decimal value)
{
    // 24 numbers of which each is above the one before it come by chance once in 24 factorial.
    private const int FewestRises = 23;

    private (Instant At, decimal Value) _last = (at, value);
    private (Instant First, Instant Last) _span = (at, at);
    private (decimal Lowest, decimal Highest) _range = (value, value);
    private int _rises;
    private bool _fell;

    /// <summary>Line of the first number.</summary>
    public int Line => line;

    /// <summary>
    /// They never fall and rise often, and rise less in all than the first of them is: no load does that. A meter that began at zero shows over more than a day, of
    /// which the sun's generation has a morning.
    /// </summary>
    public bool LooksLikeRegister => !_fell && _rises >= FewestRises
        && (_range.Lowest >= _range.Highest - _range.Lowest || (_rises >= 2 * FewestRises && _span.Last - _span.First > Duration.FromHours(24)));

    /// <summary>In words: from 12345.1 to 12399.</summary>
    public string Span => $"from {DecimalText.Format(_range.Lowest)} to {DecimalText.Format(_range.Highest)}";

    /// <summary>Takes the next number; files may run from the newest to the oldest.</summary>
    public void Add(Instant at, decimal value)
    {
        _fell |= at > _last.At ? value < _last.Value : at < _last.At && value > _last.Value;
        _rises += value == _last.Value ? 0 : 1;
        _last = (at, value);
        _span = (Instant.Min(_span.First, at), Instant.Max(_span.Last, at));
        _range = (Math.Min(_range.Lowest, value), Math.Max(_range.Highest, value));
    }
}
