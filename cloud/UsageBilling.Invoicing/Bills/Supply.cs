using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Bills;

/// <summary>Where the commodity was supplied and which meters counted it.</summary>
public sealed record Supply
{
    /// <summary>Service point in this system.</summary>
    public required string ServicePoint { get; init; }

    /// <summary>The market's identifier of the metering point: EAN, MPAN, MaLo (BT-18), or null.</summary>
    public string? MeteringPointId { get; init; }

    /// <summary>IANA zone of the service point; every local date of the bill is in it.</summary>
    public required string Zone { get; init; }

    /// <summary>Address of the service point.</summary>
    public required PostalAddress Address { get; init; }

    /// <summary>One row for each register and installation in the period, in order of time; empty for supplies without registers.</summary>
    public required IReadOnlyList<MeterRow> Meters { get; init; }
}

/// <summary>How a register read came to be.</summary>
public enum ReadKind
{
    /// <summary>Read from the meter.</summary>
    Measured,

    /// <summary>Estimated by a rule.</summary>
    Estimated,

    /// <summary>Given by the customer.</summary>
    Customer,

    /// <summary>Read when the meter was installed or removed.</summary>
    Exchange,
}

/// <summary>A register's value at an instant.</summary>
/// <param name="At">When.</param>
/// <param name="Value">As the meter shows it, in the row's unit.</param>
/// <param name="Kind">How it came to be.</param>
public sealed record RegisterRead(Instant At, decimal Value, ReadKind Kind);

/// <summary>One register of one meter while it was installed in the period. The next bill begins where this one ends.</summary>
public sealed record MeterRow
{
    /// <summary>Which register.</summary>
    public required RegisterKey Register { get; init; }

    /// <summary>Which channel it fed.</summary>
    public required ChannelKey Channel { get; init; }

    /// <summary>Unit of the reads and of <see cref="Consumption"/>.</summary>
    public required Unit Unit { get; init; }

    /// <summary>Read at the beginning of the period, or at installation.</summary>
    public required RegisterRead Start { get; init; }

    /// <summary>Read at the end of the period, or at removal.</summary>
    public required RegisterRead End { get; init; }

    /// <summary>What one unit of the register stands for, numerator: 80 for a 400/5 A transformer.</summary>
    public long MultiplierNumerator { get; init; } = 1;

    /// <summary>Denominator of the multiplier.</summary>
    public long MultiplierDenominator { get; init; } = 1;

    /// <summary>The value at which the register turns over to zero (10^digits in the row's unit); null when it does not.</summary>
    public decimal? Capacity { get; init; }

    /// <summary>How often it turned over between the reads.</summary>
    public int Rollovers { get; init; }

    /// <summary>What the register advanced times the multiplier: the consumption of this row.</summary>
    public required decimal Consumption { get; init; }
}
