using NodaTime;

namespace UsageBilling.Metering.Formats;

/// <summary>The last bill of a service point, for a feed's <c>UsageSummary</c> (function blocks 15 and 16).</summary>
/// <param name="From">First instant of the billing period.</param>
/// <param name="To">First instant after it.</param>
/// <param name="Total">What was billed.</param>
/// <param name="Additional">What of it does not depend on consumption and was added: fees beyond the supply itself, else 0.</param>
/// <param name="Currency">ISO 4217 number: 978 for the euro.</param>
/// <param name="Consumption">Stored units of the channel in the period.</param>
public sealed record GreenButtonSummary(Instant From, Instant To, decimal Total, decimal Additional, int Currency, long Consumption);
