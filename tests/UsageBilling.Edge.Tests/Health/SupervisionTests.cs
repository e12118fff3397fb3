using Microsoft.Extensions.Time.Testing;
using UsageBilling.Edge.Health;

namespace UsageBilling.Edge.Tests.Health;

public sealed class SupervisionTests
{
    [Fact]
    public void A_loop_without_progress_is_named_until_it_moves_or_rests()
    {
        var time = new FakeTimeProvider();
        var supervision = new Supervision(time);
        var sampling = supervision.Register("sampling", TimeSpan.FromMinutes(1));
        var uplink = supervision.Register("uplink", TimeSpan.FromMinutes(3));
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["sampling"], supervision.Stalled());
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["sampling", "uplink"], supervision.Stalled());
        sampling.Progress();
        uplink.Rest();
        Assert.Empty(supervision.Stalled());
    }
}
