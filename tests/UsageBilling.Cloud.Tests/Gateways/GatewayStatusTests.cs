using System.Text.Json;
using UsageBilling.Cloud.Gateways;

namespace UsageBilling.Cloud.Tests.Gateways;

/// <summary>What the cloud reads of a gateway's status, which comes from outside.</summary>
public sealed class GatewayStatusTests
{
    [Theory]
    [InlineData("""{"clock":"trusted","clockOffsetSeconds":-312.4}""", "-312.4")]
    [InlineData("""{"clock":"trusted"}""", null)]
    [InlineData("""{"clock":"trusted","clockOffsetSeconds":"soon"}""", null)]
    [InlineData("""{"clock":"trusted","clockOffsetSeconds":1e99}""", null)]
    public void The_offset_of_its_clock_is_read_where_it_is_a_number(string status, string? offset)
    {
        using var document = JsonDocument.Parse(status);
        var read = GatewayStatusDocument.Read(document.RootElement);
        Assert.Equal(("trusted", offset), (read.Clock, read.ClockOffsetSeconds?.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }
}
