using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using UsageBilling.Edge.Simulator.Serving;
using UsageBilling.Edge.Simulator.Sites;

namespace UsageBilling.Edge.Simulator;

/// <summary><c>usage-simulator serve</c>: the site behind real sockets until Ctrl-C.</summary>
internal static class ServeCommand
{
    private const string UnixPrefix = "unix:";

    public static Command Build()
    {
        var options = new SiteOptions();
        var simulation = new Option<string?>("--simulation") { Description = "unix:PATH of the control socket that a gateway drives; without it the registers answer for now." };
        var port = new Option<int>("--modbus-port") { Description = "TCP port of Modbus; 0 takes a free one.", DefaultValueFactory = _ => 5020 };
        var bind = new Option<string>("--bind") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var command = new Command("serve", "Serve the site's meters over Modbus TCP.") { simulation, port, bind };
        options.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var control = parsed.GetValue(simulation);
            if (control is not null && (!control.StartsWith(UnixPrefix, StringComparison.Ordinal) || control.Length == UnixPrefix.Length))
            {
                Console.Error.WriteLine($"--simulation '{control}' must be unix:PATH");
                return ExitCodes.Usage;
            }

            if (!IPAddress.TryParse(parsed.GetValue(bind), out var address) || parsed.GetValue(port) is < 0 or > 65_535)
            {
                Console.Error.WriteLine("--bind must be an IP address and --modbus-port a number from 0 to 65535");
                return ExitCodes.Usage;
            }

            return options.Open(parsed) is { } site
                ? await ServeAsync(site, new IPEndPoint(address, parsed.GetValue(port)), control?[UnixPrefix.Length..], cancellation)
                : ExitCodes.BadInput;
        });
        return command;
    }

    private static async Task<int> ServeAsync(SimulatedSite site, IPEndPoint endPoint, string? simulation, CancellationToken cancellation)
    {
        try
        {
            await using var served = new ServedSite(site, endPoint, simulation, TimeProvider.System);
            Console.WriteLine($"{site.Site.Name}: {site.Meters.Length} meters, Modbus TCP on {served.EndPoint}"
                + (simulation is null ? ", serving now" : $", driven over {simulation}"));
            var stopped = new TaskCompletionSource();
            await using (cancellation.Register(stopped.SetResult))
            {
                await stopped.Task;
            }

            return ExitCodes.Ok;
        }
        catch (SocketException e)
        {
            Console.Error.WriteLine($"cannot listen on {endPoint}{(simulation is null ? "" : $" or {simulation}")}: {e.Message}");
            return ExitCodes.BadInput;
        }
    }
}
