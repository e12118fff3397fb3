using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>The cloud asks for kept batches once more.</summary>
public sealed class ReplayTests(ITestOutputHelper output)
{
    private const string Gateway = "gw-1";

    [Fact]
    public async Task Acknowledged_batches_travel_again_byte_for_byte_when_the_cloud_asks_and_the_answer_says_how_many()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        for (var i = 0; i < 5; i++)
        {
            await gateway.StoreAndSettle(cloud, 1);
        }

        var first = cloud.Arrivals.Select(a => Convert.ToHexString(a.Signed.Body.Span)).Distinct().ToArray();
        var before = cloud.Arrivals.Count;
        await cloud.Ask(new ReplayRequest { Stream = BatchCodec.Bytes(gateway.Buffer.Position.Stream), From = 2, Through = 4 }, [1, 2, 3, 4]);
        var (reply, correlation) = await Reply(cloud);
        Assert.Equal((3ul, 1ul, ""), (reply.Sent, reply.OldestKept, reply.Reason));
        Assert.Equal([1, 2, 3, 4], correlation);
        var again = cloud.Arrivals.Skip(before).Select(a => Convert.ToHexString(a.Signed.Body.Span)).ToArray();
        Assert.Equal(first[1..4], again);

        // Nothing waits for them: what is live goes on.
        await gateway.StoreAndSettle(cloud, 1);
    }

    [Fact]
    public async Task A_request_repeated_while_it_was_worked_on_is_answered_again_but_not_sent_again()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 1);
        await gateway.StoreAndSettle(cloud, 1);
        var before = cloud.Arrivals.Count;
        var request = new ReplayRequest { Stream = BatchCodec.Bytes(gateway.Buffer.Position.Stream), From = 1, Through = 2 };
        await cloud.Ask(request, [1]);
        await cloud.Ask(request, [1]);
        Assert.Equal((2ul, 2ul), ((await Reply(cloud)).Reply.Sent, (await Reply(cloud)).Reply.Sent));
        Assert.Equal(before + 2, cloud.Arrivals.Count);

        // Another request is another matter.
        await cloud.Ask(request, [2]);
        Assert.Equal(2ul, (await Reply(cloud)).Reply.Sent);
        Assert.Equal(before + 4, cloud.Arrivals.Count);
    }

    [Fact]
    public async Task Batches_that_are_not_kept_or_of_another_stream_are_answered_with_the_reason()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 1);
        await cloud.Ask(new ReplayRequest { Stream = BatchCodec.Bytes(gateway.Buffer.Position.Stream), From = 70, Through = 80 }, [1]);
        Assert.Contains("kept", (await Reply(cloud)).Reply.Reason, StringComparison.Ordinal);
        await cloud.Ask(new ReplayRequest { Stream = BatchCodec.Bytes(Guid.NewGuid()), From = 1, Through = 1 }, [2]);
        Assert.Contains("open stream", (await Reply(cloud)).Reply.Reason, StringComparison.Ordinal);
    }

    private static async Task<(ReplayReply Reply, byte[] Correlation)> Reply(ScriptedCloud cloud)
    {
        await Until.True(() => cloud.Others.Count(o => o.Topic == Topics.ReplayReply(Gateway)) > cloud.RepliesRead);
        var message = cloud.Others.Where(o => o.Topic == Topics.ReplayReply(Gateway)).ElementAt(cloud.RepliesRead++);
        return (ReplayReply.Parser.ParseFrom(message.Payload), message.CorrelationData);
    }
}
