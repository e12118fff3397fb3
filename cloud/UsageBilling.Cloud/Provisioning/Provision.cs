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
/// Provisioning: everything of a document in one transaction, contracts and meters alike, so that a document with a problem leaves nothing behind. A dry run does the same and takes it back.
/// </summary>
public sealed class Provision(NpgsqlDataSource database, TimeProvider time)
{
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

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var counts = await SaveAsync(connection, transaction, document, actor, problems, cancellationToken);
        if (problems.Count == 0)
        {
            await InstallAsync(connection, document, problems, cancellationToken);
            await RegisterVirtualAsync(connection, document, problems, cancellationToken);
            await SaveAlternatesAsync(connection, document, actor, problems, cancellationToken);
            await SaveZeroReasonsAsync(connection, document, actor, problems, cancellationToken);
        }

        if (problems.Count == 0 && !dryRun)
        {
            await transaction.CommitAsync(cancellationToken);
        }

        return new(dryRun, problems.Count == 0 ? counts : [], problems);
    }

    private async Task<List<ProvisionedCount>> SaveAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, ProvisioningDocument document, string actor, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
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

    private async Task InstallAsync(NpgsqlConnection connection, ProvisioningDocument document, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        var zones = document.ServicePoints.ToDictionary(p => p.Id, p => p.Zone);
        await RegisterAdministration.LockAsync(connection, document.Meters.SelectMany(m => m.Registers.SelectMany(r => r.TimeOfUse.Select(t => t.Key(m)).Prepend(r.Key(m)))), cancellationToken);
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
                    await InstallAsync(connection, meter, register, zone, cancellationToken);
                }
                catch (MeteringConfigurationException e)
                {
                    problems.Add(new(register.Path, e.Message));
                }
            }
        }
    }

    private async Task RegisterVirtualAsync(NpgsqlConnection connection, ProvisioningDocument document, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        if (document.VirtualChannels.Count == 0)
        {
            return;
        }

        try
        {
            var registrations = new List<VirtualRegistration>();
            foreach (var channel in document.VirtualChannels)
            {
                var point = await AccountLookup.ServicePointAsync(connection, channel.Key.Point, cancellationToken);
                registrations.Add(new VirtualRegistration(channel.Key, point!.Zone, channel.Formula));
            }

            await VirtualChannels.RegisterAsync(connection, registrations, time.GetCurrentInstant(), cancellationToken);
        }
        catch (MeteringConfigurationException e)
        {
            problems.Add(new("$.virtualChannels", e.Message));
        }
    }

    private async Task SaveAlternatesAsync(NpgsqlConnection connection, ProvisioningDocument document, string actor, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        // What meters and formulas lack would be said of each alternate again.
        if (problems.Count > 0)
        {
            return;
        }

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
    }

    private async Task SaveZeroReasonsAsync(NpgsqlConnection connection, ProvisioningDocument document, string actor, List<ProvisioningProblem> problems, CancellationToken cancellationToken)
    {
        foreach (var reason in problems.Count == 0 ? document.ZeroReasons : [])
        {
            var result = await ZeroReasons.SaveAsync(connection, reason.ServicePoint, reason.Reason, reason.From, reason.To, reason.Note, actor, time.GetCurrentInstant(), cancellationToken);
            if (result.Problem is { } problem)
            {
                problems.Add(new(reason.Path, problem));
            }
        }
    }

    private async Task InstallAsync(NpgsqlConnection connection, ProvisionedMeter meter, ProvisionedRegister register, string zone, CancellationToken cancellationToken)
    {
        var key = register.Key(meter);
        var channel = register.Channel(meter);
        var now = time.GetCurrentInstant();
        await RegisterAdministration.RegisterAsync(connection, new RegisterRegistration(key, register.Scale, meter.IntervalMinutes), now, cancellationToken);
        await RegisterAdministration.RegisterAsync(connection, new ChannelRegistration(channel, register.Exponent, zone), now, cancellationToken);
        await RegisterAdministration.InstallAsync(
            connection, new RegisterInstallation(channel, key, meter.InstalledAt, register.Start, register.Digits, register.Multiplier, register.MaxAdvancePerHour), now, cancellationToken);
        foreach (var part in register.TimeOfUse)
        {
            await RegisterAdministration.RegisterAsync(connection, new RegisterRegistration(part.Key(meter), part.Scale, meter.IntervalMinutes), now, cancellationToken);
            await TimeOfUseRegisters.InstallAsync(connection, new TimeOfUseInstallation(part.Key(meter), key, meter.InstalledAt, part.Start, part.Digits, part.Multiplier, part.MaxAdvancePerHour), now, cancellationToken);
        }

        if (meter.RemovedAt is { } removed)
        {
            foreach (var part in register.TimeOfUse)
            {
                await TimeOfUseRegisters.RemoveAsync(connection, new RegisterRemoval(part.Key(meter), removed, part.End), now, cancellationToken);
            }

            await RegisterAdministration.RemoveAsync(connection, new RegisterRemoval(key, removed, register.End), now, cancellationToken);
        }
    }
}
