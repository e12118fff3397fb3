using System.Collections.Immutable;
using System.Globalization;
using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>A 300 record and the 400 records that follow it.</summary>
internal sealed class Nem12Day
{
    private readonly SourceChannel _channel;
    private readonly LocalDate _date;
    private readonly ImmutableArray<decimal> _values;
    private readonly Instant? _statedAt;
    private readonly bool _varies;
    private readonly List<SourceFlag> _flags = [];
    private readonly List<SourceProblem> _defects = [];
    private readonly int _line;
    private readonly ImmutableArray<int> _blanks;
    private int _lastQualityLine;

    private Nem12Day(int line, SourceChannel channel, LocalDate date, ImmutableArray<decimal> values, SourceFlag? flag, Instant? statedAt, ImmutableArray<int> blanks)
    {
        (_line, _lastQualityLine) = (line, line);
        _channel = channel;
        _date = date;
        _values = values;
        _statedAt = statedAt;
        _varies = flag is null;
        _blanks = blanks;
        if (flag is not null)
        {
            _flags.Add(flag);
        }
    }

    /// <summary>What is odd and was taken.</summary>
    public IReadOnlyList<SourceProblem> Defects => _defects;

    public static (Nem12Day? Day, string? Problem) Read(int line, SourceChannel channel, LocalDate date, string[] fields)
    {
        var count = 1440 / channel.IntervalMinutes!.Value;
        var mayBeNull = Field(fields, count + 2) is "N" or "n" or "V" or "v";
        var values = ImmutableArray.CreateBuilder<decimal>(count);
        var blanks = ImmutableArray.CreateBuilder<int>();
        for (var i = 0; i < count; i++)
        {
            var text = i + 2 < fields.Length ? fields[i + 2] : string.Empty;
            if (mayBeNull && text.AsSpan().Trim().IsEmpty)
            {
                // A null has no value to write; many write none.
                blanks.Add(i);
                values.Add(0m);
                continue;
            }

            if (!DecimalText.TryParse(text, out var value))
            {
                return (null, NotAValue(channel, date, i, count, text));
            }

            values.Add(value);
        }

        var quality = Field(fields, count + 2);
        var varies = quality is "V" or "v";
        if (!varies && NemText.Quality(quality) is null)
        {
            return (null, DecimalText.TryParse(quality, out _)
                ? $"{date:uuuu-MM-dd} of {channel.Id} {channel.Register} has more than the {count} values of {channel.IntervalMinutes}-minute intervals: value {count + 1} stands where the quality belongs"
                : $"field {count + 3}, the quality \"{Short(quality)}\", must be A, S, F, E (with two digits for the method), N or V");
        }

        var stated = Field(fields, count + 5);
        if (stated.Length > 0 && !NemText.TryInstant(stated, out _))
        {
            return (null, $"field {count + 6}, the update time \"{Short(stated)}\", is not yyyyMMddHHmmss");
        }

        var flag = varies ? null : Flag(0, count, quality, Field(fields, count + 3), Field(fields, count + 4));
        var day = new Nem12Day(line, channel, date, values.MoveToImmutable(), flag, NemText.TryInstant(stated, out var at) ? at : null, blanks.ToImmutable());
        if (flag is { Method: null, Code: "S" or "F" or "E" })
        {
            day._defects.Add(new SourceProblem(line, $"the quality {flag.Code} names no method; it is taken as it is", false));
        }

        return (day, null);
    }

    /// <summary>Takes a 400 record; returns what is wrong with it.</summary>
    public string? AddQualities(int line, string[] fields)
    {
        _lastQualityLine = line;
        if (!_varies)
        {
            return $"a 400 record, but the 300 record of {_date:uuuu-MM-dd} does not have the quality V";
        }

        var expected = _flags.Count == 0 ? 1 : _flags[^1].First + _flags[^1].Count + 1;
        if (!int.TryParse(Field(fields, 1), NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            || !int.TryParse(Field(fields, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var last))
        {
            return $"fields 2 and 3, the first and last interval \"{Short(Field(fields, 1))}\" and \"{Short(Field(fields, 2))}\", must be numbers";
        }

        if (first != expected || last < first || last > _values.Length)
        {
            return $"intervals {first} to {last}, but the next is {expected} and the day has {_values.Length} intervals of {_channel.IntervalMinutes} minutes: 400 records cover the day without gap or overlap";
        }

        if (NemText.Quality(Field(fields, 3)) is null)
        {
            return $"field 4, the quality \"{Short(Field(fields, 3))}\", must be A, S, F, E (with two digits for the method) or N";
        }

        var flag = Flag(first - 1, last - first + 1, Field(fields, 3), Field(fields, 4), Field(fields, 5));
        if (flag.Quality != IntervalQuality.Missing && _blanks.Any(i => i >= first - 1 && i < last))
        {
            return $"interval {_blanks.First(i => i >= first - 1 && i < last) + 1} of the 300 record in line {_line} has no value, which only the quality N allows, not {flag.Code}";
        }

        _flags.Add(flag);
        return null;
    }

    /// <summary>The day's intervals, or what was missing at its end.</summary>
    public (SourceRun? Run, (int Line, string Reason)? Problem) ToRun()
    {
        var covered = _flags.Count == 0 ? 0 : _flags[^1].First + _flags[^1].Count;
        return covered == _values.Length
            ? (new SourceRun(_line, _channel, NemText.StartOf(_date), _values, [.. _flags], _statedAt), null)
            : (null, (_lastQualityLine, covered == 0
                ? $"{_date:uuuu-MM-dd} has the quality V, which needs 400 records after it"
                : $"the 400 records of {_date:uuuu-MM-dd} end at interval {covered}, the day has {_values.Length} intervals of {_channel.IntervalMinutes} minutes"));
    }

    private static SourceFlag Flag(int first, int count, string quality, string reason, string description)
    {
        var (meaning, letter, method) = NemText.Quality(quality)!.Value;
        return new SourceFlag(first, count, meaning, letter, method)
        {
            Reason = (reason, description) switch
            {
                ("", "") => null,
                (_, "") => reason,
                ("", _) => description,
                _ => $"{reason} {description}",
            },
        };
    }

    private static string NotAValue(SourceChannel channel, LocalDate date, int index, int count, string text)
    {
        var ended = NemText.Quality(text) is not null || text.Trim() is "V" or "v" || text.Trim().Length == 0;
        return ended
            ? $"{date:uuuu-MM-dd} of {channel.Id} {channel.Register} has {index} values, {channel.IntervalMinutes}-minute intervals need {count}"
            : $"field {index + 3}, interval {index + 1}, is \"{Short(text)}\": not a number that can be kept exactly";
    }

    private static string Field(string[] fields, int index) => index < fields.Length ? fields[index].Trim() : string.Empty;

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
