using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Metering.Calendars;

namespace UsageBilling.Cloud.Accounts;

// What other slices may use of Accounts, beside the classes in this file's companions AccountStoreContract.cs and ContractReaderContract.cs.

/// <summary>A postal address; the country is ISO 3166-1 alpha-2.</summary>
public sealed record Address(string Street, string PostalCode, string City, string Country);

/// <summary>A legal entity that sells. Invoice numbers are <c>series-year-number</c>.</summary>
public sealed record SupplierRecord(
    string Id,
    string Name,
    Address Address,
    string VatId,
    string? Registration,
    string Email,
    string? Phone,
    string Iban,
    string? Bic,
    string Zone,
    string Currency,
    string InvoiceSeries,
    int PaymentDays);

/// <summary>Who buys.</summary>
public sealed record AccountRecord(
    string Id,
    string Supplier,
    string Name,
    Address Address,
    string? Email,
    string? VatId,
    string? BuyerReference,
    string Segment,
    string Currency);

/// <summary>Where a commodity is supplied. The zone decides what a local day is.</summary>
public sealed record ServicePointRecord(string Id, string MeteringPoint, string Zone, Address Address);

/// <summary>An account's contract for a service point over local dates [From, To).</summary>
public sealed record ContractRecord(
    string Id,
    string Account,
    string ServicePoint,
    string Tariff,
    JsonObject Parameters,
    LocalDate From,
    LocalDate? To,
    int AnchorDay)
{
    /// <summary>The first instant of the contract in the zone of its service point.</summary>
    public Instant Start(DateTimeZone zone) => LocalPeriod.StartOfDay(From, zone);

    /// <summary>The instant after the contract's last, or null where it has no end.</summary>
    public Instant? End(DateTimeZone zone) => To is { } to ? LocalPeriod.StartOfDay(to, zone) : null;
}

/// <summary>What a record met in the database.</summary>
public enum Saved
{
    /// <summary>It was there already, the same.</summary>
    Unchanged,

    /// <summary>It is new.</summary>
    Added,

    /// <summary>It differed and was updated.</summary>
    Changed,
}

/// <summary>A record contradicts what is stored: what is wrong and what to do.</summary>
public sealed class AccountConflictException(string message) : Exception(message);
