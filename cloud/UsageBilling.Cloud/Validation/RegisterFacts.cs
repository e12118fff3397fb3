using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Cloud.Metering;
using UsageBilling.Metering.Formats;
using UsageBilling.Metering.Registers;
using UsageBilling.Metering.Validation;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Validation;

/// <summary>What is not as registered with the registers that feed a channel: from readings that are parked, and from what gateways say of meters. Read once for the days to validate.</summary>
internal sealed class RegisterFacts
{
    private readonly NpgsqlConnection _connection;
    private readonly ChannelTerms _terms;
    private readonly IReadOnlyList<RegisterHistory> _histories;
    private readonly List<FeedingRegister> _feeding;
    private readonly List<ParkedSpan> _parked;
    private readonly List<(RegisterId Register, Instant At, string Serial)> _otherMeters;
    private string[]? _gateways;

    private RegisterFacts(
        NpgsqlConnection connection, ChannelTerms terms, IReadOnlyList<RegisterHistory> histories, List<FeedingRegister> feeding, List<ParkedSpan> parked, List<(RegisterId, Instant, string)> otherMeters) =>
        (_connection, _terms, _histories, _feeding, _parked, _otherMeters) = (connection, terms, histories, feeding, parked, otherMeters);

    public static async Task<RegisterFacts> ReadAsync(
        NpgsqlConnection connection, ChannelId channel, ChannelTerms terms, IReadOnlyList<RegisterHistory> histories, Instant from, Instant to, CancellationToken cancellationToken)
    {
        var feeding = await ValidationEvidence.ReadFeedingAsync(connection, channel, from, to, cancellationToken);
        var parked = await ParkedEvidence.FindAsync(
            connection, [.. feeding.Select(f => f.Key.ToString()), .. feeding.Select(f => Export(f.Key).ToString())], [ValidationEvidence.WrongScale, ValidationEvidence.UnknownRegister], from, to, cancellationToken);
        var others = await ValidationEvidence.ReadOtherMetersAsync(connection, [.. feeding.Select(f => f.Register).Distinct()], to, cancellationToken);
        return new RegisterFacts(connection, terms, histories, feeding, parked, others);
    }

    /// <summary>What is not as registered on a day.</summary>
    public async Task<List<DeviceFact>> OnAsync(Interval day, CancellationToken cancellationToken)
    {
        var facts = new List<DeviceFact>();
        var feeding = FeedingOn(day);
        foreach (var register in feeding)
        {
            if (await FoundScaleAsync(register, day, cancellationToken) is { } found && found != register.Scale)
            {
                facts.Add(new DeviceFact(RuleNames.Multiplier, Count(register.Key, register.Scale), Count(register.Key, found)));
            }

            facts.AddRange(_otherMeters.Where(m => m.Register == register.Register && Holds(m.At, register, day)).TakeLast(1)
                .Select(m => new DeviceFact(RuleNames.MeterSerial, register.Key.Serial, m.Serial)));
        }

        if (feeding.Count > 0 && !_histories.Any(h => LastRead(h, day.End) > day.Start))
        {
            facts.AddRange(await StrangersAsync(feeding, day, cancellationToken));
        }

        return facts;
    }

    /// <summary>What the export registers of the meters that feed the channel advanced by on a day, in 10^exponent of the base unit: registered and feeding nothing, or parked. Null: nobody read them.</summary>
    public async Task<long?> ExportAsync(Interval day, CancellationToken cancellationToken)
    {
        long? export = null;
        foreach (var key in FeedingOn(day).Select(f => Export(f.Key)).Distinct())
        {
            var advance = await ValidationEvidence.ReadUninstalledAdvanceAsync(_connection, key, day.Start, day.End, _terms.Exponent, cancellationToken);
            export = advance is null ? export : (export ?? 0) + advance;
        }

        return export ?? await UnregisteredExportAsync(day, cancellationToken);
    }

    /// <summary>What an export register that nobody registered advanced by; null where it is not parked, or once.</summary>
    private async Task<long?> UnregisteredExportAsync(Interval day, CancellationToken cancellationToken)
    {
        long? sum = null;
        foreach (var key in FeedingOn(day).Select(f => Export(f.Key).ToString()).Distinct())
        {
            if (!IsParked(key, ValidationEvidence.UnknownRegister, day))
            {
                continue;
            }

            var first = await ParkedAsync(key, ValidationEvidence.UnknownRegister, day, last: false, cancellationToken);
            var last = await ParkedAsync(key, ValidationEvidence.UnknownRegister, day, last: true, cancellationToken);
            if (first is [var a, ..] && last is [.., var b] && b.At > a.At && b.Scale == a.Scale && b.Value >= a.Value)
            {
                sum = (sum ?? 0) + new Fraction(1, 1).TimesPowerOfTen(a.Scale - _terms.Exponent).Scale(b.Value - a.Value);
            }
        }

        return sum;
    }

