using System.Device.Gpio;
using System.Device.Gpio.Drivers;
using System.Globalization;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>
/// Chooses the driver of a GPIO chip. The library's own choice goes wrong on a Raspberry Pi 5 with Debian 13, so the order is ours:
/// libgpiod 2, libgpiod 1, and the old sysfs interface, whichever opens first.
/// </summary>
internal static class GpioDrivers
{
    private const string ChipPrefix = "gpiochip";

    /// <summary>Opens the first driver that works with the chip.</summary>
    /// <exception cref="MeterException">None does; the message has each one's reason.</exception>
    public static GpioDriver Open(string chip, out string name)
    {
        if (!chip.StartsWith(ChipPrefix, StringComparison.Ordinal)
            || !int.TryParse(chip.AsSpan(ChipPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw new MeterException($"chip '{chip}' must be named like gpiochip0 for the source gpio-controller");
        }

        (string Name, Func<GpioDriver> Make)[] drivers =
        [
#pragma warning disable SDGPIO0001 // libgpiod 2 is all that Debian 13 has; the driver is marked as experimental and is first because the others cannot work there
            ("libgpiod 2", () => new LibGpiodV2Driver(number)),
#pragma warning restore SDGPIO0001
            ("libgpiod 1", () => new LibGpiodDriver(number)),
            ("sysfs", () => new SysFsDriver()),
        ];
        var reasons = new List<string>();
        foreach (var driver in drivers)
        {
            try
            {
                var opened = driver.Make();
                name = driver.Name;
                return opened;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // Whatever this driver lacks, library, device or right, the next one may do without; all reasons are told if none does.
                reasons.Add($"{driver.Name}: {Brief(e.GetBaseException())}");
            }
        }

        throw new MeterException($"no GPIO driver works with {chip} ({string.Join("; ", reasons)})");
    }

    // The loader's message lists every path it tried, pages of it.
    private static string Brief(Exception e) => e is DllNotFoundException ? "its library is not installed" : e.Message.Split('\n')[0];
}
