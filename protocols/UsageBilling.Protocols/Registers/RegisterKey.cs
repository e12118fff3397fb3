namespace UsageBilling.Protocols;

/// <summary>
/// The natural key of a meter's register: who made the meter, its serial number as printed on it, and what the register counts.
/// Manufacturer and serial are 1 to 64 characters out of letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, compared as they are.
/// </summary>
public readonly record struct RegisterKey
{
    /// <summary>Takes a key apart from the wire or a configuration.</summary>
    /// <exception cref="FormatException">Manufacturer or serial has a length or character that is not allowed.</exception>
    public RegisterKey(string manufacturer, string serial, ObisCode obis)
    {
        Manufacturer = Name.Require(manufacturer, "manufacturer");
        Serial = Name.Require(serial, "serial");
        Obis = obis;
    }

    /// <summary>Maker of the meter, for example <c>eastron</c>.</summary>
    public string Manufacturer { get; }

    /// <summary>Serial number as printed on the meter.</summary>
    public string Serial { get; }

    /// <summary>What the register counts.</summary>
    public ObisCode Obis { get; }

    /// <summary>The register's id: the same everywhere, made from the key.</summary>
    public RegisterId Id => new(NameBasedGuid.Create(NameBasedGuid.Registers, ToString()));

    /// <summary><c>manufacturer/serial/A-B:C.D.E</c>.</summary>
    public override string ToString() => $"{Manufacturer}/{Serial}/{Obis}";

    /// <summary>Reads <c>manufacturer/serial/A-B:C.D.E</c>.</summary>
    public static bool TryParse(string? text, out RegisterKey key)
    {
        key = default;
        var parts = text?.Split('/');
        if (parts is not { Length: 3 } || !Name.IsValid(parts[0]) || !Name.IsValid(parts[1]) || !ObisCode.TryParse(parts[2], out var obis))
        {
            return false;
        }

        key = new RegisterKey(parts[0], parts[1], obis);
        return true;
    }
}

/// <summary>Identifies a register; a version 5 UUID of its <see cref="RegisterKey"/>.</summary>
public readonly record struct RegisterId(Guid Value)
{
    /// <summary>The UUID in its usual form.</summary>
    public override string ToString() => Value.ToString();
}
