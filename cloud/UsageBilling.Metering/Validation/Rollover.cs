using UsageBilling.Metering.Registers;

namespace UsageBilling.Metering.Validation;

/// <summary>
/// A display that went down: (cur − prev + 10^dials) mod 10^dials is what flowed when that is plausible, which is noted; otherwise the register fell, what
/// flowed is not known, and the day fails. 8 dials from 99999678 to 00000123 are 445.
/// </summary>
public static class Rollover
{
    /// <summary>What a display advanced by that passed its highest value once, or not at all.</summary>
    public static long Advance(long before, long after, int digits)
    {
        var modulus = InstalledRegister.ModulusOf(digits);
        return (after - before + modulus) % modulus;
    }

    /// <summary>Looks at <see cref="DayEvidence.Drops"/>.</summary>
    public static Finding? Check(ChannelDay day, Thresholds limits)
    {
        var drops = day.Evidence.Drops;
        if (drops.IsEmpty)
        {
            return null;
        }

        var worst = drops.FirstOrDefault(d => !IsPlausible(d), drops[0]);
        var plausible = IsPlausible(worst);
        var (advance, limit) = (Advance(worst.Before, worst.After, worst.Digits), LimitOf(worst));
        return day.Found(
            RuleNames.Rollover,
            SlotRange.Where(day.Slots, slot => drops.Any(d => d.Slot == slot)),
            [new("before", worst.Before), new("after", worst.After), new("advance", advance)],
            limit,
            plausible ? Verdict.Note : Verdict.Fail,
            plausible
                ? $"the display of {worst.Digits} digits passed its highest value: from {worst.Before} to {worst.After} are {advance} counts"
                : $"the display fell from {worst.Before} to {worst.After}; a rollover would be {advance} counts and {limit:0} are plausible, so what flowed is not known");
    }

    private static bool IsPlausible(RegisterDrop drop) => Advance(drop.Before, drop.After, drop.Digits) <= LimitOf(drop);

    private static decimal LimitOf(RegisterDrop drop) =>
        drop.MaxAdvancePerHour is { } limit ? (decimal)limit * drop.Hours : InstalledRegister.ModulusOf(drop.Digits) / 10;
}
