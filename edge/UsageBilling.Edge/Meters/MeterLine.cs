using System.Collections.Immutable;
using NodaTime;
using UsageBilling.Edge.Health;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Edge.Meters;

/// <summary>What one poll of a meter came to; <see cref="Read"/> is null when it failed.</summary>
internal sealed record PollResult(IMeter Meter, MeterRead? Read, ImmutableArray<EventNote> Events);

/// <summary>
/// Meters that share a line and are therefore read one after the other: those that answered last time first, so that a dead meter
/// never delays a neighbour; those that did not answer afterwards, within a budget of time, the longest untried first.
/// </summary>
internal sealed class MeterLine
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(5);

    private readonly ImmutableArray<Member> _members;
    private readonly TimeProvider _time;
    private readonly TimeProvider _realTime;
    private readonly TimeSpan _budget;

    /// <summary>A line.</summary>
    /// <param name="meters">In the order in which they are read.</param>
    /// <param name="time">The clock that sampling goes by; back-off counts in it.</param>
    /// <param name="realTime">The clock that answers are waited for by; the budget counts in it.</param>
    /// <param name="budget">How long the silent meters of the line may be tried in one poll.</param>
    public MeterLine(IEnumerable<IMeter> meters, TimeProvider time, TimeProvider realTime, TimeSpan budget)
    {
        _members = [.. meters.Select(m => new Member(m))];
        (_time, _realTime, _budget) = (time, realTime, budget);
    }

    public IEnumerable<MeterStatus> Statuses => _members.Select(m => m.Status);

    public async Task<IReadOnlyList<PollResult>> PollAsync(bool forBilling, CancellationToken cancellationToken)
    {
        var results = new List<PollResult>(_members.Length);
        var silent = _members.Where(m => m.Failures > 0).OrderBy(m => m.LastTried).ToList();
        foreach (var member in _members.Where(m => m.Failures == 0))
        {
            results.Add(await ReadAsync(member, forBilling, cancellationToken));
        }

        var begun = _realTime.GetTimestamp();
        foreach (var member in silent)
        {
            // At a boundary each silent meter gets its chance; in between only when its back-off is over.
            if ((forBilling || IsDue(member)) && _realTime.GetElapsedTime(begun) < _budget)
            {
                results.Add(await ReadAsync(member, forBilling, cancellationToken));
            }
        }

        return results;
    }

    private bool IsDue(Member member)
    {
        var wait = TimeSpan.FromTicks(Math.Min(LongestBackOff.Ticks, FirstBackOff.Ticks << Math.Min(member.Failures - 1, 10)));
        return _time.GetElapsedTime(member.LastTried) >= wait;
    }

    private async Task<PollResult> ReadAsync(Member member, bool forBilling, CancellationToken cancellationToken)
    {
        member.LastTried = _time.GetTimestamp();
        try
        {
            var read = await member.Meter.ReadAsync(forBilling, cancellationToken);
            var back = member.Failures > 0 && member.Error is not null;
            ImmutableArray<EventNote> events = back ? [.. read.Events, Note("meter-back", member.Meter, "answers again")] : read.Events;
            (member.Failures, member.Error, member.LastReadAt) = (0, null, Now());
            member.OtherSerial = forBilling ? null : member.OtherSerial;
            return new PollResult(member.Meter, read, events);
        }
        catch (MeterException e)
        {
            ImmutableArray<EventNote> events = e.Message == member.Error ? [] : [Note("meter-failing", member.Meter, e.Message)];
            if (e.OtherSerial is { } other && other != member.OtherSerial)
            {
                // Once for each register, until the meter that is configured answers: what people watch in between asks for no serial number.
                member.OtherSerial = other;
                events = [.. events, .. e.Missed.Select(r => new EventNote(Now(), EventKinds.MeterSerial, r, other))];
            }

            (member.Failures, member.Error) = (member.Failures + 1, e.Message);
            return new PollResult(member.Meter, null, events);
        }
    }

    private EventNote Note(string kind, IMeter meter, string detail) => new(Now(), kind, null, $"meter {meter.Settings.Id}: {detail}");

    private Instant Now() => Instant.FromDateTimeOffset(_time.GetUtcNow());

    private sealed class Member(IMeter meter)
    {
        public IMeter Meter => meter;

        public int Failures { get; set; }

        public long LastTried { get; set; }

        public Instant? LastReadAt { get; set; }

        public string? Error { get; set; }

        public string? OtherSerial { get; set; }

        public MeterStatus Status => new(meter.Settings.Id, Error is not null ? "failing" : LastReadAt is null ? "starting" : "ok", LastReadAt, Error);
    }
}
