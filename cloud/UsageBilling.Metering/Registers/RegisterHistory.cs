using System.Collections.Immutable;
using NodaTime;

namespace UsageBilling.Metering.Registers;

/// <summary>
/// Points of one installation in order of instants, with the segments that explain them: the register unwrapped since installation.
/// May begin in the middle of an installation, when it is told which segment was in force there.
/// </summary>
public sealed class RegisterHistory
{
    private readonly List<RegisterPoint> _points;
    private readonly long[] _unwrapped;
    private readonly bool[] _breaks;

    private RegisterHistory(InstalledRegister terms, List<RegisterPoint> points, long[] unwrapped, bool[] breaks, ImmutableArray<RegisterSegment> segments)
    {
        Terms = terms;
        _points = points;
        _unwrapped = unwrapped;
        _breaks = breaks;
        Segments = segments;
    }

    /// <summary>The installation.</summary>
    public InstalledRegister Terms { get; }

    /// <summary>The segments in force from the first point on, in order of instants.</summary>
    public ImmutableArray<RegisterSegment> Segments { get; }

    /// <summary>Number of points.</summary>
    public int Count => _points.Count;

    /// <summary>A point.</summary>
    public RegisterPoint this[int index] => _points[index];

    /// <summary>Derives segments in order of instants.</summary>
    /// <param name="terms">The installation.</param>
    /// <param name="sorted">The register's points in order of instants, without two of the same instant.</param>
    /// <param name="resume">The segment in force at the first of the points; null when they reach back to the installation's start.</param>
    /// <param name="toEnd">False when the points end in the middle of the installation.</param>
    public static RegisterHistory Derive(InstalledRegister terms, IReadOnlyList<RegisterPoint> sorted, RegisterSegment? resume = null, bool toEnd = true)
    {
        var points = terms.Select(sorted, resume is null, toEnd);
        var unwrapped = new long[points.Count];
        var breaks = new bool[points.Count];
        var segments = ImmutableArray.CreateBuilder<RegisterSegment>(1);
        for (var i = 0; i < points.Count; i++)
        {
            if (i == 0)
            {
                segments.Add(resume ?? terms.FirstSegment(points[0]));
            }
            else if (terms.Next(segments[^1], points[i - 1], points[i]) is { } next)
            {
                segments.Add(next);
                breaks[i] = next.BreaksAdvance;
            }

            unwrapped[i] = segments[^1].Unwrap(points[i].Value);
        }

        return new RegisterHistory(terms, points, unwrapped, breaks, segments.ToImmutable());
    }

    /// <summary>Counts since installation at a point.</summary>
    public long UnwrappedAt(int index) => _unwrapped[index];

    /// <summary>Channel units since installation at a point.</summary>
    public long ScaledAt(int index) => Terms.Factor.Scale(_unwrapped[index]);

    /// <summary>True when the advance from the point before is not known.</summary>
    public bool IsBreak(int index) => _breaks[index];

    /// <summary>Index of the last point at or before an instant, or −1.</summary>
    public int LastAtOrBefore(Instant at)
    {
        int low = 0, high = _points.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_points[middle].At <= at)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    /// <summary>
    /// Channel units since installation at any instant: exact at a point, in proportion to time between two (see <see cref="AdvanceSpan"/>), and what the
    /// nearest point says outside of them.
    /// </summary>
    public long ScaledAt(Instant at)
    {
        var index = LastAtOrBefore(at);
        return index < 0 ? 0
            : index == Count - 1 ? ScaledAt(index)
            : ScaledAt(index) + SpanTo(index + 1).AdvanceUntil(at.ToUnixTimeMilliseconds());
    }

    /// <summary>The advance from the point before <paramref name="index"/> to it.</summary>
    public AdvanceSpan SpanTo(int index) => new(
        _points[index - 1].At.ToUnixTimeMilliseconds(),
        _points[index].At.ToUnixTimeMilliseconds(),
        ScaledAt(index) - ScaledAt(index - 1),
        !_breaks[index]);
}
