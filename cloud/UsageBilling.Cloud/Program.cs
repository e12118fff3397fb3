using System.CommandLine;
using UsageBilling.Cloud;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Exports;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Imports;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.Verification;
using UsageBilling.Cloud.SignIn;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Cloud.Validation;

var root = new RootCommand("Usage Billing: from meter readings to invoices. Without a verb: serve.")
{
    ServeCommand.Build(),
    MigrateCommand.Build(),
    EnrollCommand.Build(),
    ProvisionCommand.Build(),
    RuleSetCommand.Build(),
    PricesCommand.Build(),
    BillCommand.Build(),
    VerifyCommand.Build(),
    ReplayCommand.Build(),
    ReplayCommand.BuildRetention(),
    RateCommand.Build(),
    ImportCommand.Build(),
    ExportCommand.Build(),
    TokenCommand.Build(),
    UserCommand.Build(),
};

// `usage-cloud --http-port 80` means serve.
string[] line = args is [] || (args[0].StartsWith('-') && args[0] is not ("-h" or "-?" or "--help" or "--version")) ? ["serve", .. args] : args;
var parsed = root.Parse(line);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
    {
        Console.Error.WriteLine(error.Message);
    }

    Console.Error.WriteLine("usage-cloud --help lists verbs and options.");
    return ExitCodes.Usage;
}

try
{
    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,
        ProcessTerminationTimeout = TimeSpan.FromMinutes(1),
    });
}
catch (SettingsException e)
{
    Console.Error.WriteLine(e.Message);
    return ExitCodes.Usage;
}
catch (DatabaseUnavailableException e)
{
    Console.Error.WriteLine(e.Message);
    return ExitCodes.BadInput;
}
