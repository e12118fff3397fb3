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
    private readonly ImmutableArray<RegisterRead> _billing = Plan(settings.Template, withPower: false);
    private readonly ImmutableArray<RegisterRead> _watching = Plan(settings.Template, withPower: true);
    private readonly MeterIdentity _identity = new(settings, client);
    private string? _reportedSerial;
    private string? _readSerial;

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

                watts = settings.Template.Power is { } power && request.Spans.Contains(power.Span) ? Watts(power, request.Words(words, power.Span)) : watts;
            }

            _readSerial = forBilling ? serial : _readSerial;
            return new MeterRead(readings.ToImmutable(), watts, Exchange(serial));
        }
        catch (ModbusException e)
        {
            throw new MeterException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public void Stored() => _reportedSerial = _readSerial;

    // At a boundary nothing is asked for that is not billed: on a slow line each request makes the next meter's readings later.
    private static ImmutableArray<RegisterRead> Plan(MeterTemplate template, bool withPower)
    {
        var spans = template.Registers.Select(r => r.Span);
        return RegisterPlan.Merge(withPower && template.Power is { } power ? spans.Append(power.Span) : spans, template.MaxGap, template.MaxCount);
    }

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
