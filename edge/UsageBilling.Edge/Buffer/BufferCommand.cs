using System.CommandLine;
using System.Text.Json;
using NodaTime.Text;
using UsageBilling.Edge.Configuration;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Buffer;

/// <summary><c>usage-gateway buffer</c>: counts what a stopped gateway's buffer holds. Exit code 1 when it cannot be opened.</summary>
public static class BufferCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The buffer's folder in a state folder.</summary>
    public static string FolderIn(string stateFolder) => Path.Combine(stateFolder, "buffer");

    /// <summary>Builds the command.</summary>
    public static Command Build()
    {
        var config = CheckCommand.ConfigOption();
        var json = new Option<bool>("--json") { Description = "print as JSON" };
        var command = new Command("buffer", "show what waits in the buffer and where its stream stands") { config, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
            var loaded = GatewayConfigurationFile.Load(parse.GetRequiredValue(config));
            return CheckCommand.Explain(loaded, error)
                ? await Run(loaded.Configuration!.Gateway, FolderIn(loaded.Configuration.StateFolder), parse.GetValue(json), output, error, cancellationToken)
                : 1;
        });
        return command;
    }

    internal static async Task<int> Run(string gateway, string folder, bool json, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(folder, "readings.db")))
        {
            await error.WriteLineAsync($"there is no buffer in {folder}".AsMemory(), cancellationToken);
            return 1;
        }

        try
        {
            // Inspecting must not open a new stream, so the fingerprint is the one that is stored.
            var options = new BufferOptions { Gateway = gateway, AdoptFingerprint = true };
            using var buffer = ReadingBuffer.Open(folder, options, new GatewayClock(TimeProvider.System, ClockTrust.Always));
            var contents = await buffer.Inspect(cancellationToken);
            await output.WriteLineAsync((json ? ToJson(contents) : ToText(contents)).AsMemory(), cancellationToken);
            return 0;
        }
        catch (IOException e)
        {
            await error.WriteLineAsync($"{e.Message}; the status topic of a running gateway shows the same figures".AsMemory(), cancellationToken);
            return 1;
        }
    }

    private static string ToJson(BufferContents c) => JsonSerializer.Serialize(
        new
        {
            stream = c.Position.Stream,
            predecessor = c.Position.Predecessor,
            sealedThrough = c.Position.SealedThrough,
            acknowledgedThrough = c.Position.AcknowledgedThrough,
            acknowledgedHash = Convert.ToHexStringLower(c.Position.AcknowledgedHash),
            oldestKept = c.OldestKept,
            keptBatches = c.KeptBatches,
            unsealedReadings = c.Position.UnsealedReadings,
            unsealedCycles = c.UnsealedCycles,
            oldestUnsealed = Text(c.OldestUnsealed),
            newestUnsealed = Text(c.NewestUnsealed),
            damagedCycles = c.DamagedCycles,
            contentBytes = c.Position.ContentBytes,
            fileBytes = c.FileBytes,
            full = c.Full,
        },
        Json);

    private static string ToText(BufferContents c) => string.Join(
        Environment.NewLine,
        $"stream            {c.Position.Stream}{(c.Position.Predecessor is { } p ? $", replaces {p}" : "")}",
        $"sealed through    {c.Position.SealedThrough}",
        $"acknowledged      {c.Position.AcknowledgedThrough}",
        $"batches kept      {c.KeptBatches}, oldest of this stream {c.OldestKept}",
        $"waiting           {c.Position.UnsealedReadings} readings in {c.UnsealedCycles} cycles{(c.UnsealedCycles > 0 ? $", {Text(c.OldestUnsealed)} to {Text(c.NewestUnsealed)}" : "")}",
        $"set apart         {c.DamagedCycles}",
        $"on disk           {c.FileBytes} bytes, {c.Position.ContentBytes} of them content{(c.Full ? "; FULL" : "")}");

    private static string? Text(NodaTime.Instant? at) => at is { } instant ? InstantPattern.General.Format(instant) : null;
}
