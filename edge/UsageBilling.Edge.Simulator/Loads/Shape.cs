namespace UsageBilling.Edge.Simulator.Loads;

/// <summary>How a load is spread over day, week and year, as relative weights; integers only, so that every machine computes the same.</summary>
public sealed class Shape
{
    private const int SlotsOfYear = 35_064;

    private readonly int[] weekday;
    private readonly int[] saturday;
    private readonly int[] sunday;
    private readonly int[] months;
    private readonly long hoursTotal;
    private readonly long monthsTotal;

    /// <summary>Makes a shape out of 24 hourly weights for each kind of day and 12 monthly weights.</summary>
    public Shape(int[] weekday, int[] saturday, int[] sunday, int[] months)
    {
        (this.weekday, this.saturday, this.sunday, this.months) = (weekday, saturday, sunday, months);
        hoursTotal = (5L * weekday.Sum()) + saturday.Sum() + sunday.Sum();
        monthsTotal = months.Sum();
    }

    /// <summary>The expected flow of a slot, for a flow of <paramref name="yearly"/> in a year.</summary>
    public long Expected(long yearly, in Slot slot)
    {
        var day = slot.Date.DayOfWeek switch
        {
            NodaTime.IsoDayOfWeek.Saturday => saturday,
            NodaTime.IsoDayOfWeek.Sunday => sunday,
            _ => weekday,
        };
        var (hour, quarter) = Math.DivRem(slot.LocalQuarter, 4);
        var ofDay = (day[hour] * (4 - quarter)) + (day[(hour + 1) % 24] * quarter);

        // Weights hold in the middle of a month and go over in straight lines.
        var (month, dayOfMonth) = (slot.Date.Month - 1, slot.Date.Day);
        var next = (month + (dayOfMonth >= 15 ? 1 : 11)) % 12;
        var away = Math.Abs(dayOfMonth - 15);
        var ofYear = (months[month] * (30 - away)) + (months[next] * away);

        return (long)((Int128)yearly * ofDay * ofYear * (168 * 12) / ((Int128)SlotsOfYear * 4 * 30 * hoursTotal * monthsTotal));
    }
}
