using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using UsageBilling.Edge.Buffer;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Tests.Buffer;

/// <summary>A buffer in a folder of its own, with a clock that the test moves and a key.</summary>
internal sealed class BufferFixture : IDisposable
{
    public static readonly RegisterKey Import = new("acme", "M1", ObisCode.ActiveImport);
    private readonly string _root = Directory.CreateTempSubdirectory("ub-buffer-").FullName;
    private readonly ShiftedTime _wall;
    private ReadingBuffer? _buffer;

    public BufferFixture(BufferOptions? options = null, bool trusted = true)
    {
        Trusted = trusted;
        _wall = new ShiftedTime(Time);
        Options = options ?? new BufferOptions { Gateway = "gw-1", Fingerprint = "host-a" };
        NewClock(Guid.Parse("00000000-0000-0000-0000-00000000b001"));
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>Sets the wall clock; the monotonic clock does not notice.</summary>
    public void SetClockBy(TimeSpan shift) => _wall.Shift += shift;

    public ECDsa Key { get; set; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public SealTerms Terms => new(body => BatchSignature.Sign(body, Key));

    public GatewayClock Clock { get; private set; } = null!;

    public bool Trusted { get; set; }

    public BufferOptions Options { get; set; }

    public string Folder => Path.Combine(_root, "buffer");

    public Func<string, LogStream> OpenLog { get; set; } = file => new LogStream(file);

    public ReadingBuffer Buffer => _buffer ??= ReadingBuffer.Open(Folder, Options, Clock, NullLogger.Instance, OpenLog);

    /// <summary>The machine starts again: another boot id, the monotonic clock goes on.</summary>
    public void NewClock(Guid boot) => Clock = new GatewayClock(_wall, () => Trusted, boot);

    public ReadingBuffer Reopen()
    {
        Close();
        return Buffer;
    }

    public void Close()
    {
        _buffer?.Dispose();
        _buffer = null;
    }

    /// <summary>A cycle now, with so many registers, values that only grow.</summary>
    public SamplingCycle Cycle(int readings = 8, params EventNote[] events)
    {
        var stamp = Clock.Stamp();
        return new SamplingCycle(stamp, [.. Enumerable.Range(1, readings).Select(i => new Reading(
            new RegisterKey("acme", $"M{i}", ObisCode.ActiveImport), stamp.At, stamp.MonotonicMs + i, 0, ReadingQuality.Good))], events);
    }

    /// <summary>Stores so many cycles a quarter of an hour apart and returns their readings.</summary>
    public async Task<List<Reading>> StoreCycles(int count, int readings = 8)
    {
        var stored = new List<Reading>();
        for (var i = 0; i < count; i++)
        {
            Time.Advance(TimeSpan.FromMinutes(15));
            var cycle = Cycle(readings);
            await Buffer.Store(cycle);
            stored.AddRange(cycle.Readings);
        }

        return stored;
    }

    /// <summary>Seals until nothing waits.</summary>
    public async Task<List<SealedBatch>> SealAll(SealTerms? terms = null)
    {
        var all = new List<SealedBatch>();
        while (await Buffer.SealNext(terms ?? Terms) is { } batch)
        {
            all.Add(batch);
        }

        return all;
    }

    public static ReadingBatch Decode(SealedBatch batch)
    {
        Assert.True(BatchCodec.TryDecode(batch.Body, out var decoded, out var problem), problem);
        return decoded;
    }

    public void Dispose()
    {
        Close();
        Key.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>The fake monotonic clock with a wall clock that can be set.</summary>
    private sealed class ShiftedTime(TimeProvider inner) : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Shift;

        public override long GetTimestamp() => inner.GetTimestamp();
    }
}
