using UsageBilling.Protocols;
using UsageBilling.Rating.Determinants;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Charges;

/// <summary>
/// Net metering: in each time-of-use period export is taken off import; what is left over is kept in kWh for the same
/// period of later bills. Where a period does not occur in the new season, its credit moves to the period that takes its
/// hours. Beside it runs the excess of the whole account, which a <see cref="TrueUpCharge"/> may pay out.
/// State: <c>credit-kwh:component:period</c>, <c>excess-kwh:component</c>.
/// </summary>
internal sealed class NetMetering(string component, StreamBinder binder, Schedule? schedule)
{
    private readonly StreamRef _export = binder.Bind(new StreamSpec(new Measurand(Quantity.ActiveEnergy, Direction.Export), 0, false), schedule);

    public static string ExcessKey(string component) => $"excess-kwh:{component}";

    public static string CreditPrefix(string component) => $"credit-kwh:{component}:";

    public void Measure(SegmentRun segment, StreamResult import, StreamRef importRef, BilledUnit unit, Span<decimal> quantities)
    {
        var export = segment.Stream(_export, optional: true);
        var credits = new decimal[quantities.Length];
        for (var period = 0; period < credits.Length; period++)
        {
            if (segment.Run.State[Key(period)] is var kept and not 0m)
            {
                credits[Home(segment, import, importRef, period)] += kept;
            }
        }

        var total = 0m;
        var state = segment.Run.State;
        for (var period = 0; period < quantities.Length; period++)
        {
            var net = unit.From(import.Sum(importRef, period), import.Exponent);
            if (export is not null)
            {
                net -= unit.From(export.Sum(_export, period), export.Exponent);
            }

            total += net;
            quantities[period] = Math.Max(0m, net - credits[period]);
            state = state.With(Key(period), Math.Max(0m, credits[period] - net));
        }

        segment.Run.State = state.With(ExcessKey(component), Math.Max(0m, state[ExcessKey(component)] - total));
    }

    private string Key(int period) => CreditPrefix(component) + (schedule is null ? "all" : schedule.Periods[period]);

    private int Home(SegmentRun segment, StreamResult import, StreamRef importRef, int period) =>
        schedule is null || import.Occurs(importRef, period)
            ? period
            : schedule.SuccessorOf(period, segment.Tariff.Calendar.SeasonOf(segment.From));
}
