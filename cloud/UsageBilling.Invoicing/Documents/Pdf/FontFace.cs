using System.Collections.Immutable;
using UglyToad.PdfPig.Core;
using UglyToad.PdfPig.Fonts.TrueType;
using UglyToad.PdfPig.Fonts.TrueType.Parser;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>An embedded typeface: its bytes and the advance width of each character, read once.</summary>
internal sealed class FontFace
{
    private const int NoGlyph = -1;

    private readonly ImmutableArray<int> widths;
    private readonly int unitsPerEm;

    private FontFace(string resource)
    {
        using var stream = typeof(FontFace).Assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"the font {resource} is not in the assembly");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        Bytes = bytes;
        var font = TrueTypeFontParser.Parse(new TrueTypeDataBytes(new MemoryInputBytes(bytes)));
        unitsPerEm = font.TableRegister.HeaderTable.UnitsPerEm;
        var map = font.WindowsUnicodeCMap ?? throw new InvalidOperationException($"the font {resource} has no Unicode character map");
        var advance = font.TableRegister.HorizontalMetricsTable;
        widths = [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => map.CharacterCodeToGlyphIndex(c) is var glyph and > 0 ? advance.GetAdvanceWidth(glyph) : NoGlyph)];
    }

    public static FontFace Regular { get; } = new("OpenSans-Regular.ttf");

    public static FontFace Semibold { get; } = new("OpenSans-Semibold.ttf");

    public static FontFace Bold { get; } = new("OpenSans-Bold.ttf");

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Text with what the face has: a sign it lacks becomes the nearest one, or a question mark.</summary>
    public string Printable(string text)
    {
        if (text.All(Has))
        {
            return text;
        }

        return string.Concat(text.EnumerateRunes().Select(rune => rune.Value switch
        {
            '→' => "›",
            '\u202f' or '\u2009' or '\t' or '\n' => " ",
            '\u2011' => "-",
            _ when rune.IsBmp && Has((char)rune.Value) => rune.ToString(),
            < ' ' => "",
            _ => "?",
        }));
    }

    public double Width(string text, double size)
    {
        var units = 0L;
        foreach (var c in text)
        {
            units += widths[c];
        }

        return units * size / unitsPerEm;
    }

    private bool Has(char c) => widths[c] != NoGlyph && c >= ' ';
}

/// <summary>A face at a size in a colour.</summary>
internal sealed record TextStyle(FontFace Face, double Size, Colour Colour)
{
    /// <summary>Distance from one baseline to the next.</summary>
    public double Leading => Size * 1.36;

    public double Width(string text) => Face.Width(Face.Printable(text), Size);

    /// <summary>The same style, smaller where the text would not fit, but not below a size.</summary>
    public TextStyle ShrunkTo(string text, double width, double smallest) =>
        Width(text) <= width ? this : this with { Size = Math.Max(smallest, Size * width / Width(text)) };

    /// <summary>Breaks text at spaces into lines no wider than <paramref name="width"/>; a word that is too wide is cut.</summary>
    public IReadOnlyList<string> Wrap(string text, double width)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in Face.Printable(text).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var rest = word;
            var joined = line.Length == 0 ? rest : line + " " + rest;
            if (Face.Width(joined, Size) <= width)
            {
                line = joined;
                continue;
            }

            if (line.Length > 0)
            {
                lines.Add(line);
            }

            while (Face.Width(rest, Size) > width && rest.Length > 1)
            {
                var fits = Enumerable.Range(1, rest.Length - 1).TakeWhile(n => Face.Width(rest[..n], Size) <= width).LastOrDefault(1);
                lines.Add(rest[..fits]);
                rest = rest[fits..];
            }

            line = rest;
        }

        if (line.Length > 0 || lines.Count == 0)
        {
            lines.Add(line);
        }

        return lines;
    }

    /// <summary>One line no wider than <paramref name="width"/>, cut with an ellipsis.</summary>
    public string Fit(string text, double width)
    {
        var printable = Face.Printable(text);
        if (Face.Width(printable, Size) <= width)
        {
            return printable;
        }

        var length = printable.Length;
        while (length > 0 && Face.Width(printable[..length] + "…", Size) > width)
        {
            length--;
        }

        return printable[..length].TrimEnd() + "…";
    }
}

/// <summary>RGB, each 0 to 255.</summary>
internal readonly record struct Colour(byte Red, byte Green, byte Blue);
