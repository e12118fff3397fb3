using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Meters.Pulses;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Meters;

/// <summary>
/// <c>usage-gateway read</c>: reads every Modbus meter once and prints what it said; pulse meters show the counter that the gateway last kept. Nothing is
/// stored or sent. Exit code 1 when a meter fails.
/// </summary>
public static class ReadCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Build()
    {
        var config = CheckCommand.ConfigOption();
        var json = new Option<bool>("--json") { Description = "print as JSON" };
        var command = new Command("read", "read every meter once and print the registers") { config, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var output = parse.InvocationConfiguration.Output;
            var loaded = GatewayConfigurationFile.Load(parse.GetRequiredValue(config));
            if (!CheckCommand.Explain(loaded, parse.InvocationConfiguration.Error))
            {
                return ExitCodes.BadInput;
            }

            var rows = await ReadAsync(loaded.Configuration!, cancellationToken);
            var text = parse.GetValue(json) ? JsonSerializer.Serialize(new { registers = rows }, JsonSerializerOptions.Web) : Table(rows);
            await output.WriteLineAsync(text.AsMemory(), cancellationToken);
            return rows.Any(r => r.Error is not null) ? ExitCodes.BadInput : ExitCodes.Ok;
        });
        return command;
    }

    internal static async Task<IReadOnlyList<Row>> ReadAsync(GatewayConfiguration configuration, CancellationToken cancellationToken)
    {
        await using var poller = MeterPoller.Create(configuration, [], TimeProvider.System, TimeProvider.System);
        var polls = await poller.PollAsync(forBilling: true, cancellationToken);
        var watched = await poller.PollAsync(forBilling: false, cancellationToken);
        var watts = watched.ToDictionary(w => w.Meter, w => w.Read?.Watts);
        var errors = poller.Statuses.ToDictionary(s => s.Id, s => s.Error);
        var rows = new List<Row>();
        foreach (var poll in polls)
        {
            var id = poll.Meter.Settings.Id;
            rows.AddRange(poll.Read is { } read ? read.Readings.Select(r => RowOf(id, r, watts.GetValueOrDefault(poll.Meter))) : [new Row(id, null, null, null, null, null, null, errors[id])]);
        }

        var kept = CounterSlots.Peek(PulseCounters.FileIn(configuration.StateFolder));
        foreach (var meter in configuration.Meters.OfType<PulseMeterSettings>())
        {
            rows.Add(kept?.Counters.TryGetValue(meter.Register.Id, out var state) == true
                ? RowOf(meter.Id, new Reading(meter.Register, kept.Through, meter.Value.Register(state.Pulses), meter.Value.Scale, ReadingQuality.Good), null)
                : new Row(meter.Id, meter.Register.ToString(), null, null, "not counted yet: the gateway has not run", null, null, null));
        }

        return [.. rows.OrderBy(r => r.Meter, StringComparer.Ordinal)];
    }

    /// <summary>One register of one meter.</summary>
    internal sealed record Row(string Meter, string? Register, long? Value, int? Scale, string? Shown, string? At, long? Watts, string? Error);

    private static Row RowOf(string id, Reading reading, long? watts) => new(
        id, reading.Register.ToString(), reading.Value, reading.Scale, Show(reading), reading.At.ToString("uuuu-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), watts, null);

    // Energy as people read it off the meter, in kWh.
    private static string Show(Reading reading)
    {
        var unit = reading.Register.Obis.Measurand!.Value.Unit;
        var kilo = unit != Unit.CubicMetre;
        decimal value = reading.Value;
        var exponent = reading.Scale - (kilo ? 3 : 0);
        for (var i = 0; i < Math.Abs(exponent); i++)
        {
            value = exponent < 0 ? value * 0.1m : value * 10;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value} {(kilo ? "k" : "")}{unit.Symbol}");
    }

    private static string Table(IReadOnlyList<Row> rows)
    {
        string[][] cells =
        [
            ["meter", "register", "value", "power", "at"],
            .. rows.Select(r => r.Error is null
                ? new[] { r.Meter, r.Register ?? "", r.Shown ?? "", r.Watts is { } watts ? $"{watts} W" : "", r.At ?? "" }
                : [r.Meter, "failed: " + r.Error, "", "", ""]),
        ];
        var widths = Enumerable.Range(0, 5).Select(i => cells.Where(c => !c[1].StartsWith("failed: ", StringComparison.Ordinal)).Max(c => c[i].Length)).ToArray();
        var lines = cells.Select(c => string.Join("  ", c.Select((text, i) => i is 2 or 3 ? text.PadLeft(widths[i]) : text.PadRight(widths[i]))).TrimEnd());
        return string.Join(Environment.NewLine, lines);
    }
}
