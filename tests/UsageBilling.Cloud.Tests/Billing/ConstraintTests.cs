using Npgsql;

namespace UsageBilling.Cloud.Tests.Billing;

/// <summary>States that must not exist cannot be stored, whoever writes.</summary>
public class ConstraintTests : IClassFixture<MigratedDatabase>
{
    private readonly MigratedDatabase database;

    public ConstraintTests(MigratedDatabase database) => this.database = database;

    [Theory]
    [InlineData("ARRAY['receivable', 'revenue']", "ARRAY[10.00, -9.99]")]
    [InlineData("ARRAY['receivable']", "ARRAY[0.00]")]
    [InlineData("ARRAY['receivable', NULL]", "ARRAY[10.00, -10.00]")]
    [InlineData("ARRAY['receivable', 'revenue']", "ARRAY[10.00, NULL]")]
    [InlineData("ARRAY['receivable', 'revenue', 'tax']", "ARRAY[10.00, -10.00]")]
    [InlineData("ARRAY['receivable', 'revenue']", "ARRAY['NaN', 'NaN']::numeric[]")]
    [InlineData("ARRAY[['receivable', 'revenue']]", "ARRAY[[10.00, -10.00]]")]
    [InlineData("'{}'", "'{}'")]
    public Task A_posting_that_does_not_balance_cannot_exist(string accounts, string amounts) => RefusedAsync(PostgresErrorCodes.CheckViolation, Posting(accounts, amounts));

    [Fact]
    public async Task A_posting_that_balances_can()
    {
        await using var command = database.Source.CreateCommand(Posting("ARRAY['receivable', 'revenue', 'tax']", "ARRAY[11.90, -10.00, -1.90]"));
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    [Fact]
    public async Task Two_supplies_of_a_service_point_cannot_overlap()
    {
        await RunAsync("INSERT INTO service_point VALUES ('S1', 'M1', 'UTC', 's', 'p', 'c', 'DE')");
        await RunAsync("INSERT INTO supply VALUES ('S1', '[2026-01-01, 2026-07-01)', 'A', 'C1'), ('S1', '[2026-07-01,)', 'B', 'C2')");
        await RefusedAsync(PostgresErrorCodes.ExclusionViolation, "INSERT INTO supply VALUES ('S1', '[2026-06-30, 2026-07-01)', 'X', 'C3')");
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("(,2026-01-01)")]
    [InlineData("(2026-01-01,2026-02-01]")]
    public async Task A_supply_has_a_beginning_and_is_half_open(string range)
    {
        await RunAsync("INSERT INTO service_point VALUES ('S2', 'M2', 'UTC', 's', 'p', 'c', 'DE') ON CONFLICT DO NOTHING");
        await RefusedAsync(PostgresErrorCodes.CheckViolation, $"INSERT INTO supply VALUES ('S2', '{range}', 'A', 'C')");
    }

    [Fact]
    public async Task Live_bills_of_a_contract_cannot_overlap_and_cancelled_ones_do_not_count()
    {
        await RunAsync(Bill("B1", "2026-10-01", 1, "cancelled"));
        await RunAsync(Bill("B1", "2026-10-01", 2, "approved"));
        await RefusedAsync(PostgresErrorCodes.ExclusionViolation, Bill("B1", "2026-10-01", 3, "draft"));
        await RefusedAsync(PostgresErrorCodes.ExclusionViolation, Bill("B1", "2026-10-15", 1, "draft"));
    }

    [Theory]
    [InlineData("DELETE FROM invoice")]
    [InlineData("UPDATE invoice SET total = 0")]
    [InlineData("UPDATE invoice_number SET number = 7")]
    [InlineData("DELETE FROM invoice_number")]
    [InlineData("UPDATE ledger_posting SET currency = 'USD'")]
    [InlineData("DELETE FROM ledger_posting")]
    [InlineData("DELETE FROM audit")]
    [InlineData("UPDATE invoice_document SET content = ''")]
    [InlineData("UPDATE tariff_version SET document = ''")]
    public Task The_service_cannot_change_what_is_issued_posted_or_audited(string sql) => RefusedAsync(PostgresErrorCodes.InsufficientPrivilege, sql);

    [Fact]
    public async Task A_bill_has_one_number_for_each_kind_of_document()
    {
        var bill = Guid.NewGuid();
        await RunAsync($"INSERT INTO invoice_number VALUES ('S', 1, 'A', '{bill}', 'invoice', now()), ('SC', 1, 'A', '{bill}', 'credit-note', now())");
        await RefusedAsync(PostgresErrorCodes.UniqueViolation, $"INSERT INTO invoice_number VALUES ('S', 2, 'A', '{bill}', 'invoice', now())");
        await RefusedAsync(PostgresErrorCodes.UniqueViolation, $"INSERT INTO invoice_number VALUES ('S', 1, 'A', '{Guid.NewGuid()}', 'invoice', now())");
    }

    private static string Posting(string accounts, string amounts) =>
        $"INSERT INTO ledger_posting VALUES ('A', '{Guid.NewGuid()}', now(), '2026-11-01', 'EUR', 'test', {accounts}, {amounts})";

    private static string Bill(string contract, string from, int revision, string state) =>
        $"""
        INSERT INTO bill (account_id, contract_id, period_start, revision, bill_id, period_end, state, service_point_id, zone, tzdb_version, currency, net, tax, total, opening, closing, content,
                          content_hash, rated_at, approved_by, cancelled_at, cancel_reason)
        VALUES ('A', '{contract}', '{from}', {revision}, gen_random_uuid(), '2026-11-01', '{state}', 'P', 'UTC', 'x', 'EUR', 0, 0, 0, '', '', 'x', sha256('x'), now(), 'x', now(), 'x')
        """;

    private async Task RunAsync(string sql)
    {
        await using var command = database.Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task RefusedAsync(string state, string sql) =>
        Assert.Equal(state, (await Assert.ThrowsAsync<PostgresException>(() => RunAsync(sql))).SqlState);
}
