using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Billing;

/// <summary>What a unit of a channel's quantity cost on average in the last bill: its net amount, standing charges and all, by the quantity that it billed for the channel.</summary>
/// <param name="PerUnit">Money per <paramref name="Unit"/>.</param>
/// <param name="Unit">The unit of the bill's quantity.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="PeriodStart">First day of that bill.</param>
public sealed record BilledPrice(decimal PerUnit, Unit Unit, string Currency, LocalDate PeriodStart);

/// <summary>Average prices out of bills, for whoever has to say what a doubtful quantity is worth.</summary>
public static class BilledPrices
{
    /// <summary>By the latest bill of the service point that is not cancelled and billed something for the channel; null where there is none.</summary>
    public static async Task<BilledPrice?> LastAsync(NpgsqlConnection connection, ChannelKey channel, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT content, currency, net, period_start FROM bill WHERE service_point_id = $1 AND state <> 'cancelled' ORDER BY period_start DESC LIMIT 3", connection);
        command.Parameters.Add(new() { Value = channel.Point });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var bill = BillSnapshot.Parse(Encoding.UTF8.GetBytes(row.GetString(0)));
            if (bill.Usage.FirstOrDefault(u => u.Channel == channel) is { Quantity: > 0 } usage)
            {
                return new BilledPrice(Math.Abs(row.GetDecimal(2)) / usage.Quantity, usage.Unit, row.GetString(1), row.GetFieldValue<LocalDate>(3));
            }
        }

        return null;
    }
}
