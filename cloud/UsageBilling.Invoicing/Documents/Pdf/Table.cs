namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>A column: its head, width and whether numbers stand at its right edge.</summary>
internal readonly record struct Column(string Head, double Width, bool RightAligned = false);

/// <summary>A cell: text and, below it in small print, a note.</summary>
internal readonly record struct Cell(string Text, string? Note = null)
{
    public static implicit operator Cell(string text) => new(text);
}

/// <summary>Rows under a head that is repeated on every page; a row stays in one piece unless it is taller than a page.</summary>
internal sealed class Table(Flow flow, IReadOnlyList<Column> columns)
{
    private const double Padding = 3.6;
    private const double Gutter = 8;

    private readonly record struct Line(string Text, TextStyle Style);

    /// <summary>The head; drawn again by <c>Row</c> on each new page.</summary>
    public void Head()
    {
        flow.Need(Look.ColumnHead.Leading + (2 * Padding) + 24);
        var lines = columns.Select(column => Look.ColumnHead.Wrap(column.Head, column.Width - Gutter)).ToList();
        var height = (lines.Max(cell => cell.Count) * Look.ColumnHead.Leading) + (2 * Padding);
        flow.Page.Fill(Look.Left, flow.Y, columns.Sum(column => column.Width), height, Look.Panel);
        Draw([.. lines.Select(cell => cell.Select(text => new Line(text, Look.ColumnHead)).ToList())], height);
        flow.Page.Rule(Look.Left, flow.Y, Look.Left + columns.Sum(column => column.Width), flow.Y, 0.8, Look.Brand);
    }

    public void Row(params IReadOnlyList<Cell> cells) => Row(cells, Look.Cell);

    /// <summary>A row of sums.</summary>
    public void Sum(params IReadOnlyList<Cell> cells) => Row(cells, Look.CellStrong);

    private void Row(IReadOnlyList<Cell> cells, TextStyle style)
    {
        var lines = cells.Select((cell, i) => Lines(cell, columns[i].Width - Gutter, style)).ToList();
        var mostLines = (int)((Look.Bottom - Look.Top - 40) / style.Leading);
        while (lines.Any(cell => cell.Count > 0))
        {
            var part = lines.Select(cell => cell.Take(mostLines).ToList()).ToList();
            lines = [.. lines.Select(cell => cell.Skip(mostLines).ToList())];
            var height = part.Max(cell => cell.Sum(line => line.Style.Leading)) + (2 * Padding);
            if (flow.Need(height))
            {
                Head();
            }

            Draw(part, height);
            flow.Page.Rule(Look.Left, flow.Y, Look.Left + columns.Sum(column => column.Width), flow.Y, 0.4, Look.Faint);
        }
    }

    private static List<Line> Lines(Cell cell, double width, TextStyle style) =>
    [
        .. style.Wrap(cell.Text, width).Select(text => new Line(text, style)),
        .. cell.Note is { } note ? Look.Small.Wrap(note, width).Select(text => new Line(text, Look.Small)) : [],
    ];

    private void Draw(IReadOnlyList<List<Line>> cells, double height)
    {
        var x = Look.Left;
        for (var i = 0; i < cells.Count; i++)
        {
            var y = flow.Y + Padding;
            foreach (var line in cells[i])
            {
                y += line.Style.Leading;
                var baseline = y - (line.Style.Leading - line.Style.Size) - (line.Style.Size * 0.08);
                if (columns[i].RightAligned)
                {
                    flow.Page.TextRight(line.Text, x + columns[i].Width - (Gutter / 2), baseline, line.Style);
                }
                else
                {
                    flow.Page.Text(line.Text, x + (Gutter / 2), baseline, line.Style);
                }
            }

            x += columns[i].Width;
        }

        flow.Y += height;
    }
}
