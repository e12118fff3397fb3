using System.Buffers;

namespace UsageBilling.Metering.Formats;

/// <summary>Numbers of CSV files with either decimal sign and groups of three digits: 1234.5, 1,234.5, 1.234,5, 1 234,5, 1'234.5.</summary>
internal static class CsvNumber
{
    private static readonly SearchValues<char> Grouping = SearchValues.Create(", '\u00A0\u2019\u202F");

    /// <summary>What a number's writing says of the file's decimal sign: '.' or ','; '?' where it may be either; null where it says nothing.</summary>
    public static char? SignOf(ReadOnlySpan<char> text)
    {
        text = text.Trim().TrimStart("+-");
        var (comma, point) = (text.LastIndexOf(','), text.LastIndexOf('.'));
        if (text.IsEmpty || text.ContainsAnyExceptInRange(' ', '9') || (comma < 0 && point < 0))
        {
            return null;
        }

        if (comma >= 0 && point >= 0)
        {
            return comma > point ? ',' : '.';
        }

        var sign = comma >= 0 ? ',' : '.';
        if (text.Count(sign) > 1)
        {
            return sign == ',' ? '.' : ',';
        }

        // 1,234 may be a thousand; 0,234 and 12,34 and 1234,567 are fractions.
        var (before, after) = (text.IndexOf(sign), text.Length - text.IndexOf(sign) - 1);
        return after == 3 && before is >= 1 and <= 3 && text[0] != '0' ? '?' : sign;
    }

    /// <summary>Reads a number exactly; false where it is none, is grouped wrongly, or has more digits than are kept.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, char sign, out decimal value)
    {
        text = text.Trim();
        var group = sign == '.' ? ',' : '.';
        if (sign == '.' && !text.ContainsAny(Grouping))
        {
            return DecimalText.TryParse(text, out value);
        }

        value = 0m;
        var plain = new char[text.Length];
        var (length, digits, grouped, fraction) = (0, 0, false, false);
        foreach (var c in text)
        {
            if (c == group || c is ' ' or '\'' or '\u00A0' or '\u2019' or '\u202F')
            {
                if (fraction || digits is 0 or > 3 || (grouped && digits != 3))
                {
                    return false;
                }

                (grouped, digits) = (true, 0);
                continue;
            }

            if (c == sign)
            {
                if (fraction || (grouped && digits != 3))
                {
                    return false;
                }

                fraction = true;
            }

            digits += char.IsAsciiDigit(c) && !fraction ? 1 : 0;
            plain[length++] = c == sign ? '.' : c;
        }

        return (!grouped || fraction || digits == 3) && DecimalText.TryParse(plain.AsSpan(0, length), out value);
    }
}
