using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Formats;

/// <summary>One thing that a reader finds in a file, in the file's order.</summary>
/// <param name="Line">Line in the (decompressed) file, from 1.</param>
public abstract record SourceItem(int Line);

/// <summary>A problem of the file.</summary>
/// <param name="Line">Where.</param>
/// <param name="Reason">What is wrong there and what to do.</param>
/// <param name="Refuses">True: the file cannot be taken. False: a defect that is named and taken.</param>
public sealed record SourceProblem(int Line, string Reason, bool Refuses) : SourceItem(Line)
{
    /// <summary>Nothing is wrong, but whoever imports the file should know it.</summary>
    public static SourceProblem Note(int line, string text) => new(line, text, false) { IsNote = true };

    /// <summary>True of <see cref="Note"/>.</summary>
    public bool IsNote { get; private init; }
}

/// <summary>How a stretch of a run's values came to be.</summary>
/// <param name="First">First value, from 0.</param>
/// <param name="Count">Values.</param>
/// <param name="Quality">What it means here.</param>
/// <param name="Code">The file's own word: A, S, validated.</param>
/// <param name="Method">The number of the method that made it, where the file names one.</param>
public sealed record SourceFlag(int First, int Count, IntervalQuality Quality, string Code, string? Method = null)
{
    /// <summary>Missing because another value of the file stands in the interval; not because the source says that there is none.</summary>
    public static SourceFlag Replaced(int index) => new(index, 1, IntervalQuality.Missing, ReplacedCode);

    /// <summary>True of <see cref="Replaced"/>.</summary>
    public bool IsReplaced => Quality == IntervalQuality.Missing && Code == ReplacedCode;

    private const string ReplacedCode = "replaced";

    /// <summary>The source's reason, in its own code and words, or null.</summary>
    public string? Reason { get; init; }
}

/// <summary>Intervals of one stream, one after another.</summary>
/// <param name="Line">Line of the first.</param>
/// <param name="Channel">The stream; its <see cref="SourceChannel.IntervalMinutes"/> is the length of each.</param>
/// <param name="Start">Start of the first interval.</param>
/// <param name="Values">Exact numbers in the file's unit. A value whose flag says missing is not known.</param>
/// <param name="Flags">Cover all values, in order.</param>
/// <param name="StatedAt">When the source last changed this, where the file says so.</param>
public sealed record SourceRun(int Line, SourceChannel Channel, Instant Start, ImmutableArray<decimal> Values, ImmutableArray<SourceFlag> Flags, Instant? StatedAt) : SourceItem(Line)
{
    /// <summary>Serial number of the meter that the file names for these values, or null.</summary>
    public string? MeterSerial { get; init; }

    /// <summary>Start of value <paramref name="index"/>.</summary>
    public Instant At(int index) => Start + Duration.FromMinutes((long)index * Channel.IntervalMinutes!.Value);

    /// <summary>The flag of value <paramref name="index"/>.</summary>
    public SourceFlag FlagOf(int index)
    {
        foreach (var flag in Flags)
        {
            if (index < flag.First + flag.Count)
            {
                return flag;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(index), index, "the run has no such value");
    }
}

/// <summary>What flowed between two instants that are no interval of a grid: two reads of a register, a day, a month.</summary>
/// <param name="Line">Where.</param>
/// <param name="Channel">The stream.</param>
/// <param name="From">Start.</param>
/// <param name="To">End, after the start.</param>
/// <param name="Quantity">Exact number in the file's unit.</param>
/// <param name="Flag">How it came to be.</param>
/// <param name="StatedAt">When the source last changed this, where the file says so.</param>
public sealed record SourceTotal(int Line, SourceChannel Channel, Instant From, Instant To, decimal Quantity, SourceFlag Flag, Instant? StatedAt) : SourceItem(Line)
{
    /// <summary>Serial number of the meter that the file names for it, or null.</summary>
    public string? MeterSerial { get; init; }
}
