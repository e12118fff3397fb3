using Npgsql;
using UsageBilling.Cloud.Tests.Billing;

namespace UsageBilling.Cloud.Tests.Verification;

/// <summary>Each thing that verification promises to see is broken behind the constraints' back, and seen.</summary>
public class VerificationTests
{
    [Theory]
    [InlineData("arithmetic", "UPDATE bill SET content = replace(content, '\"total\":\"116.67\"', '\"total\":\"116.68\"') WHERE account_id = 'A0001'; UPDATE bill SET content_hash = sha256(convert_to(content, 'UTF8')), total = 116.68 WHERE account_id = 'A0001'")]
    [InlineData("rating", "UPDATE tariff_version SET document = replace(document, '0.30', '0.31'); UPDATE tariff_version SET hash = sha256(convert_to(document, 'UTF8'))")]
    [InlineData("bill", "UPDATE bill SET total = total + 1 WHERE account_id = 'A0001'")]
    [InlineData("bill", "UPDATE bill SET content_hash = sha256('x') WHERE account_id = 'A0001'")]
    [InlineData("invoice", "UPDATE invoice SET snapshot = replace(snapshot, 'Household 1', 'Household 9') WHERE account_id = 'A0001'")]
    [InlineData("invoice", "UPDATE invoice SET total = total + 1 WHERE account_id = 'A0001'")]
    [InlineData("invoice", "UPDATE invoice SET net = net + 1 WHERE account_id = 'A0001'")]
    [InlineData("invoice", "UPDATE invoice SET due_date = due_date + 30 WHERE account_id = 'A0001'")]
    [InlineData("invoice", "UPDATE invoice SET preceding = 'SW-2026-000002' WHERE account_id = 'A0001'")]
    [InlineData("document", "UPDATE invoice SET snapshot = regexp_replace(snapshot, '\"iban\":\"[^\"]*\"', '\"iban\":\"DE89370400440532013000\"'); UPDATE invoice SET hash = sha256(convert_to(snapshot, 'UTF8'))")]
    [InlineData("document", "UPDATE invoice_document SET content = convert_to(replace(convert_from(content, 'UTF8'), 'Household 1', 'Household 9'), 'UTF8') WHERE format = 'ubl'; UPDATE invoice_document SET hash = sha256(content)")]
    [InlineData("document", "UPDATE invoice_document SET content = 'x' WHERE format = 'ubl'; UPDATE invoice_document SET hash = sha256(content)")]
    [InlineData("invoice", "DELETE FROM document_pending; DELETE FROM invoice_document; DELETE FROM invoice WHERE account_id = 'A0001'")]
    [InlineData("document", "UPDATE invoice_document SET content = content || '\\x00' WHERE account_id = 'A0001'")]
    [InlineData("document", "UPDATE invoice_document SET content = convert_to(replace(convert_from(content, 'UTF8'), '116.67', '116.66'), 'UTF8') WHERE format = 'ubl'; UPDATE invoice_document SET hash = sha256(content)")]
    [InlineData("numbering", "DELETE FROM invoice_number WHERE number = 1")]
    [InlineData("numbering", "UPDATE invoice_series SET last_number = 7")]
    [InlineData("ledger", "UPDATE ledger_posting SET leg_amounts[1] = leg_amounts[1] + 1 WHERE account_id = 'A0001'")]
    [InlineData("ledger", "DELETE FROM ledger_posting WHERE account_id = 'A0001'")]
    [InlineData("ledger", "INSERT INTO ledger_posting VALUES ('A0001', 'invoice:SW-2026-000009', now(), '2026-11-01', 'EUR', 'x', '{a,b}', '{1,-1}')")]
    [InlineData("ledger", "INSERT INTO ledger_posting VALUES ('A0001', 'payment:1', now(), '2026-11-01', 'EUR', 'x', '{a,b}', '{1,-1}')")]
    [InlineData("supply", "DELETE FROM supply WHERE account_id = 'A0001'")]
    [InlineData("supply", "UPDATE supply SET valid = tstzrange(lower(valid) + interval '1 hour', NULL) WHERE account_id = 'A0001'")]
    [InlineData("rating", "UPDATE interval_day SET quantities = overlay(quantities placing '\\x00000001' from 5), hash = hash WHERE day = '2026-10-10'")]
    public async Task What_is_broken_is_reported(string kind, string sql)
    {
        await using var scene = await Scene.CreateAsync(2);
        await scene.Site.BillAsync(issue: true);
        await scene.Site.Cycle.RenderAsync(null, default);
        Assert.Empty((await scene.Site.VerifyAsync()).Differences);

        await using var connection = new NpgsqlConnection(scene.AdminConnectionString);
        await connection.OpenAsync();
        await ExecuteAsync(connection, """
            DO $$ DECLARE c record; BEGIN
              FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                       WHERE contype IN ('c', 'f') AND conrelid <> 0 AND connamespace = 'public'::regnamespace AND coninhcount = 0 LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', c.t, c.conname);
              END LOOP;
            END $$
            """);
        Assert.True(await ExecuteAsync(connection, sql) > 0, "nothing was broken");
        Assert.Contains((await scene.Site.VerifyAsync()).Differences, d => d.Kind == kind);
    }

    [Fact]
    public async Task A_bill_whose_intervals_went_with_their_years_is_counted_and_no_difference()
    {
        await using var scene = await Scene.CreateAsync(1);
        await scene.Site.BillAsync(issue: true);
        await scene.Site.Cycle.RenderAsync(null, default);
        await using var connection = new NpgsqlConnection(scene.AdminConnectionString);
        await connection.OpenAsync();
        await ExecuteAsync(connection, "DELETE FROM interval_day; DELETE FROM interval_day_history; DELETE FROM register_day; DELETE FROM register_segment");
        Assert.Contains((await scene.Site.VerifyAsync()).Differences, d => d.Kind == "rating");

        await ExecuteAsync(connection, "UPDATE retention SET dropped_before = '2027-01-01'");
        var report = await scene.Site.VerifyAsync();
        Assert.DoesNotContain(report.Differences, d => d.Kind == "rating");
        Assert.Equal(1, report.Checked["bills older than what is kept"]);

        await ExecuteAsync(connection, "UPDATE bill SET total = total + 1");
        Assert.Contains((await scene.Site.VerifyAsync()).Differences, d => d.Kind == "bill");
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteNonQueryAsync();
    }
}
