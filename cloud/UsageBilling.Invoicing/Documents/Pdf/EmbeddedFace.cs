using UglyToad.PdfPig.Writer;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>A typeface in one document. A simple PDF font has room for 255 different characters; what comes after them is printed as a question mark.</summary>
internal sealed class EmbeddedFace(PdfDocumentBuilder.AddedFont font)
{
    private const int MostCharacters = 254;

    private readonly HashSet<char> used = ['?'];

    public PdfDocumentBuilder.AddedFont Font => font;

    public string Limit(string text) => text.All(Admit) ? text : string.Concat(text.Select(c => used.Contains(c) ? c : '?'));

    private bool Admit(char c) => used.Contains(c) || (used.Count < MostCharacters && used.Add(c));
}
