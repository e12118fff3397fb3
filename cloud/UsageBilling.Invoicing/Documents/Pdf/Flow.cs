using UglyToad.PdfPig.Writer;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>Pages one below the other: sections draw at <see cref="Y"/> and ask for room first.</summary>
internal sealed class Flow
{
    private readonly PdfDocumentBuilder document;
    private readonly Dictionary<FontFace, EmbeddedFace> faces;
    private readonly List<Canvas> pages = [];
    private readonly Action<Canvas> runningHead;

    public Flow(PdfDocumentBuilder document, Action<Canvas> runningHead)
    {
        this.document = document;
        this.runningHead = runningHead;
        faces = new FontFace[] { FontFace.Regular, FontFace.Semibold, FontFace.Bold }.ToDictionary(face => face, face => new EmbeddedFace(document.AddTrueTypeFont(face.Bytes)));
        Page = AddPage();
        Y = Look.Top;
    }

    public IReadOnlyList<Canvas> Pages => pages;

    public Canvas Page { get; private set; }

    /// <summary>Next free height on the page.</summary>
    public double Y { get; set; }

    public double Room => Look.Bottom - Y;

    /// <summary>Goes on to a new page where less than <paramref name="height"/> is left; true when it did.</summary>
    public bool Need(double height)
    {
        if (height <= Room || Y <= Look.Top)
        {
            return false;
        }

        NewPage();
        return true;
    }

    public void NewPage()
    {
        Page = AddPage();
        runningHead(Page);
        Y = Look.Top;
    }

    /// <summary>A section's heading, kept with at least <paramref name="follows"/> of what comes after it.</summary>
    public void Heading(string text, double follows)
    {
        Need(38 + follows);
        Y += Y <= Look.Top ? 10 : 26;
        Page.Text(text, Look.Left, Y, Look.Heading);
        Y += 9;
    }

    /// <summary>A paragraph over the given width.</summary>
    public void Paragraph(string text, TextStyle style, double indent = 0)
    {
        foreach (var line in style.Wrap(text, Look.Width - indent))
        {
            Need(style.Leading);
            Y += style.Leading;
            Page.Text(line, Look.Left + indent, Y - (style.Leading - style.Size), style);
        }
    }

    private Canvas AddPage()
    {
        var canvas = new Canvas(document.AddPage(Look.PageWidth, Look.PageHeight), faces);
        pages.Add(canvas);
        return canvas;
    }
}
