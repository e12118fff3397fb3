using System.Text.Json.Nodes;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Audit;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Accounts;

/// <summary>Saves suppliers, accounts, service points and contracts in the caller's transaction. Saying the same twice changes nothing; every change is audited.</summary>
public sealed class AccountStore(NpgsqlConnection connection, string actor, Instant now)
{
    /// <summary>Saves a supplier.</summary>
    public async Task<Saved> SaveAsync(SupplierRecord supplier, CancellationToken cancellationToken)
    {
        var before = await AccountRows.SupplierAsync(connection, supplier.Id, cancellationToken);
        if (before is not null && before.InvoiceSeries != supplier.InvoiceSeries)
        {
            throw new AccountConflictException($"supplier {supplier.Id} numbers its invoices with {before.InvoiceSeries}; a series never changes");
        }

        return await SaveAsync(
            "supplier",
            supplier.Id,
            before,
            supplier,
            """
            INSERT INTO supplier (supplier_id, name, street, postal_code, city, country, vat_id, registration, email, phone, iban, bic, zone, currency, invoice_series, payment_days)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            ON CONFLICT (supplier_id) DO UPDATE SET name = EXCLUDED.name, street = EXCLUDED.street, postal_code = EXCLUDED.postal_code, city = EXCLUDED.city,
              country = EXCLUDED.country, vat_id = EXCLUDED.vat_id, registration = EXCLUDED.registration, email = EXCLUDED.email, phone = EXCLUDED.phone,
              iban = EXCLUDED.iban, bic = EXCLUDED.bic, zone = EXCLUDED.zone, currency = EXCLUDED.currency, payment_days = EXCLUDED.payment_days
            """,
            [
                supplier.Id, supplier.Name, .. Columns(supplier.Address), supplier.VatId, supplier.Registration, supplier.Email, supplier.Phone, supplier.Iban, supplier.Bic,
                supplier.Zone, supplier.Currency, supplier.InvoiceSeries, supplier.PaymentDays,
            ],
            cancellationToken);
    }

    /// <summary>Saves an account. Its supplier and currency never change.</summary>
    public async Task<Saved> SaveAsync(AccountRecord account, CancellationToken cancellationToken)
    {
        var before = await AccountRows.AccountAsync(connection, account.Id, cancellationToken);
        if (before is not null && (before.Supplier != account.Supplier || before.Currency != account.Currency))
        {
            throw new AccountConflictException(
                $"account {account.Id} belongs to supplier {before.Supplier} in {before.Currency}; open another account for {account.Supplier} in {account.Currency}");
        }

        return await SaveAsync(
            "account",
            account.Id,
            before,
            account,
            """
            INSERT INTO account (account_id, supplier_id, name, street, postal_code, city, country, email, vat_id, buyer_reference, segment, currency)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (account_id) DO UPDATE SET name = EXCLUDED.name, street = EXCLUDED.street, postal_code = EXCLUDED.postal_code, city = EXCLUDED.city,
              country = EXCLUDED.country, email = EXCLUDED.email, vat_id = EXCLUDED.vat_id, buyer_reference = EXCLUDED.buyer_reference, segment = EXCLUDED.segment
            """,
            [account.Id, account.Supplier, account.Name, .. Columns(account.Address), account.Email, account.VatId, account.BuyerReference, account.Segment, account.Currency],
            cancellationToken);
    }

    /// <summary>Saves a service point. Its zone never changes: stored days would mean something else.</summary>
    public async Task<Saved> SaveAsync(ServicePointRecord point, CancellationToken cancellationToken)
    {
        var before = await AccountRows.ServicePointAsync(connection, point.Id, cancellationToken);
        if (before is not null && before.Zone != point.Zone)
        {
            throw new AccountConflictException($"service point {point.Id} is in zone {before.Zone}; its zone never changes, make another service point");
        }

        return await SaveAsync(
            "service-point",
            point.Id,
            before,
            point,
            """
            INSERT INTO service_point (service_point_id, metering_point, zone, street, postal_code, city, country)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (service_point_id) DO UPDATE SET metering_point = EXCLUDED.metering_point, street = EXCLUDED.street,
              postal_code = EXCLUDED.postal_code, city = EXCLUDED.city, country = EXCLUDED.country
            """,
            [point.Id, point.MeteringPoint, point.Zone, .. Columns(point.Address)],
            cancellationToken);
    }

