using Google.Protobuf;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols.Wire;
using static UsageBilling.Cloud.Tests.Ingest.IngestCloud;

namespace UsageBilling.Cloud.Tests.Ingest;

public sealed class GroupCommitTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly IngestCloud cloud = new(database.Source);

    public void Dispose() => cloud.Dispose();

    [Fact]
    public async Task A_row_that_the_database_refuses_is_found_by_halving_journalled_without_its_description_and_parked()
    {
        // No body that passes the checks is known to be refused, so the database is given a rule that refuses one.
        await using (var owner = NpgsqlDataSource.Create(database.Postgres.OwnerConnectionString))
        {
            await using var rule = owner.CreateCommand("ALTER TABLE reading_batch ADD CONSTRAINT no_thirteen CHECK (reading_count <> 13)");
            await rule.ExecuteNonQueryAsync();
        }

        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        using var neighbour = await FieldGateway.EnrolledAsync(database.Source);
        var replies = await cloud.TakeAsync([.. gateway.Next(5, 2), .. neighbour.Next(5, 2), gateway.Next(13), .. gateway.Next(5, 2), .. neighbour.Next(5, 2)]);
        Assert.Contains(replies, r => r.Gateway == gateway.Name && r.Ack.CommittedThrough == 11);
        Assert.Equal(11, await cloud.CommittedAsync(gateway));
        Assert.Equal(10, await cloud.CommittedAsync(neighbour));
        Assert.Equal(1, await cloud.ParkedAsync(gateway, ParkReasons.Unstorable));
        Assert.Contains("no_thirteen", await cloud.AskAsync<string>("SELECT detail FROM parked WHERE gateway = $1", gateway.Name), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_death_between_commit_and_acknowledgement_costs_nothing_but_a_resend()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        var batches = gateway.Next(4, 3);
        using (var dying = new IngestCloud(database.Source))
        {
            await dying.TakeAsync(batches); // its replies die with it
        }

        var ack = Only(await cloud.TakeAsync(batches), gateway);
        Assert.Equal((Ack.Types.Kind.Committed, 4ul), (ack.Kind, ack.CommittedThrough));
        Assert.Equal(4, await cloud.JournalledAsync(gateway));
    }

    [Fact]
    public async Task A_death_before_the_commit_leaves_nothing()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await cloud.TakeAsync(gateway.Next());
        var next = gateway.Next();

        // Another transaction holds the stream's row; the commit waits for it and its connection is shot.
        await using var holder = await database.Source.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("SELECT 1 FROM stream WHERE gateway = $1 FOR UPDATE", holder, transaction) { Parameters = { new() { Value = gateway.Name } } })
        {
            await hold.ExecuteNonQueryAsync();
        }

        var taking = cloud.TakeAsync(next);
        await using (var admin = NpgsqlDataSource.Create(database.Postgres.AdminConnectionString))
        {
            var shot = 0L;
            while (shot == 0)
            {
                await using var shoot = admin.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM stream%'");
                shot = (long)(await shoot.ExecuteScalarAsync())!;
            }
        }

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => taking);
        await transaction.RollbackAsync();
        Assert.Equal(1, await cloud.CommittedAsync(gateway));
        Assert.Equal(2ul, Only(await cloud.TakeAsync(next), gateway).CommittedThrough);
        Assert.Equal(2, await cloud.JournalledAsync(gateway));
    }

    [Fact]
    public async Task A_month_without_a_partition_gets_one()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        var later = FieldGateway.Now + Duration.FromDays(400);
        Assert.Equal(1ul, Only(await cloud.TakeAsync(gateway.Next() with { ReceivedAt = later }), gateway).CommittedThrough);
    }

    [Fact]
    public async Task A_database_restored_from_an_older_backup_says_where_it_stands_and_takes_everything_again()
    {
        await using var fresh = await Testing.PostgresDatabase.CreateAsync(Migrations.Fingerprint, owner => Migrations.ApplyAsync(owner));
        await using var source = CloudDatabase.CreateSource(fresh.ServiceConnectionString);
        using var live = new IngestCloud(source);
        using var gateway = await FieldGateway.EnrolledAsync(source);
        var kept = gateway.Next(10, 2);
        await live.TakeAsync([.. kept.Take(4)]);
        await using var backup = await fresh.CopyAsync();
        source.Clear(); // making the copy ended its connections
        await live.TakeAsync([.. kept.Skip(4)]);

        await using var restoredSource = CloudDatabase.CreateSource(backup.ServiceConnectionString);
        using var restored = new IngestCloud(restoredSource);
        var next = gateway.Next();
        var asked = new GatewayMessages(null!, restoredSource, null!, null!, TimeProvider.System);
        var position = await asked.PositionAsync(gateway.Name, new PositionRequest { Stream = BatchCodec.Bytes(gateway.Stream), AcknowledgedThrough = 10 }.ToByteArray(), default);
        Assert.Equal((Ack.Types.Kind.Position, 4ul), (position!.Kind, position.CommittedThrough));
        Assert.Empty(await restored.TakeAsync(next)); // behind a hole, which is asked for when it stays
        Assert.Equal(5ul, Only(await HoleWatch.FindAsync(restoredSource, next.ReceivedAt + HoleWatch.Patience, default), gateway).From);
        Assert.Equal(11ul, Only(await restored.TakeAsync([.. kept.Skip(4)]), gateway).CommittedThrough);
        Assert.Equal(11, await restored.JournalledAsync(gateway));
    }

    [Fact]
    public async Task An_unknown_stream_stands_at_nothing()
    {
        var asked = new GatewayMessages(null!, database.Source, null!, null!, TimeProvider.System);
        var position = await asked.PositionAsync("nobody", new PositionRequest { Stream = BatchCodec.Bytes(Guid.NewGuid()) }.ToByteArray(), default);
        Assert.Equal((Ack.Types.Kind.Position, 0ul), (position!.Kind, position.CommittedThrough));
        Assert.Null(await asked.PositionAsync("nobody", [0], default));
    }
}
