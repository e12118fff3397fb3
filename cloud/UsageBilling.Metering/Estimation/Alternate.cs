using UsageBilling.Metering.Intervals;

namespace UsageBilling.Metering.Estimation;

/// <summary>A channel that carries the same as another: what it measured stands for what the other did not.</summary>
/// <param name="Method"><see cref="EstimationMethod.CheckMeter"/> for a second meter at the same place, else <see cref="EstimationMethod.AlternateChannel"/>.</param>
/// <param name="Name">Of the channel, for people.</param>
/// <param name="Profile">Over the span and on the grid of the window that it is used in; its exponent may be another one. Intervals that are not to be used are missing.</param>
public sealed record Alternate(EstimationMethod Method, string Name, LoadProfile Profile);
