using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Registers;

/// <summary>A register while it feeds a channel: [<paramref name="From"/>, <paramref name="To"/>), with the rules that turn its display into quantities.</summary>
/// <param name="Register">The register.</param>
/// <param name="From">When it began.</param>
/// <param name="To">When it ended, or null.</param>
/// <param name="StartRegister">Display at <paramref name="From"/>; null: the first point counts as the start.</param>
/// <param name="EndRegister">Display at <paramref name="To"/>; null: the last point counts as the end.</param>
/// <param name="Digits">Digits of the display, 1 to 18.</param>
/// <param name="Factor">Channel units for one count: multiplier and scale of the register over the exponent of the channel.</param>
/// <param name="MaxAdvancePerHour">Most counts an hour that a rollover may explain; null: a tenth of the display's range.</param>
/// <param name="IsExchange">Another register fed the channel before.</param>
public sealed record InstalledRegister(
    RegisterId Register,
    Instant From,
    Instant? To,
    long? StartRegister,
    long? EndRegister,
    int Digits,
    Fraction Factor,
    long? MaxAdvancePerHour,
    bool IsExchange)
{
    private static readonly long[] PowersOfTen = [.. Enumerable.Range(0, 19).Select(n => Enumerable.Repeat(10L, n).Aggregate(1L, (a, b) => a * b))];

    /// <summary>10^<see cref="Digits"/>: the display shows values below it.</summary>
    public long Modulus => ModulusOf(Digits);

    /// <summary>10^digits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 1 to 18 digits.</exception>
    public static long ModulusOf(int digits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(digits, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(digits, 18);
        return PowersOfTen[digits];
    }

    /// <summary>
    /// The points of this installation in order of instants: those read while it lasted, and the displays noted at its start and end, which win over
    /// anything read at the same instant. Points that the display cannot show are left out.
    /// </summary>
    /// <param name="sorted">Points of the register, of this installation or not.</param>
    /// <param name="fromStart">False when the points begin in the middle of the installation.</param>
    /// <param name="toEnd">False when they end in the middle of it.</param>
    public List<RegisterPoint> Select(IReadOnlyList<RegisterPoint> sorted, bool fromStart = true, bool toEnd = true)
    {
        var points = new List<RegisterPoint>(sorted.Count + 2);
        if (fromStart && StartRegister is { } start)
        {
            points.Add(new RegisterPoint(From, start, ReadingQuality.Good));
        }

        foreach (var point in sorted)
        {
            var begun = StartRegister is null ? point.At >= From : point.At > From;
            var lasting = To is not { } to || (EndRegister is null ? point.At <= to : point.At < to);
            if (begun && lasting && point.Value >= 0 && point.Value < Modulus)
            {
                points.Add(point);
            }
        }

        if (toEnd && EndRegister is { } end && To is { } at)
        {
            points.Add(new RegisterPoint(at, end, ReadingQuality.Good));
        }

        return points;
    }

    /// <summary>The segment that begins the installation, at its first point.</summary>
    public RegisterSegment FirstSegment(RegisterPoint first) =>
        new(first.At, IsExchange ? SegmentCause.Exchange : SegmentCause.Install, first.Value, 0);

    /// <summary>
    /// The segment that begins at <paramref name="point"/>, or null when the register simply went on. A display that fell has rolled over when
    /// <c>(cur − prev + 10^d) mod 10^d</c> is plausible for the time in between; otherwise it fell, and a new segment begins without an advance.
    /// </summary>
    public RegisterSegment? Next(RegisterSegment current, RegisterPoint previous, RegisterPoint point)
    {
        var before = current.Unwrap(previous.Value);
        if ((point.Quality & ReadingQuality.RegisterSet) != 0)
        {
            return new RegisterSegment(point.At, SegmentCause.Set, point.Value, before);
        }

        if (point.Value >= previous.Value)
        {
            return null;
        }

        var advance = (point.Value - previous.Value + Modulus) % Modulus;
        return IsPlausible(advance, point.At - previous.At)
            ? new RegisterSegment(point.At, SegmentCause.Rollover, point.Value, checked(before + advance))
            : new RegisterSegment(point.At, SegmentCause.Fall, point.Value, before);
    }

    private bool IsPlausible(long advance, Duration elapsed)
    {
        if (MaxAdvancePerHour is not { } limit)
        {
            return advance <= Modulus / 10;
        }

        // A started hour counts whole: a limit must not be tighter than the clock.
        var hours = (elapsed.ToInt64Nanoseconds() + NodaConstants.NanosecondsPerHour - 1) / NodaConstants.NanosecondsPerHour;
        return advance <= (Int128)limit * hours;
    }
}
