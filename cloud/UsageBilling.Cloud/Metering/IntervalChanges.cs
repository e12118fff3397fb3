using System.Collections.Immutable;
using Npgsql;

namespace UsageBilling.Cloud.Metering;

/// <summary>
/// Days that changed after they may have been billed. A bill is touched when a changed slot lies in the slot range that its
/// manifest names for that channel and day and the manifest's version is older than <see cref="IntervalDayChange.ToVersion"/>.
/// </summary>
public static class IntervalChanges
{
    /// <summary>
    /// Takes up to <paramref name="limit"/> changes out of the list in the caller's transaction, oldest first. Concurrent callers get different ones;
    /// when the transaction is rolled back they are in the list again.
    /// </summary>
    public static Task<ImmutableArray<IntervalDayChange>> TakeAsync(NpgsqlConnection connection, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{connection}{limit}");
}