    private static RegisterKey Export(RegisterKey key) => new(key.Manufacturer, key.Serial, ObisCode.ActiveExport);

    private List<FeedingRegister> FeedingOn(Interval day) => [.. _feeding.Where(f => f.From < day.End && !(f.To <= day.Start))];

    private static Instant? LastRead(RegisterHistory history, Instant at) => history.LastAtOrBefore(at) is >= 0 and var i ? history[i].At : null;

    /// <summary>On the day that it was said, and from then on while nothing of the register was read.</summary>
    private bool Holds(Instant said, FeedingRegister register, Interval day) =>
        said >= register.From && !(said >= register.To) && said <= day.End
        && (said > day.Start || !_histories.Any(h => h.Terms.Register == register.Register && LastRead(h, day.End) > said));

    /// <summary>The scale of readings that end intervals of the day and do not fit the registered one.</summary>
    private async Task<int?> FoundScaleAsync(FeedingRegister register, Interval day, CancellationToken cancellationToken)
    {
        var (key, ends) = (register.Key.ToString(), Ends(day));
        if (!IsParked(key, ValidationEvidence.WrongScale, ends))
        {
            return null;
        }

        var readings = await ParkedAsync(key, ValidationEvidence.WrongScale, ends, last: false, cancellationToken);
        return readings.Where(r => r.Scale != register.Scale).Select(r => (int?)r.Scale).FirstOrDefault();
    }

    // The reading at the first instant of a day ends an interval of the day before.
    private static Interval Ends(Interval day) => new(day.Start + Duration.FromMilliseconds(1), day.End);

    /// <summary>
    /// Registers that nobody registered, from the gateways of the point, on a day when the registered one delivered nothing: the same quantity of another meter, or another unit of the same.
    /// What was there before the registered one fell silent is not its successor.
    /// </summary>
    private async Task<IEnumerable<DeviceFact>> StrangersAsync(List<FeedingRegister> feeding, Interval day, CancellationToken cancellationToken)
    {
        _gateways ??= await ValidationEvidence.ReadGatewaysAsync(_connection, _terms.Key.Point, cancellationToken);
        var silentSince = _histories.Max(h => LastRead(h, day.Start));
        var facts = new List<DeviceFact>();
        foreach (var span in _gateways.Length == 0 ? [] : await ParkedEvidence.FindUnknownAsync(_connection, _gateways, Ends(day).Start, day.End, cancellationToken))
        {
            if (span.FirstAt < silentSince || !RegisterKey.TryParse(span.Register, out var found))
            {
                continue;
            }

            foreach (var register in feeding.Select(f => f.Key))
            {
                if (found.Obis == register.Obis)
                {
                    facts.Add(new DeviceFact(RuleNames.MeterSerial, register.Serial, found.Manufacturer == register.Manufacturer ? found.Serial : $"{found.Manufacturer}/{found.Serial}"));
                }
                else if ((found.Manufacturer, found.Serial) == (register.Manufacturer, register.Serial) && UnitOf(found) is { } unit && UnitOf(register) is { } registered && unit != registered)
                {
                    facts.Add(new DeviceFact(RuleNames.Unit, registered, unit));
                }
            }
        }

        return facts;
    }

    private static string? UnitOf(RegisterKey register) => register.Obis.Measurand?.Unit.Symbol;

    private static string Count(RegisterKey register, int scale) => FormattableString.Invariant($"{DecimalText.PowerOfTen(scale)} {UnitOf(register)} a count");

    private bool IsParked(string register, string reason, Interval day) => _parked.Any(p => p.Register == register && p.Reason == reason && p.LastAt >= day.Start && p.FirstAt <= day.End);

    /// <summary>The readings of a parked register that a batch holds of a day, in order.</summary>
    private async Task<List<Reading>> ParkedAsync(string register, string reason, Interval day, bool last, CancellationToken cancellationToken)
    {
        var journal = await ParkedEvidence.ReadBatchAsync(_connection, register, reason, day.Start, day.End, last, cancellationToken);
        return journal is null || !BatchCodec.TryDecode(journal.Body, out var batch, out _)
            ? []
            : [.. batch.Readings.Where(r => r.Register.ToString() == register && r.At >= day.Start && r.At <= day.End).OrderBy(r => r.At)];
    }
}
