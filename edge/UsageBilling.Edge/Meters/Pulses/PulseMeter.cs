using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Configuration;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Meters.Pulses;

/// <summary>A meter whose pulses are counted. Reading it takes the counter; the pin is watched from the first <see cref="Begin"/> on, and anew after a fault.</summary>
public sealed class PulseMeter : IMeter, IDisposable
{
    private readonly PulseMeterSettings _settings;
    private readonly Func<PulsePin, IPulseSource> _source;
    private readonly PulseCounter _counter;
    private readonly TimeProvider _time;
    private Instant? _notCountedFrom;
    private Instant? _notCountedTo;
    private IPulseWatch? _watch;
    private bool _isNew;
    private long _lostReported;
    private long _lostRead;

    internal PulseMeter(PulseMeterSettings settings, Func<PulsePin, IPulseSource> source, CounterState? kept, Instant? keptThrough, TimeProvider time)
    {
        (_settings, _source, _time) = (settings, source, time);
        _isNew = kept is null;
        settings.Value.TryPulses(settings.StartRegister, out var startPulses);
        var state = kept ?? new CounterState(startPulses, 0, 0);
        _counter = new PulseCounter(state.Pulses, state.Lost);
        _lostReported = state.LostReported;
        _notCountedFrom = kept is null ? settings.StartAt : keptThrough;
        CountedThrough = _notCountedFrom ?? Now();
    }

    /// <inheritdoc/>
    public MeterSettings Settings => _settings;

    /// <summary>The register that is counted.</summary>
    public RegisterKey Register => _settings.Register;

    /// <summary>The counter as it is kept.</summary>
    public CounterState State => new(_counter.Pulses, _counter.Lost, _lostReported);

    /// <summary>Until when the counter held when the meter was made: a simulation replays pulses from there.</summary>
    public Instant CountedThrough { get; }

    /// <summary>Through what it counts; null while it does not.</summary>
    public string? Through => _watch?.Through;

    /// <summary>Begins to watch the pin, or goes on after a fault.</summary>
    /// <exception cref="MeterException">The pin cannot be watched.</exception>
    public void Begin()
    {
        if (_watch is { Fault: null })
        {
            return;
        }

        if (_watch is not null)
        {
            _watch.Dispose();
            _watch = null;
            _notCountedFrom ??= Now();
        }

        _watch = _source(_settings.Pin).Watch(_settings.Pin, _counter);
        _notCountedTo = Now();
    }

    /// <inheritdoc/>
    public ValueTask<MeterRead> ReadAsync(bool forBilling, CancellationToken cancellationToken)
    {
        Begin();
        var lost = _counter.Lost;
        var value = _settings.Value.Register(_counter.Pulses);
        var quality = (lost > _lostReported ? ReadingQuality.PulsesLost : ReadingQuality.Good) | (_isNew ? ReadingQuality.RegisterSet : ReadingQuality.Good);
        var at = Now();
        var events = forBilling ? Events(at, lost) : [];
        _lostRead = forBilling ? lost : _lostRead;
        return ValueTask.FromResult(new MeterRead([new Reading(Register, at, value, _settings.Value.Scale, quality)], null, events));
    }

    /// <inheritdoc/>
    public void Stored() => (_isNew, _lostReported, _notCountedFrom) = (false, _lostRead, null);

    /// <summary>Stops watching.</summary>
    public void Dispose() => _watch?.Dispose();

    private ImmutableArray<EventNote> Events(Instant at, long lost)
    {
        var events = ImmutableArray.CreateBuilder<EventNote>();
        if (_isNew)
        {
            events.Add(new EventNote(at, "register-set", Register, $"counting begins at register {_settings.StartRegister}"));
        }

        if (_notCountedFrom is { } from && _notCountedTo is { } to && to - from >= Duration.FromSeconds(1))
        {
            events.Add(new EventNote(at, "pulses-unwatched", Register, $"nobody counted pulses from {from} to {to}"));
        }

        if (lost > _lostReported)
        {
            events.Add(new EventNote(at, "pulses-lost", Register, $"at least {lost - _lostReported} pulses lost"));
        }

        return events.ToImmutable();
    }

    private Instant Now() => Instant.FromDateTimeOffset(_time.GetUtcNow());
}