    /// <summary>Saves a contract with its supply. Only its end and its parameters may change.</summary>
    public async Task<Saved> SaveAsync(ContractRecord contract, CancellationToken cancellationToken)
    {
        var point = await AccountRows.ServicePointAsync(connection, contract.ServicePoint, cancellationToken)
            ?? throw new AccountConflictException($"there is no service point {contract.ServicePoint}; add it first");
        var before = await AccountRows.ContractAsync(connection, contract.Account, contract.Id, cancellationToken);
        if (before is not null && before with { Parameters = contract.Parameters, To = contract.To } != contract)
        {
            throw new AccountConflictException(
                $"contract {contract.Id} of account {contract.Account} is for {before.ServicePoint} on tariff {before.Tariff} from {before.From:uuuu-MM-dd} (anchor day {before.AnchorDay}); " +
                "end it and begin another one");
        }

        if (before is not null && before.To == contract.To && JsonNode.DeepEquals(before.Parameters, contract.Parameters))
        {
            return Saved.Unchanged;
        }

        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        await connection.RunAsync(
            """
            INSERT INTO contract (account_id, contract_id, tariff_code, parameters, from_date, to_date, anchor_day)
            VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
            ON CONFLICT (account_id, contract_id) DO UPDATE SET parameters = EXCLUDED.parameters, to_date = EXCLUDED.to_date
            """,
            cancellationToken,
            contract.Account, contract.Id, contract.Tariff, contract.Parameters.ToJsonString(), contract.From, contract.To, (short)contract.AnchorDay);
        await SaveSupplyAsync(contract, new Interval(contract.Start(zone), contract.End(zone)), before is not null, cancellationToken);
        await WriteAuditAsync("contract", $"{contract.Account}/{contract.Id}", before, contract, cancellationToken);
        return before is null ? Saved.Added : Saved.Changed;
    }

    private async Task SaveSupplyAsync(ContractRecord contract, Interval valid, bool exists, CancellationToken cancellationToken)
    {
        // The exclusion constraint judges; a savepoint keeps the caller's transaction usable, so that every problem can be listed.
        await connection.RunAsync("SAVEPOINT supply", cancellationToken);
        try
        {
            await connection.RunAsync(
                exists
                    ? "UPDATE supply SET valid = $2 WHERE service_point_id = $1 AND account_id = $3 AND contract_id = $4"
                    : "INSERT INTO supply (service_point_id, valid, account_id, contract_id) VALUES ($1, $2, $3, $4)",
                cancellationToken,
                contract.ServicePoint, valid, contract.Account, contract.Id);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ExclusionViolation or PostgresErrorCodes.UniqueViolation)
        {
            await connection.RunAsync("ROLLBACK TO SAVEPOINT supply", cancellationToken);
            throw new AccountConflictException(
                $"service point {contract.ServicePoint} is already supplied under another contract in the time of {contract.Id}; end that contract first, or let this one begin where it ends");
        }

        await connection.RunAsync("RELEASE SAVEPOINT supply", cancellationToken);
    }

    private async Task<Saved> SaveAsync<T>(string kind, string id, T? before, T after, string sql, object?[] values, CancellationToken cancellationToken)
        where T : class
    {
        if (after.Equals(before))
        {
            return Saved.Unchanged;
        }

        await connection.RunAsync(sql, cancellationToken, values);
        await WriteAuditAsync(kind, id, before, after, cancellationToken);
        return before is null ? Saved.Added : Saved.Changed;
    }

    private Task WriteAuditAsync(string kind, string id, object? before, object after, CancellationToken cancellationToken) =>
        AuditLog.WriteAsync(connection, now, [new AuditEntry(actor, before is null ? "add" : "change", $"{kind}:{id}", before, after)], cancellationToken);

    private static object?[] Columns(Address address) => [address.Street, address.PostalCode, address.City, address.Country];
}
