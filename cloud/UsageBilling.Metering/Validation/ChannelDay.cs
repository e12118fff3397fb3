using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Validation;

/// <summary>A channel on one local day, with what else is known: all that a rule may look at.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Day">Local day of the service point.</param>
/// <param name="Profile">Its intervals: 88, 92, 96, 100 … quarter-hours, cut from UTC days. Null for a day without instants (Apia, 2011-12-30).</param>
/// <param name="Evidence">What registers, clocks and devices said.</param>
/// <param name="History">Local days before this one, any order; days of which nothing is known are left out.</param>
public sealed record ChannelDay(ChannelId Channel, LocalDate Day, LoadProfile? Profile, DayEvidence Evidence, IReadOnlyDictionary<LocalDate, DaySummary> History)
{
    /// <summary>Number of slots.</summary>
    public int Slots => Profile?.Length ?? 0;

    /// <summary>Quantities of the slots.</summary>
    public ReadOnlySpan<long> Quantities => Profile is null ? [] : Profile.Quantities.Span;

    /// <summary>Whether a slot's quantity is evidence for rules about use: measured, or set by a person.</summary>
    public bool IsValid(int slot) => QualityOf(slot) is IntervalQuality.Measured or IntervalQuality.Edited;

    /// <summary>Quality of a slot.</summary>
    public IntervalQuality QualityOf(int slot) =>
        Profile!.Qualities.Length == 0 ? IntervalQuality.Measured : (IntervalQuality)Profile.Qualities.Span[slot];

    /// <summary>A quantity per hour of the base unit, such as 1000 W, in the channel's unit per interval.</summary>
    public decimal PerInterval(decimal perHour) => perHour * Profile!.IntervalMinutes / 60 * TenTo(-Profile.Exponent);

    /// <summary>A summary for the days that follow.</summary>
    public DaySummary Summarise()
    {
        var (sum, peak, second, valid, estimated) = (0L, 0L, 0L, true, 0);
        for (var slot = 0; slot < Slots; slot++)
        {
            sum = checked(sum + Quantities[slot]);
            if (IsValid(slot))
            {
                second = Math.Max(second, Math.Min(peak, Quantities[slot]));
                peak = Math.Max(peak, Quantities[slot]);
            }

            valid &= IsValid(slot);
            estimated += QualityOf(slot) == IntervalQuality.Estimated ? 1 : 0;
        }

        return new DaySummary(sum, peak, Profile?.IntervalMinutes ?? 0, valid, estimated) { SecondPeak = second, ZeroExplained = Evidence.ZeroReason is not null };
    }

    /// <summary>A quantity for people: <c>1.25 kWh</c> is written <c>1250 Wh</c>.</summary>
    internal string Amount(decimal quantity) =>
        FormattableString.Invariant($"{quantity * TenTo(Profile?.Exponent ?? 0):0.######} {Profile?.Measurand.Unit.Symbol}");

    internal Finding Found(string rule, ImmutableArray<SlotRange> slots, ImmutableArray<MeasuredValue> measured, decimal? limit, Verdict verdict, string words) =>
        new(rule, Channel, Day, slots, measured, limit, verdict, words);

    internal static decimal TenTo(int power)
    {
        var value = 1m;
        for (; power > 0; power--)
        {
            value *= 10;
        }

        for (; power < 0; power++)
        {
            value /= 10;
        }

        return value;
    }
}

/// <summary>What later days need to know of a day.</summary>
/// <param name="Sum">Σ of its intervals.</param>
/// <param name="Peak">Highest valid interval.</param>
/// <param name="IntervalMinutes">Interval length; 0 for a day without instants.</param>
/// <param name="Valid">Every interval is measured or edited.</param>
/// <param name="EstimatedSlots">How many intervals are estimated.</param>
public readonly record struct DaySummary(long Sum, long Peak, int IntervalMinutes, bool Valid, int EstimatedSlots)
{
    /// <summary>Second-highest valid interval.</summary>
    public long SecondPeak { get; init; }

    /// <summary>Nothing need have flowed on the day, or a part of it: see <see cref="DayEvidence.ZeroReason"/>.</summary>
    public bool ZeroExplained { get; init; }
}

/// <summary>What is known of a day apart from its intervals. Everything left out says: nothing is known, and the rule that asks passes.</summary>
public sealed record DayEvidence
{
    /// <summary>Nothing known.</summary>
    public static DayEvidence None { get; } = new();

