using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NodaTime.Text;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Sampling.Simulation;

namespace UsageBilling.Edge.Sampling;

/// <summary><c>usage-gateway run</c>: measures, keeps and forwards until it is stopped. Exit code 1 when it cannot go on.</summary>
public static class RunCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Build()
    {
        var command = new Command("run", "measure, keep and forward readings (the default)");
        AddTo(command);
        return command;
    }

    /// <summary>Gives a command the options and the action of <c>run</c>.</summary>
    public static void AddTo(Command command)
    {
        var config = CheckCommand.ConfigOption();
        var simulation = new Option<string>("--simulation") { Description = "drive a simulated site: unix:PATH of the simulator's control socket" };
        var from = new Option<string>("--simulate-from") { Description = "first instant of a simulation, in UTC like 2026-01-01T00:00:00Z" };
        var to = new Option<string>("--simulate-to") { Description = "last instant of a simulation; without it the simulation goes on live" };
        foreach (var option in new Option[] { config, simulation, from, to })
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parse, cancellationToken) =>
        {
            var error = parse.InvocationConfiguration.Error;
            if (!TrySimulation(parse.GetValue(simulation), parse.GetValue(from), parse.GetValue(to), error, out var simulated))
            {
                return ExitCodes.Usage;
            }

            var loaded = GatewayConfigurationFile.Load(parse.GetRequiredValue(config));
            return CheckCommand.Explain(loaded, error)
                ? await RunAsync(loaded.Configuration!, simulated, parse.InvocationConfiguration.Output, error, cancellationToken)
                : ExitCodes.BadInput;
        });
    }

    private static async Task<int> RunAsync(
        GatewayConfiguration configuration, SimulationOptions? simulation, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        try
        {
            using var host = GatewayHost.Build(configuration, simulation, output);
            var loops = host.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
            await host.RunAsync(cancellationToken);
            if (loops.Find(l => l.ExecuteTask is { IsFaulted: true }) is { } failed)
            {
                await error.WriteLineAsync(failed.ExecuteTask!.Exception!.GetBaseException().Message.AsMemory(), CancellationToken.None);
                return ExitCodes.BadInput;
            }

            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(e.Message.AsMemory(), CancellationToken.None);
            return ExitCodes.BadInput;
        }
    }

    private static bool TrySimulation(string? simulation, string? from, string? to, TextWriter error, out SimulationOptions? options)
    {
        options = null;
        if (simulation is null)
        {
            if (from is null && to is null)
            {
                return true;
            }

            error.WriteLine("--simulate-from and --simulate-to belong to --simulation unix:PATH; add it");
            return false;
        }

        if (!SimulationOptions.TryPath(simulation, out var path))
        {
            error.WriteLine($"--simulation '{simulation}' must be unix:PATH, the socket that 'usage-simulator serve --simulation' names");
            return false;
        }

        var first = InstantPattern.General.Parse(from ?? "");
        var last = InstantPattern.General.Parse(to ?? "2000-01-01T00:00:00Z");
        if (!first.Success || !last.Success || (to is not null && last.Value < first.Value))
        {
            error.WriteLine("--simulate-from, and --simulate-to where given, must be instants in UTC like 2026-01-01T00:00:00Z, in this order");
            return false;
        }

        options = new SimulationOptions(path, first.Value, to is null ? null : last.Value);
        return true;
    }
}
