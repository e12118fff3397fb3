namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>Measures, colours and type of the printed invoice, in points from the top left corner of an A4 page.</summary>
internal static class Look
{
    public const double PageWidth = 595.28;
    public const double PageHeight = 841.89;
    public const double Left = 56.7;
    public const double Right = PageWidth - 48;
    public const double Width = Right - Left;

    /// <summary>Where flowing content begins on the second page and after.</summary>
    public const double Top = 84;

    /// <summary>Where flowing content ends.</summary>
    public const double Bottom = PageHeight - 74;

    public static readonly Colour Ink = new(0x1B, 0x27, 0x33);
    public static readonly Colour Muted = new(0x5C, 0x69, 0x78);
    public static readonly Colour Faint = new(0xD3, 0xDB, 0xE3);
    public static readonly Colour Panel = new(0xF1, 0xF6, 0xF8);
    public static readonly Colour Brand = new(0x0B, 0x45, 0x5C);
    public static readonly Colour Bar = new(0x1F, 0x8A, 0xA5);
    public static readonly Colour BarEstimated = new(0xA8, 0xD3, 0xDF);
    public static readonly Colour BarExport = new(0x7C, 0xB3, 0x42);
    public static readonly Colour Peak = new(0xE0, 0x7A, 0x1F);
    public static readonly Colour White = new(0xFF, 0xFF, 0xFF);
    public static readonly Colour Black = new(0, 0, 0);

    public static readonly TextStyle Body = new(FontFace.Regular, 8.5, Ink);
    public static readonly TextStyle BodyStrong = new(FontFace.Semibold, 8.5, Ink);
    public static readonly TextStyle Small = new(FontFace.Regular, 7.2, Muted);
    public static readonly TextStyle SmallStrong = new(FontFace.Semibold, 7.2, Muted);
    public static readonly TextStyle Tiny = new(FontFace.Regular, 6.2, Muted);
    public static readonly TextStyle Cell = new(FontFace.Regular, 8, Ink);
    public static readonly TextStyle CellStrong = new(FontFace.Semibold, 8, Ink);
    public static readonly TextStyle ColumnHead = new(FontFace.Semibold, 7.2, Brand);
    public static readonly TextStyle Heading = new(FontFace.Semibold, 11.5, Brand);
    public static readonly TextStyle Title = new(FontFace.Bold, 19, Brand);
    public static readonly TextStyle Name = new(FontFace.Bold, 16, Brand);
    public static readonly TextStyle Big = new(FontFace.Bold, 27, Brand);
    public static readonly TextStyle Address = new(FontFace.Regular, 10, Ink);
}
