using UsageBilling.Cloud.Ingest;

namespace UsageBilling.Cloud.Tests.Ingest;

/// <summary>The seam to metering: each committed batch is handed out once, in order, to one projector.</summary>
public sealed class JournalTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>, IDisposable
{
    private readonly IngestCloud cloud = new(database.Source);

    public void Dispose() => cloud.Dispose();

    [Fact]
    public async Task A_locked_stream_is_not_handed_out_twice_and_a_rolled_back_projection_comes_again()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await cloud.TakeAsync(gateway.Next(5, 1));
        await using var one = await database.Source.OpenConnectionAsync();
        await using var two = await database.Source.OpenConnectionAsync();
        await using (var transaction = await one.BeginTransactionAsync())
        {
            var mine = Assert.Single(await Journal.LockUnprojectedAsync(one, 100, default), s => s.Gateway == gateway.Name);
            Assert.Equal((0, 5), (mine.ProjectedThrough, mine.CommittedThrough));
            Assert.Equal([1L, 2, 3], (await Journal.ReadUnprojectedAsync(one, [mine], 3, default)).Select(b => b.Sequence));
            await using (var other = await two.BeginTransactionAsync())
            {
                Assert.DoesNotContain(await Journal.LockUnprojectedAsync(two, 100, default), s => s.Gateway == gateway.Name);
            }

            // A projection under way does not hold up a commit.
            Assert.Equal(6ul, IngestCloud.Only(await cloud.TakeAsync(gateway.Next()), gateway).CommittedThrough);
            await Journal.MoveProjectedAsync(one, [(gateway.Name, gateway.Stream, 3)], default);
            await transaction.RollbackAsync();
        }

        await using (var transaction = await one.BeginTransactionAsync())
        {
            var again = Assert.Single(await Journal.LockUnprojectedAsync(one, 100, default), s => s.Gateway == gateway.Name);
            Assert.Equal((0, 6), (again.ProjectedThrough, again.CommittedThrough));
            await Journal.MoveProjectedAsync(one, [(gateway.Name, gateway.Stream, 6)], default);
            await transaction.CommitAsync();
        }

        await using (var transaction = await one.BeginTransactionAsync())
        {
            Assert.DoesNotContain(await Journal.LockUnprojectedAsync(one, 100, default), s => s.Gateway == gateway.Name);
        }
    }

    [Fact]
    public async Task What_waits_behind_a_hole_is_not_handed_out()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        var batches = gateway.Next(3, 1);
        await cloud.TakeAsync(batches[0], batches[2]);
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var stream = Assert.Single(await Journal.LockUnprojectedAsync(connection, 100, default), s => s.Gateway == gateway.Name);
        Assert.Equal([1L], (await Journal.ReadUnprojectedAsync(connection, [stream], 10, default)).Select(b => b.Sequence));
    }

    [Fact]
    public async Task Parked_readings_are_taken_once_and_can_be_parked_again()
    {
        using var gateway = await FieldGateway.EnrolledAsync(database.Source);
        await cloud.TakeAsync(gateway.Next(2, 3));
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var register = FieldGateway.Register;
        var parked = Enumerable.Range(1, 2).Select(i => new ParkedReadings(gateway.Name, gateway.Stream, i, register.ToString(), "unknown-register", "not registered\0", 3, FieldGateway.Now)).ToList();
        await Journal.ParkAsync(connection, [.. parked, parked[0]], default);
        await Journal.ParkAsync(connection, parked, default);
        Assert.Equal([1L], (await Journal.TakeParkedAsync(connection, [register], "unknown-register", 1, default)).Where(b => b.Gateway == gateway.Name).Select(b => b.Sequence));
        Assert.Equal([2L], (await Journal.TakeParkedAsync(connection, [register], "unknown-register", 10, default)).Select(b => b.Sequence));
        Assert.Empty(await Journal.TakeParkedAsync(connection, [register], "unknown-register", 10, default));
        await Journal.ParkAsync(connection, [parked[1]], default);
        Assert.Single(await Journal.TakeParkedAsync(connection, [register], "unknown-register", 10, default));
    }
}
