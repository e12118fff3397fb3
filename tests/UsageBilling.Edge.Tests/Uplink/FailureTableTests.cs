using Google.Protobuf;
using LiteDB;
using UsageBilling.Edge.Commissioning;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Uplink;

/// <summary>The gateway's column of the failure table, each row against a scripted cloud on a real broker.</summary>
public sealed class FailureTableTests(ITestOutputHelper output)
{
    [Fact]
    public async Task All_readings_arrive_once_and_batches_are_kept_after_their_acknowledgement()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        var backlog = await gateway.Store.StoreCycles(300, readings: 50);
        await gateway.Connect(cloud);
        await gateway.Settle(cloud, backlog);
        var live = await gateway.StoreAndSettle(cloud, 3);
        Assert.Equal(backlog.Count + live.Count, cloud.Streams.Values.Sum(s => s.Batches.Values.Sum(b => b.Readings.Length)));
        Assert.Equal(gateway.Buffer.Position.SealedThrough, (await gateway.Buffer.Inspect()).KeptBatches);
        var (signed, message) = cloud.Arrivals.First();
        Assert.Equal(
            [("stream", gateway.Buffer.Position.Stream.ToString()), ("sequence", "1"), ("sha256", Convert.ToHexStringLower(BatchSignature.Hash(signed.Body.Span))), ("key-id", gateway.Keys.KeyId)],
            message.UserProperties.Select(p => (p.Name, System.Text.Encoding.UTF8.GetString(p.ValueBuffer.Span))));
    }

    [Fact]
    public async Task What_a_broker_acknowledged_and_lost_is_sent_again_byte_for_byte()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        var lost = 0;
        cloud.Passes = _ => Interlocked.Increment(ref lost) > 5;
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 3);
        foreach (var same in cloud.Arrivals.GroupBy(a => BatchSequence(a.Signed)))
        {
            Assert.Single(same.Select(a => a.Signed.ToByteString()).Distinct());
        }
    }

    [Fact]
    public async Task A_late_old_acknowledgement_and_one_with_another_hash_change_nothing()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.StoreAndSettle(cloud, 1);
        var old = ScriptedCloud.Committed(cloud.Streams.Values.Single());
        cloud.Passes = batch => batch.Sequence < 3;
        await gateway.Store.StoreCycles(1);
        await Until.True(() => gateway.Buffer.Position.AcknowledgedThrough == 2);
        await gateway.Store.StoreCycles(1);
        await Until.True(() => gateway.Buffer.Position.SealedThrough == 3);
        await cloud.Say(old);
        await cloud.Say(new Ack { Stream = old.Stream, Kind = Ack.Types.Kind.Committed, CommittedThrough = 3, Hash = ByteString.CopyFrom(new byte[32]) });
        await cloud.Say(new Ack { Stream = old.Stream, Kind = Ack.Types.Kind.Committed, CommittedThrough = 99, Hash = old.Hash });
        var seen = cloud.Arrivals.Count;
        await Until.True(() => cloud.Arrivals.Count > seen + 1);
        Assert.Equal(2, gateway.Buffer.Position.AcknowledgedThrough);
    }

    [Fact]
    public async Task A_key_renewed_during_an_outage_signs_the_same_bodies_again()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        var stored = await gateway.Store.StoreCycles(3);
        var before = await gateway.Buffer.SealNext(gateway.Terms);
        File.Delete(GatewayKeys.FileIn(gateway.StateFolder));
        var renewed = GatewayKeys.MakeOrKeep(GatewayKeys.FileIn(gateway.StateFolder));
        cloud.Keys.Clear();
        cloud.Keys[BatchSignature.KeyId(renewed)] = renewed;
        await gateway.Connect(cloud);
        await gateway.Settle(cloud, stored);
        var sent = cloud.Arrivals.Where(a => BatchSequence(a.Signed) == 1).Select(a => a.Signed).ToList();
        Assert.Equal(before!.KeyId, sent[0].KeyId);
        Assert.Equal(BatchSignature.KeyId(renewed), sent[^1].KeyId);
        Assert.Equal(sent[0].Body, sent[^1].Body);
        Assert.Equal(before.Body, sent[^1].Body);
    }

    [Fact]
    public async Task A_body_that_lost_its_hash_is_replaced_by_a_gap_and_the_stream_goes_on()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        for (var i = 0; i < 3; i++)
        {
            await gateway.Store.StoreCycles(1);
            await gateway.Buffer.SealNext(gateway.Terms);
        }

        gateway.Store.Close();
        using (var database = new LiteDatabase(Path.Combine(gateway.Store.Folder, "readings.db")))
        {
            var batches = database.GetCollection("batches");
            var document = batches.FindById(2L);
            document["body"].AsBinary[^1] ^= 0x40;
            batches.Update(document);
        }

        await gateway.Connect(cloud);
        await Until.True(() => gateway.Buffer.Position is { AcknowledgedThrough: >= 4, UnsealedReadings: 0 });
        var stream = cloud.Streams.Values.Single();
        Assert.Equal(2UL, stream.Batches[2].Gap!.From);
        Assert.Equal(16, stream.Batches[1].Readings.Length + stream.Batches[3].Readings.Length);
        Assert.Contains(stream.Batches.Values.SelectMany(b => b.Events), e => e.Kind == "batch-damaged");
    }

    [Fact]
    public async Task Forked_opens_a_new_stream_that_names_the_old_one_and_seals_again_what_was_not_acknowledged()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        var before = await gateway.StoreAndSettle(cloud, 2);
        var old = gateway.Buffer.Position.Stream;
        cloud.AnswerBatch = batch => batch.Stream == old ? new Ack { Stream = BatchCodec.Bytes(old), Kind = Ack.Types.Kind.Forked, Reason = "a clone was here" } : null;
        var after = await gateway.Store.StoreCycles(2);
        await gateway.Settle(cloud, after);
        Assert.NotEqual(old, gateway.Buffer.Position.Stream);
        Assert.Equal(old, cloud.Streams[gateway.Buffer.Position.Stream].Batches[1].Predecessor);
        Assert.Equal(before.Concat(after).ToHashSet(), cloud.Readings());
        Assert.Contains(cloud.Streams[gateway.Buffer.Position.Stream].Batches.Values.SelectMany(b => b.Events), e => e.Kind == "stream-opened");
    }

    [Fact]
    public async Task A_position_with_an_unknown_history_opens_a_new_stream()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        var stored = await gateway.Store.StoreCycles(2);
        var old = gateway.Buffer.Position.Stream;
        cloud.AnswerPosition = request => BatchCodec.Uuid(request.Stream) != old ? null
            : new Ack { Stream = request.Stream, Kind = Ack.Types.Kind.Position, CommittedThrough = 7, Hash = ByteString.CopyFrom(new byte[32]) };
        await gateway.Connect(cloud);
        await gateway.Settle(cloud, stored);
        Assert.Equal(old, gateway.Buffer.Position.Predecessor);
    }

    [Fact]
    public async Task A_cloud_restored_from_a_backup_gets_the_kept_batches_again()
    {
        await using var gateway = new UplinkFixture(output);
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        for (var i = 0; i < 5; i++)
        {
            await gateway.StoreAndSettle(cloud, 1);
        }

        var all = cloud.Readings();
        var stream = cloud.Streams.Values.Single();
        lock (stream)
        {
            stream.ForgetAfter(2);
        }

        await cloud.Kick();
        await Until.True(() => cloud.Readings().SetEquals(all), () => $"{stream.Committed}");
        await Until.True(() => gateway.Buffer.Position.AcknowledgedThrough == 5);
        Assert.Single(cloud.Streams);
    }

    [Fact]
    public async Task A_simulated_month_ages_no_acknowledged_batch()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Store.Options = gateway.Store.Options with { KeepAcknowledged = TimeSpan.FromDays(2), RetentionTime = TimeProvider.System };
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        for (var i = 0; i < 5; i++)
        {
            gateway.Store.Time.Advance(TimeSpan.FromDays(7));
            await gateway.StoreAndSettle(cloud, 1);
        }

        Assert.Equal(1, await gateway.Buffer.OldestKept());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(0)]
    public async Task A_cloud_behind_the_oldest_kept_batch_gets_a_gap(long restoredTo)
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Store.Options = gateway.Store.Options with { KeepAcknowledged = TimeSpan.FromDays(2) };
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        for (var i = 0; i < 8; i++)
        {
            gateway.Store.Time.Advance(TimeSpan.FromDays(1));
            await gateway.StoreAndSettle(cloud, 1);
        }

        var oldest = await gateway.Buffer.OldestKept();
        Assert.InRange(oldest, 4, 7);
        var stream = cloud.Streams.Values.Single();
        lock (stream)
        {
            stream.ForgetAfter(restoredTo);
        }

        await cloud.Kick();
        await Until.True(() => stream.Committed == 8, () => $"{stream.Committed}");
        Assert.Equal((ulong)restoredTo + 1, stream.Batches[oldest - 1].Gap!.From);
        await gateway.StoreAndSettle(cloud, 1);
        Assert.Single(cloud.Streams);

        // The cloud is restored once more, further back: the gap that is the oldest batch now is made wider.
        lock (stream)
        {
            stream.ForgetAfter(0);
        }

        await cloud.Kick();
        await Until.True(() => stream.Committed == 9, () => $"{stream.Committed}");
        Assert.Equal(1UL, stream.Batches[oldest - 1].Gap!.From);
    }

    [Fact]
    public async Task Resend_sends_again_at_once()
    {
        await using var gateway = new UplinkFixture(output);
        gateway.Options = gateway.Options with { ResendAfter = TimeSpan.FromMinutes(10) };
        await using var cloud = await gateway.Cloud();
        var passes = false;
        cloud.Passes = _ => passes;
        await gateway.Connect(cloud);
        var stored = await gateway.Store.StoreCycles(1);
        await Until.True(() => !cloud.Arrivals.IsEmpty);
        passes = true;
        await cloud.Say(new Ack { Stream = BatchCodec.Bytes(gateway.Buffer.Position.Stream), Kind = Ack.Types.Kind.Resend, From = 1 });
        await gateway.Settle(cloud, stored);
    }

    [Fact]
    public async Task Batches_sealed_before_a_crash_are_sent_as_they_were_sealed()
    {
        await using var gateway = new UplinkFixture(output);
        var stored = await gateway.Store.StoreCycles(3);
        var before = await gateway.Buffer.SealNext(gateway.Terms);
        gateway.Store.Reopen();
        await using var cloud = await gateway.Cloud();
        await gateway.Connect(cloud);
        await gateway.Settle(cloud, stored);
        Assert.Equal(before!.Body, cloud.Arrivals.First().Signed.Body.ToByteArray());
    }

    private static ulong BatchSequence(SignedBatch signed) => BatchBody.Parser.ParseFrom(signed.Body).Sequence;
}
