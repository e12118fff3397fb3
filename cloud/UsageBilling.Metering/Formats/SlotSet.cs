namespace UsageBilling.Metering.Formats;

/// <summary>A set of interval numbers, one bit each in pages, so that a year of five-minute intervals is 13 kB whatever the order they come in.</summary>
internal sealed class SlotSet
{
    private const int PageBits = 512;
    private const int PageWords = PageBits / 64;

    private readonly Dictionary<long, ulong[]> _pages = [];
    private long _lastPage = long.MinValue;
    private ulong[]? _last;

    /// <summary>Numbers in the set.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a number; false where it was there.</summary>
    public bool Add(long slot)
    {
        var words = Page(slot, make: true)!;
        ref var word = ref words[Word(slot)];
        var bit = 1UL << (int)(slot & 63);
        if ((word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Count++;
        return true;
    }

    /// <summary>Takes a number away; false where it was not there.</summary>
    public bool Remove(long slot)
    {
        if (!Contains(slot))
        {
            return false;
        }

        Page(slot, make: false)![Word(slot)] &= ~(1UL << (int)(slot & 63));
        Count--;
        return true;
    }

    public bool Contains(long slot) => Page(slot, make: false) is { } words && (words[Word(slot)] & (1UL << (int)(slot & 63))) != 0;

    /// <summary>True where any number of [from, to) is in the set.</summary>
    public bool ContainsAny(long from, long to)
    {
        for (var slot = from; slot < to;)
        {
            if (Page(slot, make: false) is not { } words)
            {
                slot = ((slot >> 9) + 1) << 9;
            }
            else if (words[Word(slot)] == 0)
            {
                slot = ((slot >> 6) + 1) << 6;
            }
            else if ((words[Word(slot)] & (1UL << (int)(slot & 63))) != 0)
            {
                return true;
            }
            else
            {
                slot++;
            }
        }

        return false;
    }

    /// <summary>The first number at or after <paramref name="from"/> and before <paramref name="to"/> that is, or is not, in the set; <paramref name="to"/> where there is none.</summary>
    public long Next(long from, long to, bool member)
    {
        for (var slot = from; slot < to;)
        {
            var word = Page(slot, make: false) is { } words ? words[Word(slot)] : 0;
            if ((slot & 63) == 0 && word == (member ? 0 : ulong.MaxValue))
            {
                slot += 64;
            }
            else if (((word & (1UL << (int)(slot & 63))) != 0) == member)
            {
                return slot;
            }
            else
            {
                slot++;
            }
        }

        return to;
    }

    private static int Word(long slot) => (int)((slot >> 6) & (PageWords - 1));

    private ulong[]? Page(long slot, bool make)
    {
        var page = slot >> 9;
        if (page == _lastPage)
        {
            return _last;
        }

        if (!_pages.TryGetValue(page, out var words))
        {
            if (!make)
            {
                return null;
            }

            words = new ulong[PageWords];
            _pages.Add(page, words);
        }

        (_lastPage, _last) = (page, words);
        return words;
    }
}
