using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Estimation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>What can be done about a finding, by name: for the API, in bulk, and for the page.</summary>
internal sealed class FindingActions(NpgsqlDataSource database, FindingDecisions decisions, GatewayReplays replays)
{
    public Task<FindingResult> RunAsync(
        string action, FindingKey key, string actor, string reason, int? revision, EstimationMethod? method, IntervalEdit? edit, CancellationToken cancellationToken) => action switch
        {
            "accept" => decisions.AcceptAsync(key, actor, reason, revision, cancellationToken),
            "estimate" => decisions.EstimateAsync(key, actor, reason, revision, method, cancellationToken),
            "edit" => decisions.EditAsync(key, actor, reason, revision, edit!, cancellationToken),
            "replay" => ReplayAsync(key, actor, reason, cancellationToken),
            _ => throw new ArgumentOutOfRangeException(nameof(action), action, "no such action"),
        };

    /// <summary>
    /// Asks the gateway that read the channel's registers to send again what it keeps around the day. The finding stays as it is: what comes is validated, and closes it
    /// or does not.
    /// </summary>
    private async Task<FindingResult> ReplayAsync(FindingKey key, string actor, string reason, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var channel = new ChannelId(key.Channel);
        if (!(await MeasuredLayer.ReadTermsAsync(connection, [channel], cancellationToken)).TryGetValue(channel, out var terms))
        {
            return new FindingResult(FindingOutcome.NotFound, $"there is no channel {key.Channel}");
        }

        var span = LocalDay.Of(key.Day, DateTimeZoneProviders.Tzdb[terms.Zone]);
        var registers = await ValidationEvidence.ReadFeedingAsync(connection, channel, span.Start, span.End, cancellationToken);
        var asked = 0;
        foreach (var register in registers)
        {
            asked += await replays.AskAsync(register.Register, span.Start, span.End, actor, reason, cancellationToken);
        }

        return asked > 0
            ? new FindingResult(FindingOutcome.Done, $"{asked} streams are asked to send again")
            : new FindingResult(FindingOutcome.NotPossible, "no gateway ever sent readings of this channel's registers, so none can send them again");
    }
}
