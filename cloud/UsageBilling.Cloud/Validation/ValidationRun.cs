using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>How much a run did.</summary>
public readonly record struct ValidationProgress(int Channels, int Days, int Estimates)
{
    /// <summary>Both.</summary>
    public static ValidationProgress operator +(ValidationProgress a, ValidationProgress b) => new(a.Channels + b.Channels, a.Days + b.Days, a.Estimates + b.Estimates);
}

/// <summary>
/// What is to be validated: days whose intervals changed, days that new limits are put to, and days that ended without anybody sending anything. A local day is ripe some hours after its end, so that
/// what is merely late is not estimated first.
/// </summary>
internal sealed class ValidationRun(NpgsqlDataSource database, RuleSets ruleSets, TimeProvider time, ILogger<ValidationRun>? log = null) : IDisposable
{
    /// <summary>How long after a local day's end it is validated.</summary>
    public static readonly Duration Grace = Duration.FromHours(6);

    /// <summary>A channel that nobody looked at for longer is taken up from here.</summary>
    private const int MostDaysBack = 40;

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Takes up to so many due days, a transaction a call; nothing taken means that nothing is due.</summary>
    public async Task<ValidationProgress?> TakeDueAsync(int limit, CancellationToken cancellationToken)
    {
        // One after the other: whoever finds nothing due knows that nothing is being worked on here either.
        await _one.WaitAsync(cancellationToken);
        try
        {
            return await TakeAsync(limit, cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<ValidationProgress?> TakeAsync(int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var due = await DueDays.TakeAsync(connection, DueDays.Validate, limit, cancellationToken);
        if (due.Count == 0)
        {
            return await TakeAgainAsync(connection, transaction, cancellationToken);
        }

        var now = time.GetCurrentInstant();
        var days = due.GroupBy(d => d.Channel).Select(c => (c.Key, c.Select(d => d.Day).ToList(), new List<LocalDate>()));
        var done = await ValidateAsync(connection, days, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return done;
    }

    /// <summary>Days to which newly loaded limits are put: when nothing else is due.</summary>
    private async Task<ValidationProgress?> TakeAgainAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        if (await Revalidation.TakeAsync(connection, now, cancellationToken) is not { } days)
        {
            return null;
        }

        var done = await ValidateAsync(connection, days, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return done;
    }

    /// <summary>Validates the local days that lie in UTC days, and some by themselves, of channels that are locked.</summary>
    private async Task<ValidationProgress> ValidateAsync(
        NpgsqlConnection connection, IEnumerable<(ChannelId Channel, List<LocalDate> Utc, List<LocalDate> Local)> channels, Instant now, CancellationToken cancellationToken)
    {
        var all = channels.ToList();
        var terms = await MeasuredLayer.ReadTermsAsync(connection, all.Select(c => c.Channel), cancellationToken);
        var validation = new DayValidation(connection, await ruleSets.CurrentAsync(connection, cancellationToken), now);
        var done = default(ValidationProgress);
        foreach (var (channel, utc, local) in all)
        {
            var zone = DateTimeZoneProviders.Tzdb[terms[channel].Zone];
            foreach (var (first, last) in Runs(utc.SelectMany(d => LocalDaysOf(d, zone)).Concat(local).Where(d => IsRipe(d, zone, now))))
            {
                done += await ValidateAsync(connection, validation, channel, terms[channel], first, last, cancellationToken);
            }
        }

        return done;
    }

    public void Dispose() => _one.Dispose();

    /// <summary>Validates the days of every channel that gateways feed which have become ripe since its last turn.</summary>
    public async Task<ValidationProgress> SweepAsync(CancellationToken cancellationToken)
    {
        var (after, done) = (new ChannelId(Guid.Empty), default(ValidationProgress));
        while (true)
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var fed = await ValidationEvidence.ReadFedAsync(connection, after, 500, cancellationToken);
            if (fed.Count == 0)
            {
                return done;
            }

            var through = (await connection.RowsAsync(
                "SELECT channel_id, through_day FROM channel_validated WHERE channel_id = ANY($1)", r => (Id: r.GetGuid(0), Through: r.GetFieldValue<LocalDate>(1)), cancellationToken,
                (object)fed.Select(f => f.Channel.Value).ToArray())).ToDictionary(r => r.Id, r => r.Through);
            foreach (var channel in fed)
            {
                done += await SweepAsync(connection, channel, through.TryGetValue(channel.Channel.Value, out var known) ? known : null, cancellationToken);
            }

            after = fed[^1].Channel;
        }
    }

    private async Task<ValidationProgress> SweepAsync(NpgsqlConnection connection, FedChannel channel, LocalDate? through, CancellationToken cancellationToken)
    {
        var (now, zone) = (time.GetCurrentInstant(), DateTimeZoneProviders.Tzdb[channel.Zone]);
        var last = (now - Grace).InZone(zone).Date.PlusDays(-1);
        if (channel.To is { } to)
        {
            last = LocalDate.Min(last, (to - Duration.Epsilon).InZone(zone).Date);
        }

        var first = LocalDate.Max(through?.PlusDays(1) ?? channel.From.InZone(zone).Date, last.PlusDays(-MostDaysBack));
        if (first > last)
        {
            return default;
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var terms = await MeasuredLayer.LockAsync(connection, [channel.Channel], cancellationToken);
        var validation = new DayValidation(connection, await ruleSets.CurrentAsync(connection, cancellationToken), now);
        var done = await ValidateAsync(connection, validation, channel.Channel, terms[channel.Channel], first, last, cancellationToken);
        await connection.RunAsync("""
            INSERT INTO channel_validated (channel_id, through_day) VALUES ($1, $2) ON CONFLICT (channel_id) DO UPDATE SET through_day = EXCLUDED.through_day
            """, cancellationToken, channel.Channel.Value, last);
        await transaction.CommitAsync(cancellationToken);
        return done;
    }

    /// <summary>Days of one channel. What is wrong with its data is a finding of these days and stops nobody else's; for an hour they are tried again every minute.</summary>
    private async Task<ValidationProgress> ValidateAsync(
        NpgsqlConnection connection, DayValidation validation, ChannelId channel, ChannelTerms terms, LocalDate first, LocalDate last, CancellationToken cancellationToken)
    {
        await connection.RunAsync("SAVEPOINT channel", cancellationToken);
        try
        {
            var (days, estimates) = await validation.RunAsync(channel, terms, first, last, cancellationToken);
            await connection.RunAsync("RELEASE SAVEPOINT channel", cancellationToken);
            return new ValidationProgress(1, days, estimates);
        }
        catch (Exception e) when (e is ArgumentException or ArithmeticException or InvalidOperationException or FormatException or KeyNotFoundException or IndexOutOfRangeException)
        {
            log?.ChannelNotValidated(e, terms.Key.ToString(), first, last);
            await connection.RunAsync("ROLLBACK TO SAVEPOINT channel", cancellationToken);
            await validation.CannotAsync(channel, terms, first, last, e.Message, cancellationToken);
            return new ValidationProgress(1, 0, 0);
        }
    }

    /// <summary>
    /// Validates again days that could not be validated or filled, if that was found within an hour: what they lacked may have come since, or was itself in doubt only while it came.
    /// </summary>
    public async Task TryAgainAsync(CancellationToken cancellationToken)
    {
        const int MostDays = 2_000;
        await _one.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetCurrentInstant();
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var unsettled = await FindingStore.UnsettledAsync(connection, now - Duration.FromHours(1), MostDays, cancellationToken);
            await MeasuredLayer.LockAsync(connection, unsettled.Select(u => u.Channel).Distinct(), cancellationToken);
            await ValidateAsync(connection, unsettled.GroupBy(u => u.Channel).Select(c => (c.Key, new List<LocalDate>(), c.Select(u => u.Day).ToList())), now, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    private static bool IsRipe(LocalDate day, DateTimeZone zone, Instant now) => LocalDay.Of(day, zone).End + Grace <= now;

    private static IEnumerable<LocalDate> LocalDaysOf(LocalDate utcDay, DateTimeZone zone)
    {
        var last = (UtcDay.StartOf(utcDay.PlusDays(1)) - Duration.Epsilon).InZone(zone).Date;
        for (var day = UtcDay.StartOf(utcDay).InZone(zone).Date; day <= last; day = day.PlusDays(1))
        {
            yield return day;
        }
    }

    /// <summary>Days in runs of neighbours: one window serves a run. A long run is cut, so that a transaction stays short.</summary>
    private static List<(LocalDate First, LocalDate Last)> Runs(IEnumerable<LocalDate> days)
    {
        var runs = new List<(LocalDate First, LocalDate Last)>();
        foreach (var day in days.Distinct().Order())
        {
            if (runs.Count > 0 && runs[^1].Last.PlusDays(1) >= day)
            {
                runs[^1] = (runs[^1].First, day);
            }
            else
            {
                runs.Add((day, day));
            }
        }

        return runs;
    }
}
