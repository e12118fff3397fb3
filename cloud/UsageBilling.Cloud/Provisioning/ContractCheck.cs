using System.Text;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Tariffs;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>Whether a contract can be billed at all: its parameters, and its tariff's currency. Found here, it costs a correction; found at billing, a held bill.</summary>
internal sealed class ContractCheck(NpgsqlConnection connection)
{
    private readonly Dictionary<string, List<Tariff>> tariffs = new(StringComparer.Ordinal);

    /// <summary>Problems by the property of the contract that they are in.</summary>
    public async Task<List<ContractInputProblem>> ProblemsAsync(ContractRecord contract, CancellationToken cancellationToken)
    {
        if (!tariffs.TryGetValue(contract.Tariff, out var versions))
        {
            var stored = await TariffVersions.ReadAsync(connection, [contract.Tariff], cancellationToken);
            tariffs[contract.Tariff] = versions = [.. stored.Select(v => TariffDocument.Parse(Encoding.UTF8.GetBytes(v.Document)).Tariff).OfType<Tariff>()];
        }

        var used = versions.Where((v, i) =>
            (contract.To is null || v.EffectiveFrom < contract.To) && (i == versions.Count - 1 || versions[i + 1].EffectiveFrom > contract.From)).ToList();
        var problems = ContractInputs.Check(contract.Parameters, used).ConvertAll(p => p with { Name = $"parameters.{p.Name}" });
        if (await AccountLookup.AccountAsync(connection, contract.Account, cancellationToken) is { } account
            && used.FirstOrDefault(t => t.Currency.Code != account.Currency) is { } foreign)
        {
            problems.Add(new(
                "tariff", $"tariff {foreign.Label} is in {foreign.Currency.Code}, account {account.Id} is in {account.Currency}; choose a tariff in {account.Currency}, or an account in {foreign.Currency.Code}"));
        }

        return problems;
    }
}
