using System.Text;
using NodaTime;
using UsageBilling.Invoicing.Bills;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>A provisioned site with readings of October 2026, on a database that goes when the test ends.</summary>
internal sealed class Scene : IAsyncDisposable
{
    private readonly MigratedDatabase database;

    private Scene(MigratedDatabase database, BillingSite site)
    {
        this.database = database;
        Site = site;
    }

    public BillingSite Site { get; }

    public string AdminConnectionString => database.Postgres.AdminConnectionString;

    public static async Task<Scene> CreateAsync(int households, Func<BillingSite, Task>? read = null, Action<System.Text.Json.Nodes.JsonObject>? change = null)
    {
        var database = new MigratedDatabase();
        await database.InitializeAsync();
        var site = new BillingSite(database.Source, households);
        var document = site.Document();
        change?.Invoke(document);
        await site.ProvisionAsync(document);
        await (read is null ? site.ReadAsync(new LocalDate(2026, 10, 1), new LocalDate(2026, 11, 1)) : read(site));
        return new Scene(database, site);
    }

    public async Task<List<string>> BillsAsync()
    {
        await using var command = Site.Database.CreateCommand("SELECT bill_id::text || state || encode(content_hash, 'hex') || rated_at FROM bill ORDER BY 1");
        await using var row = await command.ExecuteReaderAsync();
        var bills = new List<string>();
        while (await row.ReadAsync())
        {
            bills.Add(row.GetString(0));
        }

        return bills;
    }

    public async Task<Bill> BillAsync(string account, LocalDate period)
    {
        await using var command = Site.Database.CreateCommand("SELECT content FROM bill WHERE account_id = $1 AND period_start = $2 ORDER BY revision DESC LIMIT 1");
        command.Parameters.Add(new() { Value = account });
        command.Parameters.Add(new() { Value = period });
        return BillSnapshot.Parse(Encoding.UTF8.GetBytes((string)(await command.ExecuteScalarAsync())!));
    }

    /// <summary>What the meter of household 1 shows, as <see cref="BillingSite.ReadAsync"/> advances it.</summary>
    public Task<long> DisplayAsync(Instant at) =>
        Task.FromResult(1_000_000 + (long)((at - BillingSite.StartOf(new LocalDate(2026, 9, 1))).TotalMinutes / 15) * 101);

    public async ValueTask DisposeAsync() => await database.DisposeAsync();
}
