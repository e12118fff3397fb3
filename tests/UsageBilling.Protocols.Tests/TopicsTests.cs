namespace UsageBilling.Protocols.Tests;

public sealed class TopicsTests
{
    private static readonly string[] Up = [Topics.Batches("g1"), Topics.Live("g1"), Topics.Status("g1"), Topics.Position("g1")];
    private static readonly string[] Down = [Topics.Ack("g1"), Topics.PositionReply("g1")];

    [Fact]
    public void Every_topic_names_its_gateway() => Assert.All([.. Up, .. Down], topic =>
    {
        Assert.True(Topics.TryParse(topic, out var gateway, out var kind));
        Assert.Equal("g1", gateway);
        Assert.Equal(topic, $"ub/v1/g1/{kind}");
    });

    [Fact]
    public void A_gateway_may_publish_what_goes_up_and_nothing_else()
    {
        Assert.All(Up, topic => Assert.True(Topics.MayPublish("g1", topic)));
        Assert.All(Down, topic => Assert.False(Topics.MayPublish("g1", topic)));
    }

    [Fact]
    public void A_gateway_may_subscribe_to_what_comes_down_and_nothing_else()
    {
        Assert.All(Down, topic => Assert.True(Topics.MaySubscribe("g1", topic)));
        Assert.All(Up, topic => Assert.False(Topics.MaySubscribe("g1", topic)));
    }

    [Theory]
    [InlineData("#")]
    [InlineData("ub/v1/#")]
    [InlineData("ub/v1/+/ack")]
    [InlineData("ub/v1/g1/#")]
    [InlineData("ub/v1/g1/+")]
    [InlineData("ub/v1/g1/commands/+/reply")]
    [InlineData("$share/x/ub/v1/g1/ack")]
    [InlineData("ub/v1/g2/ack")]
    [InlineData("ub/v1/g1/ack/")]
    [InlineData("UB/v1/g1/ack")]
    public void A_gateway_may_not_listen_to_others(string filter) => Assert.False(Topics.MaySubscribe("g1", filter));

    [Theory]
    [InlineData("ub/v1/g2/batches")]
    [InlineData("ub/v1/g1/batches/x")]
    [InlineData("ub/v2/g1/batches")]
    [InlineData("ub/v1//batches")]
    [InlineData("ub/v1/g1/")]
    [InlineData("ub/v1/g1")]
    [InlineData("$SYS/broker")]
    [InlineData("")]
    public void A_gateway_may_not_speak_for_others(string topic) => Assert.False(Topics.MayPublish("g1", topic));
}
