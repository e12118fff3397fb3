using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Imports;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Validation;

/// <summary>What data says of the device that made it, where it is not what was registered, and when.</summary>
internal static class FactEvidence
{
    /// <summary>Meters and units that a later file states otherwise than an earlier one, over what the later file delivers.</summary>
    public static async Task<List<(Interval Span, DeviceFact Fact)>> OfImportsAsync(NpgsqlConnection connection, ChannelId channel, Instant from, Instant to, CancellationToken cancellationToken)
    {
        var serials = await ImportedMeters.ReadSerialChangesAsync(connection, channel, from, to, cancellationToken);
        var units = await ImportedMeters.ReadUnitChangesAsync(connection, channel, from, to, cancellationToken);
        return [.. serials.Select(s => Fact(RuleNames.MeterSerial, s)), .. units.Select(u => Fact(RuleNames.Unit, u))];
    }

    private static (Interval, DeviceFact) Fact(string rule, ImportedChange change) => (new Interval(change.From, change.To), new DeviceFact(rule, change.Before, change.Now));
}
