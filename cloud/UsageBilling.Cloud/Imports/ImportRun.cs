using System.Text;
using System.Text.Json;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Formats;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Imports;

/// <summary>What came of an import.</summary>
/// <param name="Record">The import as it is kept.</param>
/// <param name="Report">What the file holds (<see cref="ImportReport"/>).</param>
/// <param name="Survey">The same, where the file was read just now.</param>
/// <param name="Before">True where the same file had been taken before: nothing was done.</param>
internal sealed record ImportOutcome(ImportRecord Record, string Report, FileSurvey? Survey, bool Before);

/// <summary>
/// Takes a file: reads it through and checks it against the channels it names, keeps it with its hash, and only then delivers it. A file with any refusal
/// is kept as rejected, and nothing of it is delivered. One that passes and cannot be delivered all the same has failed, with the reason. The same file read the same way is the same import.
/// </summary>
internal sealed class ImportRun(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly Guid Imports = new("7b5f0f3e-8f43-5f0a-9a52-0a4f6d1c7e20");

    /// <summary>The import of a file's bytes, read in one way.</summary>
    public static Guid IdOf(string sha256, ImportFormat read) =>
        NameBasedGuid.Create(Imports, $"{sha256}/{JsonSerializer.Serialize(read with { Name = read.Format == "csv" && read.Point is null ? read.Name : string.Empty }, ApiJson.Options)}");

    public async Task<ImportOutcome> RunAsync(RawFile file, ImportFormat read, string actor, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        var (sha256, bytes) = await ImportStore.HashAsync(file, cancellationToken);
        var id = IdOf(sha256, read);
        var known = await ImportStore.FindAsync(database, id, cancellationToken);
        // What was dropped since is taken again when the floor came down; nobody can tell how far it was down without looking.
        var dropped = known is { State: "done" } ? await Retention.DroppedBeforeAsync(database, cancellationToken) : null;
        if (known is { State: "done" } && dropped is null)
        {
            return new ImportOutcome(known, (await ImportStore.DetailsAsync(database, id, cancellationToken)).Report, null, Before: true);
        }

        var survey = FileSurvey.Of(() => read.Read(file));
        if (known is { State: "done" } && survey.Streams.All(s => s.From is not { } from || from >= dropped))
        {
            return new ImportOutcome(known, (await ImportStore.DetailsAsync(database, id, cancellationToken)).Report, null, Before: true);
        }

        var now = time.GetCurrentInstant();
        var exponents = survey.Refused ? [] : await CheckAsync(survey, now, cancellationToken);
        var report = ReportOf(survey);
        var record = new ImportRecord(
            id, read.Name, read.Format, sha256, bytes, actor, known?.ReceivedAt ?? now, survey.Refused ? "rejected" : "delivering", survey.Problems.Count + survey.MoreProblems, 0, 0, 0, survey.Refused ? now : null);
        if (known is { State: "done" } && !survey.Refused)
        {
            await ImportStore.ReopenAsync(database, id, now, cancellationToken);
        }
        else if (known is not { State: "delivering" or "done" })
        {
            await ImportStore.KeepAsync(database, record, JsonSerializer.Serialize(read, ApiJson.Options), report, file, now, cancellationToken);
        }

        if (survey.Refused && known is not { State: "delivering" })
        {
            return new ImportOutcome(record, report, survey, Before: false);
        }

        record = (await ImportStore.FindAsync(database, id, cancellationToken))!;
        report = await FinishAsync(record, survey, read, exponents, file, actor, progress, cancellationToken);
        var ended = (await ImportStore.FindAsync(database, id, cancellationToken))!;
        return new ImportOutcome(ended, report, survey, Before: known is { State: "done" } && ended.State == "done" && ended.DaysAdded == known.DaysAdded);
    }

    /// <summary>Goes on with an import whose process died: from its kept bytes, doing again what was done changes nothing.</summary>
    /// <returns>Why it failed, or null.</returns>
    public async Task<string?> ResumeAsync(Guid id, CancellationToken cancellationToken)
    {
        var record = (await ImportStore.FindAsync(database, id, cancellationToken))!;
        var read = JsonSerializer.Deserialize<ImportFormat>((await ImportStore.DetailsAsync(database, id, cancellationToken)).Options, ApiJson.Options)!;
        var file = ImportStore.Raw(database, record);
        var survey = FileSurvey.Of(() => read.Read(file));
        var exponents = survey.Refused ? [] : await CheckAsync(survey, time.GetCurrentInstant(), cancellationToken);
        await FinishAsync(record, survey, read, exponents, file, record.Actor, null, cancellationToken);
        return survey.Problems.FirstOrDefault(p => p.Refuses)?.Reason;
    }

    /// <summary>True of an error that says nothing of the file: the database or a disk is away, and trying again later may do.</summary>
    public static bool IsPassing(Exception error) => error is NpgsqlException { IsTransient: true } or IOException or TimeoutException or OperationCanceledException;

    // Delivers, or ends as failed what cannot be: it would be no better the next time. Returns the report.
    private async Task<string> FinishAsync(
        ImportRecord record, FileSurvey survey, ImportFormat read, Dictionary<ChannelKey, int> exponents, RawFile file, string actor, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            if (!survey.Refused)
            {
                await DeliverAsync(record, survey, read, exponents, file, actor, progress, cancellationToken);
                return ReportOf(survey);
            }
        }
        catch (Exception error) when (!IsPassing(error))
        {
            survey.Add(new SourceProblem(1, $"the file was read and checked, but could not be delivered: {error.Message}; what was delivered before stays, and importing the file again goes on from there", true));
        }

        var report = ReportOf(survey);
        await ImportStore.FailAsync(database, record.Id, report, survey.Problems.Count + survey.MoreProblems, time.GetCurrentInstant(), cancellationToken);
        return report;
    }

    private async Task DeliverAsync(
        ImportRecord record, FileSurvey survey, ImportFormat read, Dictionary<ChannelKey, int> exponents, RawFile file, string actor, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        await RegisterAsync(record, survey, read, exponents, actor, cancellationToken);
        await new ImportDelivery(database, time, record, survey, exponents).RunAsync(read.Read(file), progress, cancellationToken);
        await ImportStore.FinishAsync(database, record.Id, time.GetCurrentInstant(), cancellationToken);
    }

    /// <summary>What importing the file would do, as far as the database knows; nothing is written.</summary>
    public async Task<FileSurvey> TryAsync(RawFile file, ImportFormat read, CancellationToken cancellationToken)
    {
        var survey = FileSurvey.Of(() => read.Read(file));
        if (!survey.Refused)
        {
            await CheckAsync(survey, time.GetCurrentInstant(), cancellationToken);
        }

        return survey;
    }

    // What only the database knows: who feeds the channels, and in which unit they count.
    private async Task<Dictionary<ChannelKey, int>> CheckAsync(FileSurvey survey, Instant now, CancellationToken cancellationToken)
    {
        var channels = survey.Streams.Select(stream => ImportTarget.Of(stream.Channel)?.Key.Id).OfType<ChannelId>().Distinct().ToArray();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return ImportChecks.Check(survey, await MeasuredLayer.ReadTermsAsync(connection, channels, cancellationToken), now);
    }

    private async Task RegisterAsync(ImportRecord record, FileSurvey survey, ImportFormat read, Dictionary<ChannelKey, int> exponents, string actor, CancellationToken cancellationToken)
    {
        var now = time.GetCurrentInstant();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var known = await MeasuredLayer.ReadTermsAsync(connection, [.. exponents.Keys.Select(k => k.Id)], cancellationToken);
        var made = new List<AuditEntry>();
        foreach (var stream in survey.Streams)
        {
            if (ImportTarget.Of(stream.Channel) is { } target && !known.ContainsKey(target.Key.Id) && made.TrueForAll(m => m.Entity != $"channel:{target.Key}"))
            {
                var zone = read.Zone ?? (await SiteSearch.FindAsync(database, target.Key.Point, cancellationToken))?.ServicePoint.Zone ?? ImportChecks.ZoneOf(stream.Channel.Zone);
                var registration = new ChannelRegistration(target.Key, exponents[target.Key], zone, ChannelFeed.Deliveries);
                await RegisterAdministration.RegisterAsync(connection, registration, now, cancellationToken);
                made.Add(new AuditEntry(actor, "register-channel", $"channel:{target.Key}", null, new { registration.Exponent, registration.Zone, import = record.Id }));
            }
        }

        made.Add(new AuditEntry(actor, "import", $"import:{record.Id}", null, new { record.FileName, record.Format, record.Sha256, record.Bytes }));
        await AuditLog.WriteAsync(connection, now, made, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static string ReportOf(FileSurvey survey)
    {
        using var stream = new MemoryStream();
        ImportReport.WriteJson(stream, survey);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
