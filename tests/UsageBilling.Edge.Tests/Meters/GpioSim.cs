namespace UsageBilling.Edge.Tests.Meters;

/// <summary>A chip of the kernel's gpio-sim with one line, made through configfs and removed again.</summary>
internal sealed class GpioSim : IAsyncDisposable
{
    private readonly string _device;

    private GpioSim(string device, string name, string pull) => (_device, Name, PullFile) = (device, name, pull);

    public string Name { get; }

    private string PullFile { get; }

    public static GpioSim Create(string configfs)
    {
        var device = Path.Combine(configfs, $"usage-{Environment.ProcessId}");
        Directory.CreateDirectory(Path.Combine(device, "bank0"));
        File.WriteAllText(Path.Combine(device, "bank0", "num_lines"), "1");
        File.WriteAllText(Path.Combine(device, "live"), "1");
        var name = File.ReadAllText(Path.Combine(device, "bank0", "chip_name")).Trim();
        var platform = File.ReadAllText(Path.Combine(device, "dev_name")).Trim();
        return new GpioSim(device, name, $"/sys/devices/platform/{platform}/{name}/sim_gpio0/pull");
    }

    public void Pull(bool up) => File.WriteAllText(PullFile, up ? "pull-up" : "pull-down");

    public ValueTask DisposeAsync()
    {
        File.WriteAllText(Path.Combine(_device, "live"), "0");
        Directory.Delete(Path.Combine(_device, "bank0"));
        Directory.Delete(_device);
        return ValueTask.CompletedTask;
    }
}
