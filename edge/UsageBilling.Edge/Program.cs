using System.CommandLine;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Meters;
using UsageBilling.Edge.Sampling;

var root = new RootCommand("Reads meters, keeps the readings safe and forwards them to the cloud.")
{
    RunCommand.Build(),
    CheckCommand.Build(),
    ReadCommand.Build(),
    EnrollCommand.Build(),
    BufferCommand.Build(),
};
RunCommand.AddTo(root);

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
    {
        Console.Error.WriteLine(error.Message);
    }

    Console.Error.WriteLine("usage-gateway --help lists verbs and options.");
    return ExitCodes.Usage;
}

return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
