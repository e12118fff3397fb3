using Npgsql;

namespace UsageBilling.Cloud.Validation;

/// <summary>For whoever is about to bill: what is due is validated and estimated first, so that a bill does not stand on data that changes a moment later.</summary>
internal sealed class ValidatedDays(ValidationRun run)
{
    private const int AtOnce = 400;

    /// <summary>The same over a database, for verbs.</summary>
    public static ValidatedDays Create(NpgsqlDataSource database, TimeProvider time) => new(new ValidationRun(database, new RuleSets(database, time), time));

    /// <summary>Validates all days that are due.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        while (await run.TakeDueAsync(AtOnce, cancellationToken) is not null)
        {
        }
    }
}
