namespace UsageBilling.Metering.Registers;

/// <summary>
/// What flowed between two points of a register: <paramref name="Quantity"/> channel units in [<paramref name="FromMs"/>, <paramref name="ToMs"/>), Unix milliseconds.
/// Any cut of the span gets <c>⌊Q·t₂/T⌋ − ⌊Q·t₁/T⌋</c>: less than one unit away from its share in time, and the sum is exact on every grid.
/// </summary>
/// <param name="FromMs">First point.</param>
/// <param name="ToMs">Second point, after the first.</param>
/// <param name="Quantity">Advance; zero when not known.</param>
/// <param name="Known">False across a fall or a register set by hand.</param>
public readonly record struct AdvanceSpan(long FromMs, long ToMs, long Quantity, bool Known)
{
    /// <summary>The part of the advance in [FromMs, <paramref name="ms"/>); all of it from ToMs on.</summary>
    public long AdvanceUntil(long ms) =>
        ms <= FromMs ? 0 : ms >= ToMs ? Quantity : (long)((Int128)Quantity * (ms - FromMs) / (ToMs - FromMs));
}
