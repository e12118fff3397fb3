using System.CommandLine;
using UsageBilling.Edge.Simulator;

var root = new RootCommand("A simulated site of meters behind real sockets: Modbus TCP for anyone, pulse edges for a gateway in simulation.")
{
    ServeCommand.Build(),
    RegistersCommand.Build(),
};

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
    {
        Console.Error.WriteLine(error.Message);
    }

    Console.Error.WriteLine("usage-simulator --help lists verbs and options.");
    return ExitCodes.Usage;
}

return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
