using UsageBilling.Protocols;

namespace UsageBilling.Rating.Charges;

/// <summary>The words of a usage component's lines: which period, which tier, and what the tier means.</summary>
internal sealed class UsageLabels(ChargeHead head, UsageQuantity quantity, TierMode mode, TierBasis basis)
{
    public LineLabel Of(PriceLadder ladder, int period, int tier, bool flat)
    {
        var schedule = quantity.Schedule;
        var text = schedule is null ? head.Description : $"{head.Description}, {schedule.Labels[period]}";
        var name = schedule?.Periods[period];
        var tierNumber = ladder.Tiers.Count > 1 ? tier + 1 : (int?)null;
        string? note = null;
        if (ladder.Tiers.Count > 1)
        {
            text += $", tier {tier + 1}";
            note = TierNote(ladder, tier);
        }

        var block = ladder.Tiers[tier].Block;
        if (flat)
        {
            return new LineLabel(text + " (flat)", Unit.One, head.Currency, name, tierNumber, null, note);
        }

        var symbol = Words.Units(quantity.Unit.Unit);
        return block is { } size
            ? new LineLabel(text, Unit.One, head.Currency, name, tierNumber, null, $"blocks of {Words.Number(size)} {symbol}, a block that is started counts{(note is null ? string.Empty : ", " + note)}")
            : new LineLabel(text, quantity.Unit.Unit, head.Currency, name, tierNumber, quantity.DeterminantName(name), note);
    }

    private string TierNote(PriceLadder ladder, int tier)
    {
        var symbol = Words.Units(quantity.Unit.Unit);
        var per = basis switch
        {
            TierBasis.Day => " a day",
            TierBasis.Month => " a month",
            TierBasis.Year => " a year",
            _ => string.Empty,
        };
        string End(PriceTier step) => step switch
        {
            { UpTo: { } most, UpToPerKw: { } hours } => $"{Words.Number(most)} {symbol}{per}, at most {Words.Number(hours)} {symbol}/kW",
            { UpToPerKw: { } hours } => $"{Words.Number(hours)} {symbol}/kW",
            _ => $"{Words.Number(step.UpTo!.Value)} {symbol}{per}",
        };
        var before = tier == 0 ? default : ladder.Tiers[tier - 1];
        var low = tier == 0 ? "0" : End(before);
        var from = before is { UpTo: { } units, UpToPerKw: null } ? Words.Number(units) : low;
        var range = tier < ladder.Tiers.Count - 1 ? $"from {from} to {End(ladder.Tiers[tier])}" : $"above {low}";
        return mode == TierMode.Volume ? $"the whole quantity lies {range}" : $"the part {range}";
    }
}
