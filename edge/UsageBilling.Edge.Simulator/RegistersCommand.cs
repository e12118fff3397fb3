using System.CommandLine;
using System.Text.Json;
using NodaTime.Text;

namespace UsageBilling.Edge.Simulator;

/// <summary><c>usage-simulator registers</c>: what every register shows at an instant.</summary>
internal static class RegistersCommand
{
    public static Command Build()
    {
        var options = new SiteOptions();
        var at = new Option<string>("--at") { Description = "Instant in UTC, like 2026-10-01T00:00:00Z.", Required = true };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("registers", "Print the exact value of every register at an instant.") { at, json };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            var text = parsed.GetRequiredValue(at);
            if (InstantPattern.ExtendedIso.Parse(text) is not { Success: true } instant)
            {
                Console.Error.WriteLine($"--at '{text}' must be an instant in UTC like 2026-10-01T00:00:00Z");
                return ExitCodes.Usage;
            }

            if (options.Open(parsed) is not { } site)
            {
                return ExitCodes.BadInput;
            }

            if (instant.Value < site.Site.Epoch)
            {
                Console.Error.WriteLine($"--at {text} is before the site's epoch {site.Site.Epoch}");
                return ExitCodes.BadInput;
            }

            var registers = site.At(instant.Value).Select(r => new { register = r.Register.ToString(), value = r.Value, scale = r.Scale, meter = r.Meter }).ToArray();
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new { at = InstantPattern.ExtendedIso.Format(instant.Value), site = site.Site.Name, registers }));
                return ExitCodes.Ok;
            }

            foreach (var r in registers)
            {
                Console.WriteLine($"{r.meter,-16} {r.register,-44} {r.value,15} × 10^{r.scale}");
            }

            return ExitCodes.Ok;
        });
        return command;
    }
}
