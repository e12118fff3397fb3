using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Billing;
using UsageBilling.Cloud.Database;
using UsageBilling.Cloud.Metering;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Verification;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Verification;

/// <summary>Every bill adds up, conserves what its registers advanced, and comes out of its manifest byte for byte.</summary>
internal sealed class BillChecks(Verification report, NpgsqlConnection connection, NpgsqlDataSource database, IntervalStore intervals)
{
    private sealed record Stored(string Account, string Contract, string State, byte[] Content, string Hash, string Opening, int AnchorDay, decimal Net, decimal Tax, decimal Total);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var rerating = new BillRerating(database, intervals);
        var versions = await VersionsAsync(cancellationToken);
        var dropped = await Retention.DroppedBeforeAsync(connection, cancellationToken);
        var run = new List<Bill>();
        var contract = "";
        var changed = false;
        foreach (var stored in await BillsAsync(cancellationToken))
        {
            if (contract != $"{stored.Account}/{stored.Contract}")
            {
                Conserve(run, changed);
                changed = false;
                contract = $"{stored.Account}/{stored.Contract}";
            }

            if (Read(stored, contract) is { } bill)
            {
                if (dropped is { } kept && bill.Manifest.Any(m => UtcDay.StartOf(m.Day) < kept))
                {
                    // Its intervals went when their years did; what the bill says, sums up to and follows on is checked all the same.
                    report.Count("bills older than what is kept");
                }
                else if (await rerating.DifferenceAsync(bill, stored.Content, stored.Opening, stored.AnchorDay, cancellationToken) is { } difference)
                {
                    report.Differs("rating", bill.Key.ToString(), difference);
                }

                if (stored.State is "frozen" or "issued")
                {
                    run.Add(bill);
                    changed |= Newer(bill, versions);
                }
            }
        }

        Conserve(run, changed);
    }

    private Bill? Read(Stored stored, string contract)
    {
        report.Count("bills");
        Bill bill;
        try
        {
            bill = BillSnapshot.Parse(stored.Content);
        }
        catch (FormatException e)
        {
            report.Differs("bill", contract, e.Message);
            return null;
        }

        if (Convert.ToHexStringLower(SHA256.HashData(stored.Content)) != stored.Hash)
        {
            report.Differs("bill", bill.Key.ToString(), "the content does not have its hash");
        }

        if ((stored.Net, stored.Tax, stored.Total) != (bill.Charges.Net, bill.Charges.Tax, bill.Charges.Total))
        {
            report.Differs("bill", bill.Key.ToString(), $"the row says {stored.Total}, the content {bill.Charges.Total}");
        }

        foreach (var issue in ChargeArithmetic.Check(bill.Charges))
        {
            report.Differs("arithmetic", bill.Key.ToString(), $"{issue.Path} {issue.Message}");
        }

        return bill;
    }

    // Late data that waits for a rebill moves registers under bills that are issued already: that is pending, not wrong.
    private void Conserve(List<Bill> run, bool changed)
    {
        foreach (var breach in Conservation.Check(run))
        {
            var detail = $"{breach.Code}: {breach.Message}";
            if (changed && breach.Code == "register.continuity")
            {
                report.Waits("rebill", breach.Bill.ToString(), detail);
            }
            else
            {
                report.Differs("conservation", breach.Bill.ToString(), detail);
            }
        }

        run.Clear();
    }

    private bool Newer(Bill bill, Dictionary<(Guid, LocalDate), int> versions)
    {
        var newer = bill.Manifest.Where(m => versions.GetValueOrDefault((m.Channel.Value, m.Day)) > m.Version).ToList();
        if (newer.Count > 0)
        {
            report.Waits("rebill", bill.Key.ToString(), $"{newer.Count} days have newer versions than the bill used, first {newer[0].Day:uuuu-MM-dd}");
        }

        return newer.Count > 0;
    }

    private async Task<Dictionary<(Guid, LocalDate), int>> VersionsAsync(CancellationToken cancellationToken)
    {
        var versions = new Dictionary<(Guid, LocalDate), int>();
        await foreach (var row in connection.StreamAsync("SELECT d.channel_id, d.day, d.version FROM interval_day d WHERE EXISTS (SELECT FROM bill_channel c WHERE c.channel_id = d.channel_id AND d.day BETWEEN c.first_day AND c.last_day)",
            cancellationToken))
        {
            versions[(row.GetGuid(0), row.GetFieldValue<LocalDate>(1))] = row.GetInt32(2);
        }

        return versions;
    }

    private async Task<List<Stored>> BillsAsync(CancellationToken cancellationToken)
    {
        var bills = new List<Stored>();
        await foreach (var row in connection.StreamAsync("""
            SELECT b.account_id, b.contract_id, b.state, b.content, b.content_hash, b.opening, c.anchor_day, b.net, b.tax, b.total
            FROM bill b JOIN contract c ON c.account_id = b.account_id AND c.contract_id = b.contract_id
            ORDER BY b.account_id, b.contract_id, b.period_start, b.revision
            """,
            cancellationToken))
        {
            bills.Add(new Stored(
                row.GetString(0), row.GetString(1), row.GetString(2), Encoding.UTF8.GetBytes(row.GetString(3)), Convert.ToHexStringLower(row.GetFieldValue<byte[]>(4)), row.GetString(5),
                row.GetInt16(6), row.GetDecimal(7), row.GetDecimal(8), row.GetDecimal(9)));
        }

        return bills;
    }
}
