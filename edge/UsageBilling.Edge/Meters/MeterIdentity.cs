using UsageBilling.Edge.Configuration;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters;

/// <summary>
/// Makes sure that the device which answers is the meter that the configuration names, by the template's probe and serial registers.
/// A device that does not offer them (an exception, zero or nothing) is taken at the configuration's word.
/// </summary>
internal sealed class MeterIdentity(ModbusMeterSettings settings, IModbusClient client)
{
    /// <summary>As the configured serial number: whatever the meter says.</summary>
    public const string Auto = "auto";

    private bool _probed;
    private bool _hasSerial = settings.Template.Serial is not null;

    /// <summary>The meter's serial number.</summary>
    /// <exception cref="MeterException">Another meter answers.</exception>
    public async ValueTask<string> ConfirmAsync(Func<CancellationToken, ValueTask> pause, CancellationToken cancellationToken)
    {
        var auto = settings.Serial == Auto;
        if (!settings.Verify && !auto)
        {
            return settings.Serial;
        }

        await ProbeAsync(pause, cancellationToken);
        var serial = _hasSerial ? await TextAsync(settings.Template.Serial!, pause, cancellationToken) : null;
        if (serial is null)
        {
            _hasSerial = auto && settings.Template.Serial is not null;
            return auto ? throw new MeterException("the meter does not tell its serial number; write it into the configuration instead of 'auto'") : settings.Serial;
        }

        if (auto)
        {
            return Name.IsValid(serial) ? serial : throw new MeterException($"the meter's serial number '{serial}' cannot be a name; write one into the configuration instead of 'auto'");
        }

        return Same(serial, settings.Serial)
            ? settings.Serial
            : throw new MeterException($"serial number {serial} answers where {settings.Serial} is configured; if the meter was exchanged, change the configuration")
            {
                OtherSerial = serial,
                Missed = [.. settings.Template.Registers.Select(r => new RegisterKey(settings.Manufacturer, settings.Serial, r.Obis))],
            };
    }

    private async ValueTask ProbeAsync(Func<CancellationToken, ValueTask> pause, CancellationToken cancellationToken)
    {
        if (_probed || settings.Template.Probe is not { Expected.IsEmpty: false } probe)
        {
            return;
        }

        var answer = await TextAsync(probe.Where, pause, cancellationToken);
        if (answer is not null && !probe.Expected.Any(e => answer.StartsWith(e, StringComparison.OrdinalIgnoreCase)))
        {
            throw new MeterException($"a {answer} answers where template '{settings.Template.Id}' expects {string.Join(" or ", probe.Expected)}; check unit id and template");
        }

        _probed = true;
    }

    private async ValueTask<string?> TextAsync(TemplateText where, Func<CancellationToken, ValueTask> pause, CancellationToken cancellationToken)
    {
        await pause(cancellationToken);
        ushort[] words;
        try
        {
            words = await client.ReadAsync(settings.Unit, where.Span.Table, where.Span.Address, where.Span.Count, cancellationToken);
        }
        catch (ModbusException e) when (e is { Failure: ModbusFailure.DeviceException, Code: 1 or 2 })
        {
            // The device has no such register: older firmware, or a converter in between.
            return null;
        }

        if (where.Format is null)
        {
            var characters = words.SelectMany(w => new[] { (char)(w >> 8), (char)(w & 0xFF) }).TakeWhile(c => c != '\0');
            var text = new string([.. characters]).Trim();
            return text.Length > 0 && text.All(char.IsAscii) ? text : null;
        }

        return RegisterCodec.Decode(words, where.Format, out var number) == RegisterState.Value && number > 0 ? number.ToString() : null;
    }

    // Printed numbers carry leading zeros that integer registers cannot.
    private static bool Same(string told, string configured) =>
        told == configured || told.TrimStart('0') == configured.TrimStart('0');
}
