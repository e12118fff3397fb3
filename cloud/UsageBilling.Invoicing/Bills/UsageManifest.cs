using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Bills;

/// <summary>A slice of an interval day that the bill was rated from; reading it again must give <paramref name="Hash"/>.</summary>
/// <param name="Channel">Channel.</param>
/// <param name="Day">UTC day.</param>
/// <param name="FromSlot">First slot.</param>
/// <param name="ToSlot">The slot after the last.</param>
/// <param name="Version">Version of the interval day.</param>
/// <param name="Hash">SHA-256 of the slice, lower-case hex.</param>
public sealed record ManifestEntry(ChannelId Channel, LocalDate Day, int FromSlot, int ToSlot, int Version, string Hash);

/// <summary>A tariff version that priced something on the bill.</summary>
/// <param name="Version"><c>code@version</c>, as on the lines.</param>
/// <param name="Hash">SHA-256 of the tariff document, lower-case hex.</param>
public sealed record TariffReference(string Version, string Hash);

/// <summary>A price or factor series that was used, as it stood after one of its loads: a load never changes, a correction is a later one.</summary>
/// <param name="Name">The series' name in the tariff.</param>
/// <param name="Load">Number of the load, from 1.</param>
public sealed record SeriesReference(string Name, int Load);

/// <summary>An input of the contract beside the tariff: contracted power, an opening balance.</summary>
/// <param name="Name">Parameter's name in the tariff.</param>
/// <param name="Value">Value, canonical text.</param>
public sealed record BillParameter(string Name, string Value);

/// <summary>
/// A difference found after an earlier bill was issued and settled here. Its money is the charge line <paramref name="Line"/> of this bill.
/// </summary>
/// <param name="Bill">The bill whose quantity turned out different.</param>
/// <param name="Channel">Channel it concerns.</param>
/// <param name="Quantity">What must be added to the billed quantity, negative when too much was billed.</param>
/// <param name="Unit">Unit of the quantity.</param>
/// <param name="Line"><c>Component</c> of the charge line that prices it.</param>
/// <param name="Reason">Why, for the customer.</param>
public sealed record CarriedAdjustment(BillKey Bill, ChannelKey Channel, decimal Quantity, Unit Unit, string Line, string Reason);
