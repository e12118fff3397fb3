using NodaTime;
using Npgsql;

namespace UsageBilling.Cloud.Metering;

/// <summary>Puts registers and channels into service. Every call is idempotent: saying the same twice changes nothing; contradicting throws <see cref="MeteringConfigurationException"/>.</summary>
public sealed class RegisterAdministration(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Registers a register. Its parked readings are taken up by the projector.</summary>
    public Task RegisterAsync(RegisterRegistration registration, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");

    /// <summary>Registers a channel.</summary>
    public Task RegisterAsync(ChannelRegistration registration, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");

    /// <summary>Lets a register feed a channel from an instant on, and computes the intervals of what is already there.</summary>
    public Task InstallAsync(RegisterInstallation installation, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");

    /// <summary>Ends an installation and recomputes the intervals after it.</summary>
    public Task RemoveAsync(RegisterRemoval removal, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");

    /// <summary>Removal of one register and installation of another at the same instant, in one transaction.</summary>
    public Task ExchangeAsync(RegisterRemoval removal, RegisterInstallation installation, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");

    /// <summary>Samples at another interval from a UTC day on that has no readings yet.</summary>
    public Task ChangeIntervalAsync(UsageBilling.Protocols.RegisterKey register, LocalDate fromDay, int intervalMinutes, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{database}{time}");
}
