using System.CommandLine;
using System.Globalization;
using UsageBilling.Demo;

var once = new Option<bool>("--once") { Description = "do everything once, verify, and end with exit code 0" };
var state = new Option<string>("--state") { Description = "folder of everything that the demo keeps", DefaultValueFactory = _ => ".demo" };
var http = new Option<int>("--http-port") { Description = "port of the pages; the next free one from there", DefaultValueFactory = _ => 8080 };
var mqtt = new Option<int>("--mqtt-port") { Description = "port of the broker; the next free one from there", DefaultValueFactory = _ => 1883 };
var modbus = new Option<int>("--modbus-port") { Description = "port of the simulated meters; the next free one from there", DefaultValueFactory = _ => 5020 };
foreach (var port in new[] { http, mqtt, modbus })
{
    port.Validators.Add(result =>
    {
        if (result.Tokens is [var given] && (!int.TryParse(given.Value, CultureInfo.InvariantCulture, out var value) || value is < 1 or > 65535))
        {
            result.AddError($"{port.Name} is a number from 1 to 65535, not {given.Value}.");
        }
    });
}

var root = new RootCommand("From meter to invoice on this machine") { once, state, http, mqtt, modbus };
root.SetAction(async (parsed, cancellation) =>
{
    try
    {
        using var folder = new DemoFolder(parsed.GetRequiredValue(state));
        await using var demo = new Demo(folder, folder.KeepPorts(() => Ports.Choose(parsed.GetValue(http), parsed.GetValue(mqtt), parsed.GetValue(modbus))));
        await demo.RunAsync(parsed.GetValue(once), cancellation);
        return 0;
    }
    catch (DemoException e)
    {
        await Console.Error.WriteLineAsync($"\ndemo: {e.Message}");
        return 1;
    }
    catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
    {
        Console.WriteLine("\nstopped; run it again to go on from here");
        return parsed.GetValue(once) ? 1 : 0;
    }
});
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });
