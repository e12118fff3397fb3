using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Cloud.Validation;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>How many of a kind were new, changed, or there already.</summary>
public sealed record ProvisionedCount(string Kind, int Added, int Changed, int Unchanged);

/// <summary>What provisioning did, or would have done. With any problem nothing is stored.</summary>
public sealed record ProvisioningResult(bool DryRun, IReadOnlyList<ProvisionedCount> Counts, IReadOnlyList<ProvisioningProblem> Problems);

/// <summary>
/// Provisioning: everything commercial in one transaction, then the meters, whose administration is idempotent by itself; repeating the document completes what a
/// crash between the two left open.
/// </summary>
public sealed class Provision(NpgsqlDataSource database, RegisterAdministration registers, TimeProvider time)
{
    private readonly ZeroReasons zeroReasons = new(database, time);

    /// <summary>Takes a document. Saying the same twice changes nothing.</summary>
    public async Task<ProvisioningResult> RunAsync(string json, Func<string, string?>? file, string actor, bool dryRun, CancellationToken cancellationToken)
    {
        var problems = new List<ProvisioningProblem>();
        var document = ProvisioningDocument.Parse(json, file, problems);
        if (document is not null)
        {
            problems.AddRange(ProvisioningCheck.Problems(document));
        }

        if (document is null || problems.Count > 0)
        {
            return new(dryRun, [], problems);
        }

        var counts = await SaveAsync(document, actor, dryRun, problems, cancellationToken);
        if (problems.Count == 0 && !dryRun)
        {
            await InstallAsync(document, problems, cancellationToken);
            await RegisterVirtualAsync(document, problems, cancellationToken);
            await SaveAlternatesAsync(document, actor, problems, cancellationToken);
            await SaveZeroReasonsAsync(document, actor, problems, cancellationToken);
        }

        return new(dryRun, problems.Count == 0 ? counts : [], problems);
    }

    private async Task<List<ProvisionedCount>> SaveAsync(ProvisioningDocument document, string actor, bool dryRun, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var now = time.GetCurrentInstant();
        var accounts = new AccountStore(connection, actor, now);
        var tariffs = new TariffCatalog(connection, actor, now);
        var contracts = new ContractCheck(connection);
        var usage = new UsageDefinitionStore(connection, actor, now);
        List<ProvisionedCount> counts =
        [
            await EachAsync("suppliers", document.Suppliers, (_, s) => accounts.SaveAsync(s, cancellationToken)),
            await EachAsync("tariffs", document.Tariffs, async (_, t) =>
            {
                var (saved, wrong) = await tariffs.SaveAsync(t.Document, cancellationToken);
                problems.AddRange(wrong.Select(w => new ProvisioningProblem($"{t.Path} {w.Path}", w.Message)));
                return saved;
            }),
            await EachAsync("accounts", document.Accounts, (_, a) => accounts.SaveAsync(a, cancellationToken)),
            await EachAsync("servicePoints", document.ServicePoints, (_, p) => accounts.SaveAsync(p, cancellationToken)),
            await EachAsync("contracts", document.Contracts, async (i, c) =>
            {
                var saved = await accounts.SaveAsync(c, cancellationToken);
                if (await tariffs.CoversAsync(c.Tariff, c.From, cancellationToken))
                {
                    problems.AddRange((await contracts.ProblemsAsync(c, cancellationToken)).Select(p => new ProvisioningProblem($"$.contracts[{i}].{p.Name}", p.Message)));
                    return saved;
                }

                throw new AccountConflictException($"no version of tariff {c.Tariff} is in force on {c.From:uuuu-MM-dd}; add one that is, or let the contract begin later");
            }),
            await EachAsync("usageDefinitions", document.Usage, async (_, u) =>
            {
                var (saved, wrong) = await usage.SaveAsync(u, cancellationToken);
                problems.AddRange(wrong);
                return saved;
            }),
        ];
        foreach (var (meter, index) in document.Meters.Select((m, i) => (m, i)))
        {
            if (await AccountLookup.ServicePointAsync(connection, meter.ServicePoint, cancellationToken) is null)
            {
                problems.Add(new($"$.meters[{index}].servicePoint", $"there is no service point {meter.ServicePoint}; add it to servicePoints"));
            }
        }

        foreach (var channel in document.VirtualChannels)
        {
            if (await AccountLookup.ServicePointAsync(connection, channel.Key.Point, cancellationToken) is null)
            {
                problems.Add(new($"{channel.Path}.servicePoint", $"there is no service point {channel.Key.Point}; add it to servicePoints"));
            }
        }

        foreach (var reason in document.ZeroReasons)
        {
            if (await AccountLookup.ServicePointAsync(connection, reason.ServicePoint, cancellationToken) is null)
            {
                problems.Add(new($"{reason.Path}.servicePoint", $"there is no service point {reason.ServicePoint}; add it to servicePoints"));
            }
        }

        if (problems.Count == 0 && !dryRun)
        {
            await transaction.CommitAsync(cancellationToken);
        }

        return counts;

        async Task<ProvisionedCount> EachAsync<T>(string kind, IReadOnlyList<T> items, Func<int, T, Task<Saved>> save)
        {
            var count = new ProvisionedCount(kind, 0, 0, 0);
            for (var i = 0; i < items.Count; i++)
            {
                // A savepoint keeps the transaction usable after a refused row, so that every problem is listed.
                await transaction.SaveAsync("item", cancellationToken);
                try
                {
                    count = await save(i, items[i]) switch
                    {
                        Saved.Added => count with { Added = count.Added + 1 },
                        Saved.Changed => count with { Changed = count.Changed + 1 },
                        _ => count with { Unchanged = count.Unchanged + 1 },
                    };
                }
                catch (AccountConflictException e)
                {
                    problems.Add(new($"$.{kind}[{i}]", e.Message));
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.CheckViolation)
                {
                    await transaction.RollbackAsync("item", cancellationToken);
                    problems.Add(new($"$.{kind}[{i}]", Explain(e)));
                }
            }

            return count;
        }
    }

    private static string Explain(PostgresException e) => e.SqlState switch
    {
        PostgresErrorCodes.ForeignKeyViolation => $"names something that does not exist ({e.ConstraintName}); add it to the document or correct the name",
        PostgresErrorCodes.UniqueViolation => $"is taken by another one ({e.ConstraintName}); choose another value",
        _ => $"is not allowed ({e.ConstraintName}); see the schema of the document",
    };

    private async Task InstallAsync(ProvisioningDocument document, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        var zones = document.ServicePoints.ToDictionary(p => p.Id, p => p.Zone);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var meter in document.Meters.OrderBy(m => m.InstalledAt))
        {
            if (!zones.TryGetValue(meter.ServicePoint, out var zone))
            {
                zones[meter.ServicePoint] = zone = (await AccountLookup.ServicePointAsync(connection, meter.ServicePoint, cancellationToken))!.Zone;
            }

            foreach (var register in meter.Registers)
            {
                try
                {
                    await InstallAsync(meter, register, zone, cancellationToken);
                }
                catch (MeteringConfigurationException e)
                {
                    problems.Add(new(register.Path, e.Message));
                }
            }
        }
    }

    private async Task RegisterVirtualAsync(ProvisioningDocument document, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        if (document.VirtualChannels.Count == 0)
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        try
        {
            var registrations = new List<VirtualRegistration>();
            foreach (var channel in document.VirtualChannels)
            {
                var point = await AccountLookup.ServicePointAsync(connection, channel.Key.Point, cancellationToken);
                registrations.Add(new VirtualRegistration(channel.Key, point!.Zone, channel.Formula));
            }

            await VirtualChannels.RegisterAsync(connection, registrations, time.GetCurrentInstant(), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (MeteringConfigurationException e)
        {
            problems.Add(new("$.virtualChannels", e.Message));
        }
    }

    private async Task SaveAlternatesAsync(ProvisioningDocument document, string actor, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        if (document.Alternates.Count == 0 || problems.Count > 0)
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        foreach (var alternate in document.Alternates)
        {
            try
            {
                var (_, of, by, isCheckMeter, from, to) = alternate;
                await ChannelAlternates.SaveAsync(connection, new ChannelAlternate(of.Id, by.Id, isCheckMeter, from, to), actor, time.GetCurrentInstant(), cancellationToken);
            }
            catch (MeteringConfigurationException e)
            {
                problems.Add(new(alternate.Path, e.Message));
            }
        }

        if (problems.Count == 0)
        {
            await transaction.CommitAsync(cancellationToken);
        }
    }

    private async Task SaveZeroReasonsAsync(ProvisioningDocument document, string actor, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        foreach (var reason in problems.Count == 0 ? document.ZeroReasons : [])
        {
            var result = await zeroReasons.SaveAsync(reason.ServicePoint, reason.Reason, reason.From, reason.To, reason.Note, actor, cancellationToken);
            if (result.Problem is { } problem)
            {
                problems.Add(new(reason.Path, problem));
            }
        }
    }

    private async Task InstallAsync(ProvisionedMeter meter, ProvisionedRegister register, string zone, CancellationToken cancellationToken)
    {
        var key = register.Key(meter);
        var channel = register.Channel(meter);
        await registers.RegisterAsync(new RegisterRegistration(key, register.Scale, meter.IntervalMinutes), cancellationToken);
        await registers.RegisterAsync(new ChannelRegistration(channel, register.Exponent, zone), cancellationToken);
        await registers.InstallAsync(
            new RegisterInstallation(channel, key, meter.InstalledAt, register.Start, register.Digits, register.Multiplier, register.MaxAdvancePerHour), cancellationToken);
        foreach (var part in register.TimeOfUse)
        {
            await registers.RegisterAsync(new RegisterRegistration(part.Key(meter), part.Scale, meter.IntervalMinutes), cancellationToken);
            await registers.InstallAsync(new TimeOfUseInstallation(part.Key(meter), key, meter.InstalledAt, part.Start, part.Digits, part.Multiplier, part.MaxAdvancePerHour), cancellationToken);
        }

        if (meter.RemovedAt is { } removed)
        {
            foreach (var part in register.TimeOfUse)
            {
                await registers.RemoveTimeOfUseAsync(new RegisterRemoval(part.Key(meter), removed, part.End), cancellationToken);
            }

            await registers.RemoveAsync(new RegisterRemoval(key, removed, register.End), cancellationToken);
        }
    }
}
