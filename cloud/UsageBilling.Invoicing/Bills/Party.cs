namespace UsageBilling.Invoicing.Bills;

/// <summary>A postal address as it is printed and as EN 16931 wants it.</summary>
/// <param name="Street">Street and number.</param>
/// <param name="AdditionalStreet">Second line, or null.</param>
/// <param name="PostalCode">Postal code.</param>
/// <param name="City">City.</param>
/// <param name="Country">ISO 3166-1 alpha-2.</param>
public sealed record PostalAddress(string Street, string? AdditionalStreet, string PostalCode, string City, string Country);

/// <summary>Who sells or who buys, as on the day the bill was frozen.</summary>
public sealed record Party
{
    /// <summary>Registered name (BT-27, BT-44).</summary>
    public required string Name { get; init; }

    /// <summary>The supplier's identifier of the party: a customer number; null for a supplier.</summary>
    public string? Number { get; init; }

    /// <summary>Company registration number (BT-30, BT-47), or null.</summary>
    public string? RegistrationNumber { get; init; }

    /// <summary>VAT identifier with its country prefix (BT-31, BT-48), or null.</summary>
    public string? VatId { get; init; }

    /// <summary>Where it lives.</summary>
    public required PostalAddress Address { get; init; }

    /// <summary>Person or department to turn to, or null.</summary>
    public string? ContactName { get; init; }

    /// <summary>Telephone, or null.</summary>
    public string? Telephone { get; init; }

    /// <summary>E-mail, or null; also the electronic address (BT-34, BT-49).</summary>
    public string? Email { get; init; }

    /// <summary>Web site, or null; printed only.</summary>
    public string? Website { get; init; }
}
