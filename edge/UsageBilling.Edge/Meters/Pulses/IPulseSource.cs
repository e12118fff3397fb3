using UsageBilling.Edge.Configuration;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>Counts pulses of pins.</summary>
public interface IPulseSource : IDisposable
{
    /// <summary>Begins to count a pin's pulses into a counter, from now on: a level that is there already is no pulse.</summary>
    /// <exception cref="MeterException">The pin cannot be had; the message says why and what to do.</exception>
    IPulseWatch Watch(PulsePin pin, PulseCounter counter);
}

/// <summary>A pin that is being counted, until disposed.</summary>
public interface IPulseWatch : IDisposable
{
    /// <summary>Through what it counts, for people.</summary>
    string Through { get; }

    /// <summary>Why counting has ended by itself; null while it goes on.</summary>
    Exception? Fault { get; }
}
