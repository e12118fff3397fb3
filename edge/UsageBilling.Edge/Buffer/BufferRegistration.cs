using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Buffer;

/// <summary>Registers buffer and key.</summary>
public static class BufferRegistration
{
    /// <summary>Adds the buffer in the state folder and the gateway's key; both are opened when the host starts and closed when it ends.</summary>
    public static void AddReadingBuffer(this IHostApplicationBuilder builder, string stateFolder, BufferOptions options)
    {
        builder.Services.AddSingleton(_ => GatewayKeys.Load(stateFolder));
        builder.Services.AddSingleton(services => ReadingBuffer.Open(
            BufferCommand.FolderIn(stateFolder), options, services.GetRequiredService<GatewayClock>(), services.GetRequiredService<ILogger<ReadingBuffer>>()));
    }
}
