using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Cloud.Tests.Ingest;

public sealed class StreamPositionProperties(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static readonly Instant Now = FieldGateway.Start;

    [Fact]
    public void Any_order_with_repetitions_ends_in_the_same_position() => Prop.ForAll(
        Deliveries(maxLength: 60).ToArbitrary(),
        delivery =>
        {
            var (links, order) = delivery;
            var position = new StreamPosition(0, [], [], null, false);
            var journalled = new SortedSet<long>();
            foreach (var index in order)
            {
                if (position.Take(links[index], Now) is Offer.Committed or Offer.Ahead)
                {
                    Assert.True(journalled.Add(links[index].Sequence), "journalled twice");
                }
            }

            return position.CommittedThrough == links.Length && position.LastHash.AsSpan().SequenceEqual(links[^1].ChainHash)
                && position.Ahead.Count == 0 && position.HoleSince is null && position.SetAside.Count == 0 && journalled.Count == links.Length;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_missing_keeps_the_position_before_it_and_everything_behind_it_waits() => Prop.ForAll(
        Deliveries(maxLength: 40).ToArbitrary(),
        delivery =>
        {
            var (links, order) = delivery;
            var missing = order[0];
            var position = new StreamPosition(0, [], [], null, false);
            foreach (var index in order.Where(i => i != missing))
            {
                position.Take(links[index], Now);
            }

            return position.CommittedThrough == missing && position.Ahead.Count == links.Length - missing - 1 && (position.HoleSince is null) == (position.Ahead.Count == 0);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Any_order_in_any_groups_over_two_instances_ends_in_the_same_row_and_journal()
    {
        using var one = new IngestCloud(database.Source);
        using var two = new IngestCloud(database.Source);
        foreach (var (_, order) in Deliveries(maxLength: 30).Sample(15, 12).Where(d => d.Item1.Length > 2))
        {
            using var gateway = await FieldGateway.EnrolledAsync(database.Source);
            var batches = gateway.Next(order.Max() + 1, 2);
            var groups = order.Chunk(3).Select((indices, i) => (Cloud: i % 2 == 0 ? one : two, Group: indices.Select(x => batches[x]).ToArray())).ToList();
            foreach (var pair in groups.Chunk(2))
            {
                await Task.WhenAll(pair.Select(g => g.Cloud.TakeAsync(g.Group)));
            }

            Assert.Equal(batches.Length, await one.CommittedAsync(gateway));
            Assert.Equal(batches.Length, await one.JournalledAsync(gateway));
            Assert.Equal(gateway.LastHash, await one.AskAsync<byte[]>("SELECT last_hash FROM stream WHERE gateway = $1", gateway.Name));
            Assert.Equal(0, await one.AskAsync<int>("SELECT cardinality(ahead_sequence) FROM stream WHERE gateway = $1", gateway.Name));
        }
    }

    // A stream's links, and an order that delivers each at least once.
    private static Gen<(Link[], int[])> Deliveries(int maxLength) =>
        from length in Gen.Choose(1, maxLength)
        from repeated in Gen.ListOf(Gen.Choose(0, length - 1))
        from order in Gen.Shuffle(Enumerable.Range(0, length).Concat(repeated).ToArray())
        select (Links(length), order.ToArray());

    private static Link[] Links(int length)
    {
        var links = new Link[length];
        byte[] previous = [];
        for (var i = 0; i < length; i++)
        {
            var hash = BatchSignature.Hash(BitConverter.GetBytes(i));
            links[i] = new Link(i + 1, i + 1, previous, hash);
            previous = hash;
        }

        return links;
    }
}
