using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>The order of day and month in dates like 05/06/2026, which say it only where one of them is above twelve.</summary>
public enum CsvDateOrder
{
    /// <summary>Day, month, year.</summary>
    DayFirst,

    /// <summary>Month, day, year.</summary>
    MonthFirst,
}

/// <summary>What a CSV file does not say about itself.</summary>
/// <param name="Id">Name of the metering point.</param>
/// <param name="Zone">Zone of stamps without an offset, and of the days that are counted; null: UTC.</param>
/// <param name="Unit">Unit of columns that name none.</param>
/// <param name="StampsAreEnds">Stamps stand at the end of their interval; null: only where the column's name says so.</param>
/// <param name="IntervalMinutes">Interval; null: the smallest distance between the first rows.</param>
/// <param name="Dates">Order of day and month; null: found in the file, which is refused where it does not show.</param>
/// <param name="Decimal">The decimal sign, '.' or ','; null: found in the file, which is refused where it does not show.</param>
/// <param name="Columns">Names of the columns whose numbers are quantities, as the header has them; null: found by their names.</param>
public sealed record CsvOptions(
    string Id, DateTimeZone? Zone = null, string Unit = "kWh", bool? StampsAreEnds = null, int? IntervalMinutes = null, CsvDateOrder? Dates = null, char? Decimal = null, IReadOnlyList<string>? Columns = null);
