using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>
/// Hands the contents of a checked file to its channels, in pieces: each piece is a transaction of its own that also notes how far it came. Doing a
/// piece again changes nothing, so a delivery that was interrupted is simply done again.
/// </summary>
internal sealed class ImportDelivery(NpgsqlDataSource database, TimeProvider time, ImportRecord import, FileSurvey survey, IReadOnlyDictionary<ChannelKey, int> exponents)
{
    // Some three hundred days of five-minute intervals.
    private const int PieceIntervals = 100_000;

    private readonly Dictionary<(ChannelId Channel, Instant StatedAt, StatementKind Kind, string Meter, int Minutes), List<StatedInterval>> _intervals = [];
    private readonly List<DeliveredTotal> _totals = [];
    private readonly List<ImportedMethod> _methods = [];
    private readonly Dictionary<(ChannelId Channel, string Serial, string Unit), (Instant From, Instant To)> _meters = [];
    private int _held;
    private long _delivered;
    private long _parked;

    /// <summary>Delivers everything.</summary>
    public async Task RunAsync(IEnumerable<SourceItem> items, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        foreach (var item in items)
        {
            switch (item)
            {
                case SourceRun run when survey.Standing(run) is { } standing && Target(run.Channel) is { } target:
                    Add(standing, target.Channel, target.Exponent);
                    Note(target.Channel, run.Channel, run.MeterSerial, run.Start, run.At(run.Values.Length));
                    // A piece ends with an hour, so that no slot is cut; off the grid each interval has slots of its own.
                    if (_held >= PieceIntervals && (standing.At(standing.Values.Length).ToUnixTimeSeconds() % 3600 == 0 || standing.Start.ToUnixTimeSeconds() % 300 != 0))
                    {
                        await DeliverAsync(item.Line, progress, cancellationToken);
                    }

                    break;
                case SourceTotal total when (total.Flag.Quality != IntervalQuality.Missing || total.StatedAt is not null) && Target(total.Channel) is { } target:
                    var known = total.Flag.Quality == IntervalQuality.Missing ? 0 : Quantity(total.Channel, total.Quantity, target.Exponent);
                    _totals.Add(new DeliveredTotal(target.Channel, total.From, total.To, known, total.Flag.Quality, total.StatedAt ?? import.ReceivedAt, total.StatedAt is not null));
                    if (total.Flag.Quality != IntervalQuality.Missing)
                    {
                        Note(target.Channel, total.Channel, total.MeterSerial, total.From, total.To);
                    }

                    if (_totals.Count >= 1000)
                    {
                        await DeliverAsync(item.Line, progress, cancellationToken);
                    }

                    break;
            }
        }

        await DeliverAsync(null, progress, cancellationToken);
    }

    /// <summary>A number of the file in stored units. The file was checked: it fits and loses nothing.</summary>
    public static long Quantity(SourceChannel channel, decimal value, int exponent) =>
        decimal.ToInt64((channel.Negated && value < 0 ? -value : value) * DecimalText.PowerOfTen(channel.UnitExponent - exponent));

    private (ChannelId Channel, int Exponent)? Target(SourceChannel channel) =>
        ImportTarget.Of(channel) is { } target ? (target.Key.Id, exponents[target.Key]) : null;

    private void Add(SourceRun run, ChannelId channel, int exponent)
    {
        var stated = run.StatedAt ?? import.ReceivedAt;
        var (minutes, length) = (run.Channel.IntervalMinutes!.Value, Duration.FromMinutes(run.Channel.IntervalMinutes!.Value));
        foreach (var flag in run.Flags)
        {
            var isNull = flag.Quality == IntervalQuality.Missing;
            if (flag.IsReplaced || (isNull && run.StatedAt is null))
            {
                // Of what has no version, a missing value says nothing.
                continue;
            }

            if (!isNull && (flag.Method is not null || flag.Reason is not null))
            {
                _methods.Add(new ImportedMethod(channel, run.At(flag.First), run.At(flag.First + flag.Count), stated, flag.Quality, MethodOf(flag), flag.Reason));
            }

            var list = ListOf((channel, stated, run.StatedAt is null ? StatementKind.Receipt : isNull ? StatementKind.Withdrawal : StatementKind.Version, ImportedMeters.Storable(run.MeterSerial ?? string.Empty), minutes));
            for (var i = flag.First; i < flag.First + flag.Count; i++)
            {
                list.Add(isNull
                    ? new StatedInterval(run.At(i), length, 0, IntervalQuality.Measured)
                    : new StatedInterval(run.At(i), length, Quantity(run.Channel, run.Values[i], exponent), flag.Quality));
                _held++;
            }
        }
    }

    private List<StatedInterval> ListOf((ChannelId, Instant, StatementKind, string, int) key)
    {
        if (!_intervals.TryGetValue(key, out var list))
        {
            _intervals.Add(key, list = []);
        }

        return list;
    }

    private void Note(ChannelId channel, SourceChannel source, string? serial, Instant from, Instant to)
    {
        var key = (channel, serial ?? string.Empty, source.Unit);
        _meters[key] = _meters.TryGetValue(key, out var span) ? (Instant.Min(span.From, from), Instant.Max(span.To, to)) : (from, to);
    }

    // NEM12 says S14 in two fields; the words of others are one.
    private static string MethodOf(SourceFlag flag) => flag.Code.Length == 1 ? flag.Code + flag.Method : flag.Method ?? flag.Code;

    private async Task DeliverAsync(int? line, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        var days = new List<DeliveredDay>();
        foreach (var ((channel, statedAt, kind, meter, _), list) in _intervals)
        {
            list.Sort((a, b) => a.From.CompareTo(b.From));
            days.AddRange(GridAlignment.Days(list).Select(d => new DeliveredDay(channel, d.Day, d.Intervals, statedAt, kind, meter)));
        }

        days.Sort((a, b) => (a.Channel.Value, a.Day).CompareTo((b.Channel.Value, b.Day)));
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var ofDays = await ChannelDeliveries.DeliverAsync(connection, import.Id, days, now, cancellationToken);
        var ofTotals = await ChannelDeliveries.DeliverTotalsAsync(connection, import.Id, _totals, now, cancellationToken);
        await ImportedMethods.AddAsync(connection, import.Id, _methods, cancellationToken);
        await ImportedMeters.AddAsync(
            connection, import.Id, import.ReceivedAt, [.. _meters.Select(m => new ImportedMeter(m.Key.Channel, m.Value.From, m.Value.To, m.Key.Serial, m.Key.Unit))], cancellationToken);
        _delivered += ofDays.Statements + ofTotals.Statements;
        _parked += ofDays.Parked + ofTotals.Parked;
        await ImportStore.AdvanceAsync(connection, import.Id, _delivered, ofDays.Added + ofTotals.Added, _parked, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        _intervals.Clear();
        _totals.Clear();
        _methods.Clear();
        _meters.Clear();
        _held = 0;
        progress?.Report(new ImportProgress(line, _delivered));
    }
}

/// <summary>How far a delivery has come: up to which line (null: the end), and how many days and totals.</summary>
internal readonly record struct ImportProgress(int? Line, long Days);
