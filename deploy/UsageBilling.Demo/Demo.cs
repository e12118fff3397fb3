namespace UsageBilling.Demo;

/// <summary>The demo's flow: start, provision, collect, bill, show.</summary>
internal sealed class Demo(DemoFolder folder, Ports ports) : IAsyncDisposable
{
    public Task RunAsync(bool once, CancellationToken token) => throw new DemoException($"{folder.Root} {ports} {once} {token}");

    public ValueTask DisposeAsync()
    {
        folder.Release();
        return ValueTask.CompletedTask;
    }
}