    /// <summary>First slot of the day that is expected: the meter hung there from then on.</summary>
    public int FirstExpected { get; init; }

    /// <summary>First slot that is not expected any more; null: the day is expected to its end.</summary>
    public int? EndExpected { get; init; }

    /// <summary>Quantity of the last valid interval before the day.</summary>
    public long? LastValid { get; init; }

    /// <summary>The largest difference seen on the day, meter's or gateway's clock minus reference.</summary>
    public Duration? ClockOffset { get; init; }

    /// <summary>Slots whose readings were dated afterwards, or by a clock that nobody vouched for.</summary>
    public ImmutableArray<int> ClockUncertain { get; init; } = [];

    /// <summary>Slots of which different values were delivered, and nothing says that the later one is better.</summary>
    public ImmutableArray<int> Conflicts { get; init; } = [];

    /// <summary>Slots whose value gave way to one of lesser quality, or to none, because its source said so in a later version: the source is the editor.</summary>
    public ImmutableArray<int> GaveWay { get; init; } = [];

    /// <summary>What the register advanced from the day's first instant to its last, where both are known.</summary>
    public RegisterAdvance? Advance { get; init; }

    /// <summary>Counts of the meter's export register on the day, in channel units; null where it has none or nobody read it.</summary>
    public long? Export { get; init; }

    /// <summary>The point has a channel for export.</summary>
    public bool ExportRegistered { get; init; }

    /// <summary>Σ of the point's reactive channel, in this channel's exponent; null where there is none, or it is incomplete.</summary>
    public long? Reactive { get; init; }

    /// <summary>Displays that went down on the day.</summary>
    public ImmutableArray<RegisterDrop> Drops { get; init; } = [];

    /// <summary>Facts that must be equal.</summary>
    public ImmutableArray<DeviceFact> Facts { get; init; } = [];

    /// <summary>Slots with pulses known to be lost, or counted faster than the input allows.</summary>
    public ImmutableArray<int> PulseOverflows { get; init; } = [];

    /// <summary>Slots taken while the meter was in test mode or said that it has a fault.</summary>
    public ImmutableArray<int> TestMode { get; init; } = [];

    /// <summary>The intervals are a formula over other channels, such as a difference.</summary>
    public bool Computed { get; init; }

    /// <summary>False: no supply, no installation or a device that is out of service.</summary>
    public bool InService { get; init; } = true;

    /// <summary>Why nothing need flow in <see cref="ZeroSlots"/>: seasonal supply, outage, disconnection; null: there is no reason.</summary>
    public string? ZeroReason { get; init; }

    /// <summary>The slots that <see cref="ZeroReason"/> holds for; empty: all of the day.</summary>
    public ImmutableArray<SlotRange> ZeroSlots { get; init; } = [];

    /// <summary>Whether a slot may be zero for a reason.</summary>
    public bool MayBeZero(int slot) => ZeroReason is not null && (ZeroSlots.IsEmpty || ZeroSlots.Any(s => slot >= s.First && slot < s.End));
}

/// <summary>A register's advance over the day.</summary>
/// <param name="Quantity">In channel units.</param>
/// <param name="UnitsPerCount">Channel units of one count: the register's last digit times the multiplier.</param>
/// <param name="Parts">Advances of its time-of-use registers, in channel units; empty where it has none.</param>
public sealed record RegisterAdvance(long Quantity, Fraction UnitsPerCount, ImmutableArray<long> Parts)
{
    /// <summary>Channel units of one count of the coarsest register among the total and its parts.</summary>
    public Fraction UnitsPerPartCount { get; init; } = UnitsPerCount;
}

/// <summary>A display that went down.</summary>
/// <param name="Slot">Slot in which it was seen.</param>
/// <param name="Before">Display before.</param>
/// <param name="After">Display after.</param>
/// <param name="Digits">Digits of the display.</param>
/// <param name="Hours">Started hours between the two.</param>
/// <param name="MaxAdvancePerHour">Most counts an hour that a rollover may explain; null: a tenth of the display's range.</param>
public readonly record struct RegisterDrop(int Slot, long Before, long After, int Digits, long Hours, long? MaxAdvancePerHour);

/// <summary>A fact about the device that has to be as registered.</summary>
/// <param name="Rule">One of the rules of equality: multiplier, unit, interval-length, meter-serial.</param>
/// <param name="Registered">As registered.</param>
/// <param name="Found">As found in the data.</param>
public readonly record struct DeviceFact(string Rule, string Registered, string Found);
