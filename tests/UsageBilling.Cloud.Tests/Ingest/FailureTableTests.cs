using System.Collections.Immutable;
using Google.Protobuf;
using NodaTime;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;
using static UsageBilling.Cloud.Tests.Ingest.IngestCloud;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>Every row of the failure table, the cloud's column, on a real database: visible with its reason, no neighbour lost, the stream goes on.</summary>
public sealed class FailureTableTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly IngestCloud cloud = new(database.Source);

    public void Dispose() => cloud.Dispose();

    [Fact]
    public async Task A_batch_is_acknowledged_with_its_hash_once_it_is_in_the_journal()
    {
        using var gateway = await EnrolAsync();
        var ack = Only(await cloud.TakeAsync(gateway.Next(), gateway.Next()), gateway);
        Assert.Equal((Ack.Types.Kind.Committed, 2ul), (ack.Kind, ack.CommittedThrough));
        Assert.Equal(gateway.LastHash, ack.Hash.ToByteArray());
        Assert.Equal(2, await cloud.JournalledAsync(gateway));
        Assert.Equal(3, await cloud.AskAsync<int>("SELECT reading_count FROM reading_batch WHERE gateway = $1 AND sequence = 1", gateway.Name));
        Assert.Equal([FieldGateway.Register.Id.Value], await cloud.AskAsync<Guid[]>("SELECT register_ids FROM reading_batch WHERE gateway = $1 AND sequence = 1", gateway.Name));
    }

    [Fact]
    public async Task A_batch_is_found_with_the_register_at_which_another_meter_answered()
    {
        using var gateway = await EnrolAsync();
        var body = gateway.Poison(BatchCodec.Encode(new ReadingBatch(gateway.Name, gateway.Stream, 1, [], null, FieldGateway.Start, [], null,
            [new EventNote(FieldGateway.Start, EventKinds.MeterSerial, FieldGateway.Register, "X"), new EventNote(FieldGateway.Start, "started", new RegisterKey("a", "b", ObisCode.ActiveImport), "")])));
        await cloud.TakeAsync(gateway.Send(body));
        Assert.Equal([FieldGateway.Register.Id.Value], await cloud.AskAsync<Guid[]>("SELECT register_ids FROM reading_batch WHERE gateway = $1 AND sequence = 1", gateway.Name));
    }

    [Fact]
    public async Task A_late_duplicate_is_acknowledged_again_and_journalled_once()
    {
        using var gateway = await EnrolAsync();
        var first = gateway.Next();
        await cloud.TakeAsync(first, gateway.Next());
        var ack = Only(await cloud.TakeAsync(first, first), gateway);
        Assert.Equal((Ack.Types.Kind.Committed, 2ul), (ack.Kind, ack.CommittedThrough));
        Assert.Equal(2, await cloud.JournalledAsync(gateway));
    }

    [Fact]
    public async Task An_unparseable_body_in_the_middle_of_a_group_is_journalled_acknowledged_and_parked()
    {
        using var gateway = await EnrolAsync();
        using var neighbour = await EnrolAsync();
        var ack = Only(await cloud.TakeAsync(gateway.Next(), neighbour.Next(), gateway.Send(gateway.Poison([1, 2, 3, 0xFF])), gateway.Next(), neighbour.Next()), gateway);
        Assert.Equal((Ack.Types.Kind.Committed, 3ul), (ack.Kind, ack.CommittedThrough));
        Assert.Equal(1, await cloud.ParkedAsync(gateway, ParkReasons.Unparseable));
        Assert.Equal(2, await cloud.CommittedAsync(neighbour));
    }

    [Fact]
    public async Task A_body_whose_head_reads_and_whose_readings_do_not_is_placed_by_its_head()
    {
        using var gateway = await EnrolAsync();
        var body = BatchBody.Parser.ParseFrom(gateway.NextBody());
        body.Registers[0].Obis = "not an OBIS code";
        var incoming = gateway.Send(body.ToByteArray()) with { NamedStream = null, NamedSequence = null };
        Assert.Equal(1ul, Only(await cloud.TakeAsync(incoming), gateway).CommittedThrough);
        Assert.Equal(1, await cloud.ParkedAsync(gateway, ParkReasons.Unparseable));
    }

    [Fact]
    public async Task A_bad_signature_is_kept_counted_and_answered_re_sign_and_the_same_body_is_taken_when_signed_again()
    {
        using var gateway = await EnrolAsync();
        var good = gateway.Next();
        var bad = good with { Payload = [.. good.Payload] };
        bad.Payload[^1] ^= 1;
        var ack = Only(await cloud.TakeAsync(bad), gateway);
        Assert.Equal((Ack.Types.Kind.ReSign, 1ul), (ack.Kind, ack.From));
        Assert.Equal(1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.BadSignature));
        Assert.Equal(1ul, Only(await cloud.TakeAsync(good), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_key_renewed_during_an_outage_is_answered_re_sign()
    {
        using var gateway = await EnrolAsync();
        var body = gateway.NextBody();
        var old = gateway.Send(body);
        await gateway.RenewKeyAsync(database.Source);
        var ack = Only(await cloud.TakeAsync(old with { ReceivedAt = FieldGateway.Now }), gateway);
        Assert.Equal(Ack.Types.Kind.ReSign, ack.Kind);
        Assert.Equal(1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.ClosedKey));
        Assert.Equal(1ul, Only(await cloud.TakeAsync(gateway.Send(body)), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_batch_is_judged_by_its_keys_state_when_it_was_received()
    {
        using var gateway = await EnrolAsync();
        var before = gateway.Next();
        await new Enrolment(database.Source, TimeProvider.System).RevokeAsync(gateway.Name, default);
        Assert.Equal(1ul, Only(await cloud.TakeAsync(before), gateway).CommittedThrough);
        Assert.Equal(Ack.Types.Kind.ReSign, Only(await cloud.TakeAsync(gateway.Next()), gateway).Kind);
    }

    [Fact]
    public async Task A_key_that_nobody_registered_is_answered_re_sign()
    {
        using var gateway = await EnrolAsync();
        using var stranger = await EnrolAsync();
        var body = gateway.NextBody();
        var incoming = gateway.Send(body) with { Payload = stranger.Send(body).Payload };
        Assert.Equal(Ack.Types.Kind.ReSign, Only(await cloud.TakeAsync(incoming), gateway).Kind);
        Assert.Equal(1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.UnknownKey));
    }

    [Fact]
    public async Task A_gateway_that_bears_anothers_name_is_refused_counted_and_not_answered()
    {
        using var gateway = await EnrolAsync();
        using var victim = await EnrolAsync();
        Assert.Empty(await cloud.TakeAsync(victim.Next() with { Gateway = gateway.Name }));
        Assert.Equal(1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.ForeignGateway));
        Assert.Equal(0, await cloud.JournalledAsync(victim));
        Assert.Contains((await GatewayOverview.ReadAsync(database.Source, default)).Single(g => g.Gateway == gateway.Name).Alarms, a => a.Reason == RefusalReasons.ForeignGateway);
    }

    [Fact]
    public async Task Senders_that_are_no_gateway_share_one_bounded_place()
    {
        using var gateway = await EnrolAsync();
        var bodies = Enumerable.Range(0, GroupStatements.KeptRefusals + 20).Select(i => gateway.Next() with { Gateway = $"nobody-{i}" }).ToList();
        var before = await cloud.RefusedAsync(Refusal.Nobody, RefusalReasons.UnknownGateway);
        foreach (var incoming in bodies)
        {
            var forged = BatchBody.Parser.ParseFrom(SignedBatch.Parser.ParseFrom(incoming.Payload).Body);
            forged.Gateway = incoming.Gateway;
            await cloud.TakeAsync(incoming with { Payload = BatchSignature.Sign(forged.ToByteArray(), gateway.Key).ToByteArray() });
        }

        Assert.Equal(before + bodies.Count, await cloud.RefusedAsync(Refusal.Nobody, RefusalReasons.UnknownGateway));
        Assert.Equal(GroupStatements.KeptRefusals, await cloud.KeptAsync(Refusal.Nobody, RefusalReasons.UnknownGateway));
    }

    [Fact]
    public async Task Refused_batches_are_kept_bounded_and_all_are_counted()
    {
        using var gateway = await EnrolAsync();
        var bad = Enumerable.Range(0, GroupStatements.KeptRefusals + 50).Select(i => gateway.Next() with { Payload = [0, .. BitConverter.GetBytes(i)] }).ToImmutableArray();
        await cloud.TakeAsync([.. bad.Take(70)]);
        await cloud.TakeAsync([.. bad.Skip(70)]);
        await cloud.TakeAsync(bad[0]);
        Assert.Equal(GroupStatements.KeptRefusals, await cloud.KeptAsync(gateway.Name, RefusalReasons.BadSignature));
        Assert.Equal(bad.Length + 1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.BadSignature));
        Assert.Equal(2, await cloud.AskAsync<long>("SELECT max(times) FROM refused_batch WHERE gateway = $1", gateway.Name));
    }

    [Fact]
    public async Task The_same_sequence_with_other_bytes_is_evidence_and_answered_forked()
    {
        using var gateway = await EnrolAsync();
        var honest = gateway.Next();
        await cloud.TakeAsync(honest);
        var body = BatchCodec.Encode(new ReadingBatch(gateway.Name, gateway.Stream, 1, [], null, FieldGateway.Start, [], null, []));
        var ack = Only(await cloud.TakeAsync(gateway.Send(body, 1)), gateway);
        Assert.Equal(Ack.Types.Kind.Forked, ack.Kind);
        Assert.Equal(1, await cloud.KeptAsync(gateway.Name, RefusalReasons.Forked));
        Assert.Equal(1, await cloud.JournalledAsync(gateway));
        Assert.Equal(2ul, Only(await cloud.TakeAsync(gateway.Next()), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_successor_with_a_wrong_previous_hash_is_evidence_and_answered_forked()
    {
        using var gateway = await EnrolAsync();
        await cloud.TakeAsync(gateway.Next());
        var body = BatchCodec.Encode(new ReadingBatch(gateway.Name, gateway.Stream, 2, [.. new byte[32]], null, FieldGateway.Start, [], null, []));
        Assert.Equal(Ack.Types.Kind.Forked, Only(await cloud.TakeAsync(gateway.Send(body, 2)), gateway).Kind);
        Assert.Equal(2ul, Only(await cloud.TakeAsync(gateway.Next()), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_batch_taken_ahead_that_does_not_follow_is_set_aside_and_never_handed_out()
    {
        using var gateway = await EnrolAsync();
        var first = gateway.Next();
        var body = BatchCodec.Encode(new ReadingBatch(gateway.Name, gateway.Stream, 2, [.. new byte[32]], null, FieldGateway.Start, [], null, []));
        Assert.Empty(await cloud.TakeAsync(gateway.Send(body, 2)));
        var replies = await cloud.TakeAsync(first);
        Assert.Contains(replies, r => r.Ack.Kind == Ack.Types.Kind.Forked && r.Ack.From == 2);
        Assert.Contains(replies, r => r.Ack is { Kind: Ack.Types.Kind.Committed, CommittedThrough: 1 });
        var second = gateway.Next();
        Assert.Equal(2ul, Only(await cloud.TakeAsync(second), gateway).CommittedThrough);
        Assert.Equal(3, await cloud.JournalledAsync(gateway));
        await using var connection = await database.Source.OpenConnectionAsync();
        var handed = await Journal.ReadUnprojectedAsync(connection, [new UnprojectedStream(gateway.Name, gateway.Stream, 0, 2)], 10, default);
        Assert.Equal([1, 2], handed.Select(b => b.Sequence));
        Assert.Equal(gateway.LastHash, BatchSignature.Hash(handed[1].Body));
    }

    [Fact]
    public async Task A_new_stream_that_names_its_predecessor_closes_it_with_the_reason()
    {
        using var gateway = await EnrolAsync();
        await cloud.TakeAsync(gateway.Next());
        var late = gateway.Next();
        var old = gateway.OpenStream();
        Assert.Equal(1ul, Only(await cloud.TakeAsync(gateway.Send(gateway.NextBody(predecessor: old))), gateway).CommittedThrough);
        Assert.Equal($"replaced by stream {gateway.Stream}", await cloud.AskAsync<string>("SELECT closed_reason FROM stream WHERE gateway = $1 AND stream = $2", gateway.Name, old));
        Assert.Equal(Ack.Types.Kind.Forked, Only(await cloud.TakeAsync(late), gateway).Kind);
        Assert.Equal(1, await cloud.RefusedAsync(gateway.Name, RefusalReasons.StreamClosed));
    }

    [Fact]
    public async Task A_hole_that_stays_is_asked_for_and_a_fresh_one_is_not()
    {
        using var gateway = await EnrolAsync();
        var lost = gateway.Next();
        var ahead = gateway.Next();
        Assert.Empty(await cloud.TakeAsync(ahead));
        Assert.DoesNotContain(await HoleWatch.FindAsync(database.Source, ahead.ReceivedAt, default), r => r.Gateway == gateway.Name);
        var ask = Only(await HoleWatch.FindAsync(database.Source, ahead.ReceivedAt + HoleWatch.Patience, default), gateway);
        Assert.Equal((Ack.Types.Kind.Resend, 1ul), (ask.Kind, ask.From));
        Assert.Equal(2ul, Only(await cloud.TakeAsync(lost), gateway).CommittedThrough);
        Assert.DoesNotContain(await HoleWatch.FindAsync(database.Source, ahead.ReceivedAt + HoleWatch.Patience, default), r => r.Gateway == gateway.Name);
    }

    [Fact]
    public async Task A_hole_wider_than_the_window_is_asked_for_at_once()
    {
        using var gateway = await EnrolAsync();
        var all = gateway.Next(StreamPosition.Window + 2, 1);
        var ask = Only(await cloud.TakeAsync(all[^1]), gateway);
        Assert.Equal((Ack.Types.Kind.Resend, 1ul), (ask.Kind, ask.From));
        Assert.Equal(0, await cloud.JournalledAsync(gateway));
        Assert.Equal((ulong)all.Length, Only(await cloud.TakeAsync(all), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_signed_gap_anchors_the_chain_where_the_gateway_no_longer_has_the_batches()
    {
        using var gateway = await EnrolAsync();
        await cloud.TakeAsync(gateway.Next());
        _ = gateway.Next(4, 1); // lost with the buffer
        var anchor = gateway.LastHash;
        var ack = Only(await cloud.TakeAsync(gateway.Send(gateway.GapBody(2, 5, anchor))), gateway);
        Assert.Equal(5ul, ack.CommittedThrough);
        Assert.Equal(anchor, ack.Hash.ToByteArray());
        Assert.Equal(6ul, Only(await cloud.TakeAsync(gateway.Next()), gateway).CommittedThrough);
        Assert.Equal(1, await cloud.AskAsync<long>("SELECT count(*) FROM reading_batch WHERE gateway = $1 AND kind = 1", gateway.Name));
    }

    [Fact]
    public async Task A_gap_for_a_batch_that_is_committed_already_is_a_duplicate()
    {
        using var gateway = await EnrolAsync();
        var first = gateway.Next();
        var hashOfFirst = gateway.LastHash;
        await cloud.TakeAsync(first);
        var ack = Only(await cloud.TakeAsync(gateway.Send(gateway.GapBody(1, 1, hashOfFirst))), gateway);
        Assert.Equal((Ack.Types.Kind.Committed, 1ul), (ack.Kind, ack.CommittedThrough));
    }

    [Fact]
    public async Task Readings_of_1970_and_2099_in_the_middle_of_a_group_do_not_hurt_their_neighbours()
    {
        using var gateway = await EnrolAsync();
        var ack = Only(
            await cloud.TakeAsync(
                gateway.Next(),
                gateway.Send(gateway.NextBody(at: i => i == 0 ? Instant.FromUtc(1970, 1, 1, 0, 0) : i == 1 ? Instant.FromUtc(2099, 1, 1, 0, 0) : Instant.MaxValue)),
                gateway.Next()),
            gateway);
        Assert.Equal(3ul, ack.CommittedThrough);
    }

    private Task<FieldGateway> EnrolAsync() => FieldGateway.EnrolledAsync(database.Source);
}
