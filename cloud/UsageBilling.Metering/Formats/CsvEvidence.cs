using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>Reads rows until they have said how the file writes dates and numbers.</summary>
internal sealed class CsvEvidence(CsvDialect dialect, CsvOptions options)
{
    // Without a quote a comma in a comma-separated file is a separator: after so many rows nothing else comes.
    private const int EnoughRows = 500;

    private readonly bool _days = dialect.Columns is { Start: >= 0, End: >= 0, IsRange: false };
    private CsvDateShape? _shape;
    private CsvDateOrder? _order = options.Dates;
    private char? _sign = options.Decimal;
    private bool? _lastDays;
    private (int Line, string Text)? _openDate;
    private (int Line, string Text)? _openNumber;
    private (CsvDate Date, LocalDate Start)? _last;
    private (LocalDate? Day, LocalDate? Month, bool DayFollows, bool MonthFollows, int Rows, int Dates) _steps = (null, null, true, true, 0, 0);
    private int _rows;
    private bool _daysOpen;

    /// <summary>The dialect with what was found, or why it stays open.</summary>
    public (CsvDialect? Dialect, SourceProblem? Problem) Read(IEnumerable<string> lines)
    {
        var line = 0;
        foreach (var text in lines)
        {
            if (++line < dialect.FirstRow || string.IsNullOrWhiteSpace(text))
            {
                continue;
            }

            if (Row(line, CsvFields.Split(text, dialect.Separator)) is { } problem)
            {
                return (null, problem);
            }

            if (IsDecided)
            {
                break;
            }
        }

        return Decide();
    }

    private bool IsDecided => _shape is not null && (_shape != CsvDateShape.Open || _order is not null) && (_sign is not null || IsPlain) && (!_daysOpen || _lastDays is not null) && _rows > 1;

    private bool IsPlain => dialect.Separator == ',' && _rows >= EnoughRows && _openNumber is null;

    private SourceProblem? Row(int line, string[] fields)
    {
        if (dialect.Columns.When(fields) is not { Written: { } start } when)
        {
            return null;
        }

        _rows++;
        _shape ??= start.Date.Shape;
        if (start.Date.Shape == CsvDateShape.Open)
        {
            Step(start.Date);
            if (Order(line, start.Date, when.Text) is { } mixed)
            {
                return mixed;
            }
        }

        if (dialect.Columns.HasBoth && dialect.Columns.Until(fields) is { Written: { Date.Shape: CsvDateShape.Open } until } text && Order(line, until.Date, text.Text) is { } other)
        {
            return other;
        }

        if (_days && start.Time is null && dialect.Columns.Until(fields) is { Written: { Time: null } end })
        {
            Days(start.Date, end.Date);
        }

        foreach (var cell in Cells(fields))
        {
            if (options.Decimal is null && CsvNumber.SignOf(cell) is { } sign)
            {
                if (sign == '?')
                {
                    _openNumber ??= (line, cell.Trim());
                }
                else if (_sign is { } before && before != sign)
                {
                    return new SourceProblem(line, $"\"{cell.Trim()}\" has '{sign}' as decimal sign, rows before it '{before}': write all numbers alike", true);
                }

                _sign = sign == '?' ? _sign : sign;
            }
        }

        return null;
    }

    private IEnumerable<string> Cells(string[] fields) =>
        (dialect.Columns.Slots?.Columns ?? dialect.Columns.Values.Select(v => v.Index)).Where(i => i < fields.Length).Select(i => fields[i]);

    private SourceProblem? Order(int line, CsvDate date, string text)
    {
        var shown = date.First > 12 ? CsvDateOrder.DayFirst : date.Second > 12 ? CsvDateOrder.MonthFirst : (CsvDateOrder?)null;
        if (shown is { } order && _order is { } other && order != other)
        {
            return new SourceProblem(line, $"\"{text}\" has the {(order == CsvDateOrder.DayFirst ? "day" : "month")} first, {(options.Dates is null ? "dates before it" : "--dates says")} the other: write all dates alike", true);
        }

        _order ??= shown;
        if (_order is null && date.First != date.Second)
        {
            _openDate ??= (line, text);
        }

        return null;
    }

    // Days one after another, several rows each, are seen in one order only.
    private void Step(CsvDate date)
    {
        var (day, month) = (date.In(CsvDateOrder.DayFirst), date.In(CsvDateOrder.MonthFirst));
        if (day != _steps.Day || month != _steps.Month)
        {
            _steps = (
                day, month,
                _steps.DayFollows && Follows(_steps.Day, day),
                _steps.MonthFollows && Follows(_steps.Month, month),
                _steps.Rows, _steps.Dates + 1);
        }

        _steps.Rows++;
    }

    private static bool Follows(LocalDate? before, LocalDate? after) => before is null || (after is { } a && (a == before.Value.PlusDays(1) || a == before.Value.PlusDays(-1)));

    private void Days(CsvDate from, CsvDate to)
    {
        _daysOpen = true;
        if ((from.In(_order ?? CsvDateOrder.DayFirst), to.In(_order ?? CsvDateOrder.DayFirst)) is not ({ } first, { } last))
        {
            return;
        }

        if (first == last)
        {
            _lastDays ??= true;
        }
        else if (_last is { } before)
        {
            _lastDays ??= before.Start.PlusDays(1) == first ? true : before.Start == first ? false : null;
        }

        _last = (to, last);
    }

    private (CsvDialect? Dialect, SourceProblem? Problem) Decide()
    {
        if (_shape == CsvDateShape.Open && _order is null && _openDate is { } date)
        {
            _order = _steps is { Dates: > 1 } && _steps.Rows >= 4 * _steps.Dates && _steps.DayFollows != _steps.MonthFollows
                ? _steps.DayFollows ? CsvDateOrder.DayFirst : CsvDateOrder.MonthFirst
                : null;
            if (_order is null)
            {
                return (null, new SourceProblem(date.Line, $"\"{date.Text}\" may have the day first or the month, and no row of the file shows which: say --dates dmy or --dates mdy", true));
            }
        }

        if (_sign is null && _openNumber is { } number && (dialect.Separator != ',' || number.Text.Contains(',', StringComparison.Ordinal)))
        {
            return (null, new SourceProblem(number.Line, $"\"{number.Text}\" may be a thousand or a fraction, and no row of the file shows which: say --decimal . or --decimal ,", true));
        }

        return (dialect with
        {
            Shape = _shape,
            Order = _order,
            Decimal = _sign ?? '.',
            EndsAreLastDays = _lastDays ?? false,
        }, _daysOpen && _lastDays is null && _rows > 0 ? new SourceProblem(dialect.FirstRow, "whether an end is the last day or the day after it does not show: give ends with a time, or leave the end column out", true) : null);
    }
}
