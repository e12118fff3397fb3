using System.Globalization;

namespace UsageBilling.Metering.Formats;

/// <summary>The records of a NEM12 file, one after another (<see cref="Nem12Reader"/>).</summary>
internal sealed class Nem12Records() : NemRecords("NEM12", ("NEM13", "nem13"), "300", "100, 200, 300, 400, 500 and 900")
{
    private static readonly int[] Lengths = [1, 5, 10, 15, 30, 60];

    private readonly Dictionary<(string Nmi, string Suffix, string Unit, int Minutes), SourceChannel> _channels = [];
    private SourceChannel? _channel;
    private string? _serial;
    private Nem12Day? _day;
    private bool _skipping;

    // A day is whole when something else than its 400 records comes.
    protected override void Before(string? kind)
    {
        if (kind != "400" && _day is { } day)
        {
            _day = null;
            var (run, problem) = day.ToRun();
            Put(run is not null ? run with { MeterSerial = _serial } : new SourceProblem(problem!.Value.Line, problem.Value.Reason, true));
            foreach (var defect in day.Defects)
            {
                Put(defect);
            }
        }
    }

    protected override bool Take(string kind, string[] fields)
    {
        switch (kind)
        {
            case "200":
                Stream(fields);
                return true;
            case "300":
                Day(fields);
                return true;
            case "400":
                Qualities(fields);
                return true;
            case "500":
                _skipping |= !_skipping && !Require(_channel is not null, "a 500 record before any 200 record");
                return true;
            default:
                return false;
        }
    }

    private void Stream(string[] fields)
    {
        _channel = null;
        _skipping = false;
        var (nmi, suffix, unit) = (Field(fields, 1), Field(fields, 4), Field(fields, 7).ToUpperInvariant());
        if (!Require(nmi.Length > 0, "field 2, the NMI, is empty") || !Require(suffix.Length > 0, "field 5, the NMI suffix (E1, B1, …), is empty"))
        {
            _skipping = true;
            return;
        }

        if (!int.TryParse(Field(fields, 8), NumberStyles.None, CultureInfo.InvariantCulture, out var minutes) || Array.IndexOf(Lengths, minutes) < 0)
        {
            Refuse($"field 9, the interval length \"{Short(Field(fields, 8))}\", must be 5, 15 or 30 minutes (1, 10 and 60 are taken too)");
            _skipping = true;
            return;
        }

        var next = Field(fields, 9);
        if (next.Length > 0 && !NemText.TryDate(next, out _))
        {
            Defect($"field 10, the next scheduled read date \"{Short(next)}\", is not yyyyMMdd; it is left aside");
        }

        _serial = Field(fields, 6) is { Length: > 0 } serial ? serial : null;
        var key = (nmi, suffix, unit, minutes);
        if (!_channels.TryGetValue(key, out _channel))
        {
            _channel = NemChannel.Of(nmi, suffix, unit, minutes, NemChannel.Direction(suffix));
            _channels.Add(key, _channel);
        }
    }

    private void Day(string[] fields)
    {
        if (_channel is null)
        {
            if (!_skipping)
            {
                Refuse("a 300 record before any 200 record: nothing says what it measures");
                _skipping = true;
            }

            return;
        }

        if (!NemText.TryDate(Field(fields, 1), out var date))
        {
            Refuse($"field 2, the interval date \"{Short(Field(fields, 1))}\", is not yyyyMMdd");
            return;
        }

        var (day, problem) = Nem12Day.Read(Line, _channel, date, fields);
        if (problem is not null)
        {
            Refuse(problem);
            return;
        }

        _day = day;
    }

    private void Qualities(string[] fields)
    {
        if (_day is null)
        {
            // The day that it belongs to was refused: one reason is enough.
            Require(_channel is not null || _skipping, "a 400 record before any 300 record");
            return;
        }

        if (_day.AddQualities(Line, fields) is { } problem)
        {
            Refuse(problem);
            _day = null;
        }
    }
}
