using System.CommandLine;
using UsageBilling.Edge.Configuration;

var root = new RootCommand("Reads meters, keeps the readings safe and forwards them to the cloud")
{
    CheckCommand.Build(),
};
return await root.Parse(args).InvokeAsync();
