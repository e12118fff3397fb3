using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Edge.Health;
using UsageBilling.Edge.Tests.Buffer;
using UsageBilling.Edge.Uplink;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>A gateway's buffer, key and uplink against a scripted cloud, with short times.</summary>
internal sealed class UplinkFixture : IAsyncDisposable
{
    private readonly string _state = Directory.CreateTempSubdirectory("ub-uplink-").FullName;
    private readonly ILoggerFactory _logging;
    private UplinkService? _uplink;

    public UplinkFixture(ITestOutputHelper output)
    {
        _logging = LoggerFactory.Create(l => l.SetMinimumLevel(LogLevel.Debug).AddProvider(new OutputLogging(output, () => Failures++)));
        GatewayKeys.MakeOrKeep(GatewayKeys.FileIn(_state));
        Keys = GatewayKeys.Load(_state);
        PublicKey = ECDsa.Create();
        PublicKey.ImportSubjectPublicKeyInfo(Keys.PublicKey(), out _);
        Store = new BufferFixture();
        Options = new UplinkOptions
        {
            Gateway = "gw-1",
            Host = "127.0.0.1",
            ResendAfter = TimeSpan.FromMilliseconds(200),
            ReconnectFrom = TimeSpan.FromMilliseconds(10),
            ReconnectAtMost = TimeSpan.FromMilliseconds(100),
        };
    }

    public BufferFixture Store { get; }

    public GatewayKeys Keys { get; }

    public ECDsa PublicKey { get; }

    public UplinkOptions Options { get; set; }

    public LiveFeed Live { get; } = new();

    /// <summary>Sessions that failed.</summary>
    public int Failures { get; private set; }

    public string StateFolder => _state;

    public ReadingBuffer Buffer => Store.Buffer;

    /// <summary>What the gateway's own sealing uses.</summary>
    public SealTerms Terms => new(Keys.Sign);

    public Task<ScriptedCloud> Cloud() => ScriptedCloud.Start("gw-1", PublicKey);

    public async Task Connect(ScriptedCloud cloud)
    {
        await Disconnect();
        Options = Options with { Port = cloud.Port };
        var supervision = new Supervision(TimeProvider.System);
        _uplink = new UplinkService(Options, Buffer, Store.Clock, Keys, new StatusBoard(Buffer, Store.Clock, supervision), Live, supervision, _logging.CreateLogger<UplinkService>());
        await _uplink.StartAsync(CancellationToken.None);
    }

    public async Task Disconnect()
    {
        if (_uplink is not null)
        {
            await _uplink.StopAsync(CancellationToken.None);
            _uplink.Dispose();
            _uplink = null;
        }
    }

    /// <summary>Stores readings and waits until the cloud has committed all of them and the gateway knows.</summary>
    public async Task<List<Reading>> StoreAndSettle(ScriptedCloud cloud, int cycles)
    {
        var stored = await Store.StoreCycles(cycles);
        await Settle(cloud, stored);
        return stored;
    }

    public Task Settle(ScriptedCloud cloud, IEnumerable<Reading> readings) => Until.True(
        () => Buffer.Position is { UnsealedReadings: 0 } p && p.AcknowledgedThrough == p.SealedThrough && readings.All(cloud.Readings().Contains),
        () => $"{Buffer.Position}; the cloud has {cloud.Readings().Count} readings");

    public async ValueTask DisposeAsync()
    {
        await Disconnect();
        Store.Dispose();
        Keys.Dispose();
        PublicKey.Dispose();
        _logging.Dispose();
        Directory.Delete(_state, recursive: true);
    }

    private sealed class OutputLogging(ITestOutputHelper output, Action failed) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name == "SessionFailed")
            {
                failed();
            }

            try
            {
                output.WriteLine($"{logLevel}: {formatter(state, exception)} {exception?.Message}");
            }
            catch (InvalidOperationException)
            {
                // The test is over.
            }
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>Waits for a condition, at most ten seconds.</summary>
internal static class Until
{
    public static Task True(Func<bool> condition, Func<string>? state = null) => True(() => Task.FromResult(condition()), state);

    public static async Task True(Func<Task<bool>> condition, Func<string>? state = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!await condition())
        {
            try
            {
                await timer.WaitForNextTickAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"the condition did not come true: {state?.Invoke()}");
            }
        }
    }
}
