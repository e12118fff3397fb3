using UglyToad.PdfPig.Core;
using UglyToad.PdfPig.Graphics.Operations;
using UglyToad.PdfPig.Graphics.Operations.General;
using UglyToad.PdfPig.Graphics.Operations.PathConstruction;
using UglyToad.PdfPig.Graphics.Operations.PathPainting;
using UglyToad.PdfPig.Graphics.Operations.SpecialGraphicsState;
using UglyToad.PdfPig.Writer;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>One page, measured in points from its top left corner.</summary>
internal sealed class Canvas(PdfPageBuilder page, IReadOnlyDictionary<FontFace, EmbeddedFace> faces)
{
    /// <summary>Text whose baseline begins at (x, y).</summary>
    public void Text(string text, double x, double y, TextStyle style)
    {
        var face = faces[style.Face];
        var printable = face.Limit(style.Face.Printable(text));
        if (printable.Trim().Length == 0)
        {
            return;
        }

        page.SetTextAndFillColor(style.Colour.Red, style.Colour.Green, style.Colour.Blue);
        page.AddText(printable, style.Size, new PdfPoint(x, Look.PageHeight - y), face.Font);
    }

    /// <summary>Text that ends at x.</summary>
    public void TextRight(string text, double x, double y, TextStyle style) => Text(text, x - style.Width(text), y, style);

    /// <summary>Text around x.</summary>
    public void TextCentre(string text, double x, double y, TextStyle style) => Text(text, x - (style.Width(text) / 2), y, style);

    public void Rule(double x1, double y1, double x2, double y2, double width, Colour colour)
    {
        page.SetStrokeColor(colour.Red, colour.Green, colour.Blue);
        page.DrawLine(new PdfPoint(x1, Look.PageHeight - y1), new PdfPoint(x2, Look.PageHeight - y2), width);
    }

    /// <summary>A filled rectangle without a border; (x, y) is its top left corner.</summary>
    public void Fill(double x, double y, double width, double height, Colour colour)
    {
        page.SetTextAndFillColor(colour.Red, colour.Green, colour.Blue);
        Add(new AppendRectangle(x, Look.PageHeight - y - height, width, height), FillPathNonZeroWinding.Value);
    }

    /// <summary>Diagonal strokes inside a rectangle: readable where colours are not, on a black and white printer.</summary>
    public void Hatch(double x, double y, double width, double height, Colour colour)
    {
        const double Step = 3.2;
        page.SetStrokeColor(colour.Red, colour.Green, colour.Blue);
        var bottom = Look.PageHeight - y - height;
        Add(
            Push.Value,
            new AppendRectangle(x, bottom, width, height),
            UglyToad.PdfPig.Graphics.Operations.ClippingPaths.ModifyClippingByNonZeroWindingIntersect.Value,
            EndPath.Value,
            new SetLineWidth(0.5));
        for (var offset = -height; offset < width; offset += Step)
        {
            Add(new BeginNewSubpath(x + offset, bottom), new AppendStraightLineSegment(x + offset + height, bottom + height), StrokePath.Value);
        }

        Add(Pop.Value);
    }

    private void Add(params ReadOnlySpan<IGraphicsStateOperation> operations)
    {
        foreach (var operation in operations)
        {
            page.CurrentStream.Operations.Add(operation);
        }
    }
}
