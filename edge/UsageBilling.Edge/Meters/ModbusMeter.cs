using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Modbus;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Meters;

/// <summary>
/// A meter read over Modbus by its template, with as few requests as the template's limits allow. Before readings that will be billed it
/// makes sure that the meter is the one it is taken for, because readings under another meter's name are worse than none.
/// </summary>
public sealed class ModbusMeter(ModbusMeterSettings settings, IModbusClient client, TimeProvider time) : IMeter
{
    private readonly ImmutableArray<RegisterRead> _billing = Plan(settings.Template, settings.Template.Faults.Select(f => f.Span));
    private readonly ImmutableArray<RegisterRead> _watching = Plan(settings.Template, settings.Template.Power is { } power ? [power.Span] : []);
    private readonly MeterIdentity _identity = new(settings, client);
    private string? _reportedSerial;
    private string? _readSerial;
    private string _reportedFaults = "";
    private string _readFaults = "";

    /// <inheritdoc/>
    public MeterSettings Settings => settings;

    /// <inheritdoc/>
    public async ValueTask<MeterRead> ReadAsync(bool forBilling, CancellationToken cancellationToken)
    {
        try
        {
            var serial = forBilling ? await _identity.ConfirmAsync(PauseAsync, cancellationToken) : _readSerial ?? settings.Serial;
            if (serial == MeterIdentity.Auto)
            {
                return new MeterRead([], await ReadPowerAsync(cancellationToken), []);
            }

            var readings = ImmutableArray.CreateBuilder<Reading>(settings.Template.Registers.Length);
            var faults = new List<string>();
            long? watts = null;
            foreach (var request in forBilling ? _billing : _watching)
            {
                await PauseAsync(cancellationToken);
                var words = await client.ReadAsync(settings.Unit, request.Table, request.Address, request.Count, cancellationToken);
                var at = Now();
                foreach (var register in settings.Template.Registers.Where(r => request.Spans.Contains(r.Span)))
                {
                    Decode(register, request.Words(words, register.Span), serial, at, readings);
                }

                faults.AddRange(settings.Template.Faults.Where(f => forBilling && request.Spans.Contains(f.Span) && (request.Words(words, f.Span)[0] & f.Mask) != 0).Select(f => f.Means));
                watts = settings.Template.Power is { } power && request.Spans.Contains(power.Span) ? Watts(power, request.Words(words, power.Span)) : watts;
            }

            if (!forBilling)
            {
                return new MeterRead(readings.ToImmutable(), watts, Exchange(serial));
            }

            (_readSerial, _readFaults) = (serial, string.Join(", ", faults));
            return new MeterRead([.. readings.Select(r => faults.Count == 0 ? r : r with { Quality = r.Quality | ReadingQuality.MeterFault })], watts, [.. Exchange(serial), .. Faults()]);
        }
        catch (ModbusException e)
        {
            throw new MeterException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public void Stored() => (_reportedSerial, _reportedFaults) = (_readSerial, _readFaults);

    // At a boundary nothing is asked for that is not billed, or says whether it may be: on a slow line each request makes the next meter's readings later.
    private static ImmutableArray<RegisterRead> Plan(MeterTemplate template, IEnumerable<RegisterSpan> more) =>
        RegisterPlan.Merge(template.Registers.Select(r => r.Span).Concat(more).Distinct(), template.MaxGap, template.MaxCount);

    // A register that the meter does not have is left out: a meter without export is no broken meter.
    private void Decode(TemplateRegister register, ReadOnlySpan<ushort> words, string serial, Instant at, ImmutableArray<Reading>.Builder into)
    {
        switch (RegisterCodec.Decode(words, register.Format, out var value))
        {
            case RegisterState.Value when value >= 0:
                into.Add(new Reading(new RegisterKey(settings.Manufacturer, serial, register.Obis), at, value, register.Scale, ReadingQuality.Good));
                break;
            case RegisterState.NotAvailable:
                break;
            default:
                throw new MeterException($"register {register.Obis} at {register.Span.Address} holds no valid value ({string.Join(' ', words.ToArray().Select(w => w.ToString("X4")))}); is '{settings.Template.Id}' the right template?");
        }
    }

    private async ValueTask<long?> ReadPowerAsync(CancellationToken cancellationToken)
    {
        if (settings.Template.Power is not { } power)
        {
            return null;
        }

        return Watts(power, await client.ReadAsync(settings.Unit, power.Span.Table, power.Span.Address, power.Span.Count, cancellationToken));
    }

    private static long? Watts(TemplatePower power, ReadOnlySpan<ushort> words)
    {
        if (RegisterCodec.Decode(words, power.Format, out var value) != RegisterState.Value)
        {
            return null;
        }

        var watts = (decimal)value;
        for (var scale = power.Scale; scale != 0; scale += scale < 0 ? 1 : -1)
        {
            watts = scale < 0 ? watts / 10 : watts * 10;
        }

        return (long)Math.Round(watts, MidpointRounding.AwayFromZero);
    }

    private ImmutableArray<EventNote> Exchange(string serial) =>
        settings.Serial == MeterIdentity.Auto && _reportedSerial is not null && _reportedSerial != serial
            ? [new EventNote(Now(), "meter-exchanged", null, $"meter {settings.Id}: serial number {serial} instead of {_reportedSerial}")]
            : [];

    private ImmutableArray<EventNote> Faults() => _readFaults == _reportedFaults
        ? []
        : [new EventNote(Now(), "meter-fault", null, $"meter {settings.Id}: {(_readFaults.Length == 0 ? "no fault any more" : _readFaults)}")];

    private async ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        if (settings.Template.Pause > TimeSpan.Zero)
        {
            // The meter's own time, also in simulation: hence not the provider that sampling goes by.
            await Task.Delay(settings.Template.Pause, cancellationToken);
        }
    }

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());
}
