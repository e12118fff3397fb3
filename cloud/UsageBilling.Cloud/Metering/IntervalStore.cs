using System.Collections.Immutable;
using NodaTime;
using Npgsql;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Reads stored intervals for rating, with the manifest that reads exactly the same again.</summary>
public sealed class IntervalStore(NpgsqlDataSource database)
{
    /// <summary>Intervals of channels over [from, to), both on the UTC grid. Unknown channels are not in the result.</summary>
    public Task<ImmutableDictionary<ChannelId, ChannelProfile>> ReadAsync(IReadOnlyCollection<ChannelId> channels, Instant from, Instant to, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}");

    /// <summary>The profile of a manifest: the versions it names, from the current rows or from history. One channel, days in order.</summary>
    public Task<LoadProfile> ReadManifestAsync(IReadOnlyList<ManifestEntry> manifest, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}");

    /// <summary>Keeps the named versions for ever, in the caller's transaction. False when one was replaced meanwhile and not kept: read again.</summary>
    public Task<bool> PinAsync(NpgsqlConnection connection, IReadOnlyCollection<ManifestEntry> manifest, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}");

    /// <summary>Where the channel's register stood at an instant; null where none was installed.</summary>
    public Task<RegisterStatement?> ReadRegisterAsync(ChannelId channel, Instant at, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}");
}
