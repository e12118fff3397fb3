using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace UsageBilling.Cloud.Ingest;

/// <summary>What ingest counts, under the meter <c>UsageBilling.Ingest</c>.</summary>
internal static class IngestMetrics
{
    public const string Name = "UsageBilling.Ingest";

    private static readonly Meter Meter = new(Name);

    /// <summary>One activity a group, from the queue to the commit.</summary>
    public static ActivitySource Activities { get; } = new(Name);

    public static Counter<long> Batches { get; } = Meter.CreateCounter<long>("ingest.batches", "{batch}", "Batches journalled");

    public static Counter<long> Readings { get; } = Meter.CreateCounter<long>("ingest.readings", "{reading}", "Readings journalled");

    public static Counter<long> Parked { get; } = Meter.CreateCounter<long>("ingest.parked", "{batch}", "Batches parked as a whole, by reason");

    public static Counter<long> Refused { get; } = Meter.CreateCounter<long>("ingest.refused", "{batch}", "Messages refused, by reason");

    public static Counter<long> Replies { get; } = Meter.CreateCounter<long>("ingest.replies", "{message}", "Messages to gateways, by kind");

    public static Counter<long> Bisections { get; } = Meter.CreateCounter<long>("ingest.bisections", "{group}", "Groups halved because the database refused a row");

    public static Counter<long> Overflow { get; } = Meter.CreateCounter<long>("ingest.overflow", "{batch}", "Batches not taken because the queue was full; their gateways send them again");

    public static Histogram<double> CommitTime { get; } = Meter.CreateHistogram<double>("ingest.commit.duration", "s", "From the lock to the commit of a group");

    public static void Count(GroupOutcome outcome)
    {
        Batches.Add(outcome.Journalled.Count);
        Readings.Add(outcome.Journalled.Sum(b => (long)b.Readings));
        foreach (var parked in outcome.Parked)
        {
            Parked.Add(1, new KeyValuePair<string, object?>("reason", parked.Reason));
        }

        foreach (var refused in outcome.Refused)
        {
            Refused.Add(1, new KeyValuePair<string, object?>("reason", refused.Reason));
        }

        foreach (var reply in outcome.Replies)
        {
            Replies.Add(1, new KeyValuePair<string, object?>("kind", reply.Ack.Kind.ToString()));
        }
    }
}
