using System.Globalization;
using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Web;

/// <summary>Figures and times as pages show them.</summary>
public static class Shown
{
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;

    /// <summary>A count with thousands separated.</summary>
    public static string Count(long count) => count.ToString("#,0", English);

    /// <summary>A quantity with a fixed number of decimals.</summary>
    public static string Quantity(decimal value, int decimals) => value.ToString("#,0." + new string('0', decimals), English).Replace('-', '−');

    /// <summary>A quantity with as many decimals as it has, up to <paramref name="most"/>.</summary>
    public static string Exact(decimal value, int most = 6) => value.ToString("#,0." + new string('#', most), English).Replace('-', '−');

    /// <summary>Money without its currency.</summary>
    public static string Amount(decimal amount) => Quantity(amount, 2);

    /// <summary>A unit's symbol; nothing for what is only counted or is an amount.</summary>
    public static string Unit(Unit unit) => unit == Protocols.Unit.One ? "" : unit.Symbol;

    /// <summary>A price for a number of units; a price on an amount for a hundred is a percentage.</summary>
    public static string Price(decimal price, decimal priceBase, Unit unit) =>
        priceBase == 1 ? Exact(price) : priceBase == 100 && unit == Protocols.Unit.One ? $"{Exact(price)} %" : $"{Exact(price)} / {Exact(priceBase)}";

    /// <summary>Bytes in the unit that reads best.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1024 * 1024 => $"{Quantity(bytes / 1024m, 0)} KiB",
        < 1024L * 1024 * 1024 => $"{Quantity(bytes / 1048576m, 1)} MiB",
        _ => $"{Quantity(bytes / 1073741824m, 2)} GiB",
    };

    /// <summary>How long ago something was, or will be.</summary>
    public static string Ago(Instant at, Instant now)
    {
        var seconds = (long)(now - at).TotalSeconds;
        return seconds switch
        {
            < -60 => "in the future",
            < 2 => "just now",
            < 120 => $"{seconds} s ago",
            < 7200 => $"{seconds / 60} min ago",
            < 172_800 => $"{seconds / 3600} h ago",
            _ => $"{seconds / 86_400} days ago",
        };
    }

    /// <summary>An instant in UTC, to the second.</summary>
    public static string Utc(Instant at) => at.ToString("uuuu-MM-dd HH:mm:ss", English) + " UTC";

    /// <summary>An instant in a zone, to the minute, with the zone's abbreviation.</summary>
    public static string Local(Instant at, DateTimeZone zone) => at.InZone(zone).ToString("uuuu-MM-dd HH:mm x", English);

    /// <summary>A day.</summary>
    public static string Day(LocalDate day) => day.ToString("uuuu-MM-dd", English);

    /// <summary>A day where there is little room and the year is plain.</summary>
    public static string ShortDay(LocalDate day) => day.ToString("d MMM", English);

    /// <summary>An instant in a zone where there is little room: day and time.</summary>
    public static string ShortLocal(Instant at, DateTimeZone zone) => at.InZone(zone).ToString("d MMM HH:mm", English);

    /// <summary>A period as people say it: the month's name for a whole month, otherwise first and last day.</summary>
    public static string Period(LocalDate from, LocalDate to) =>
        from.Day == 1 && to == from.PlusMonths(1) ? from.ToString("MMMM uuuu", English) : $"{Day(from)} – {Day(to.PlusDays(-1))}";

    /// <summary>What a channel carries, in the field's words.</summary>
    public static string Channel(Measurand measurand) => measurand switch
    {
        { Quantity: Protocols.Quantity.ActiveEnergy, Direction: Direction.Export } => "Electricity export",
        { Quantity: Protocols.Quantity.ActiveEnergy } => "Electricity import",
        { Quantity: Protocols.Quantity.ReactiveEnergy, Direction: Direction.Export } => "Reactive energy export",
        { Quantity: Protocols.Quantity.ReactiveEnergy } => "Reactive energy",
        { Quantity: Protocols.Quantity.ApparentEnergy } => "Apparent energy",
        { Quantity: Protocols.Quantity.GasVolume } => "Gas",
        { Quantity: Protocols.Quantity.WaterVolume } => "Water",
        { Quantity: Protocols.Quantity.HeatEnergy } => "Heat",
        _ => $"{measurand.Quantity} {measurand.Direction.ToString().ToLowerInvariant()}",
    };
}
