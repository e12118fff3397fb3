using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>What a history must cover: the UTC days [<paramref name="First"/>, <paramref name="Last"/>] of an installation.</summary>
internal readonly record struct HistoryRequest(InstalledRegister Terms, LocalDate First, LocalDate Last);

/// <summary>Loads histories over days, each with the point before the first day and the point after the last.</summary>
internal sealed class HistoryLoader(RegisterDayStore store, SegmentStore segments, Instant now)
{
    private Instant? _dropped;

    public async Task<List<RegisterHistory>> LoadAsync(IReadOnlyList<HistoryRequest> requests, CancellationToken cancellationToken)
    {
        await segments.LoadAsync(requests.Select(r => r.Terms.Register), cancellationToken);
        await store.LoadAsync(requests.SelectMany(Days), cancellationToken);
        var (before, after) = (new LocalDate?[requests.Count], new LocalDate?[requests.Count]);
        var searched = Enumerable.Range(0, requests.Count).Where(i => NeedsSearch(requests[i])).ToArray();
        if (searched.Length > 0)
        {
            var windows = searched.Select(i => (requests[i].Terms.Register, requests[i].First, requests[i].Last)).ToArray();
            foreach (var (window, day) in await store.FindNeighboursAsync(windows, cancellationToken))
            {
                var i = searched[window];
                if (day < requests[i].First)
                {
                    before[i] = before[i] is { } known && known > day ? known : day;
                }
                else
                {
                    after[i] = after[i] is { } known && known < day ? known : day;
                }
            }

            await store.LoadAsync(searched.SelectMany(i => new[] { before[i], after[i] }.OfType<LocalDate>().Select(d => (requests[i].Terms.Register, d))), cancellationToken);
        }

        if (searched.Any(i => before[i] is null))
        {
            _dropped = await store.DroppedBeforeAsync(cancellationToken);
        }

        return [.. requests.Select((request, i) => Derive(request, before[i], after[i], Array.BinarySearch(searched, i) >= 0))];
    }

    private static IEnumerable<(RegisterId, LocalDate)> Days(HistoryRequest request)
    {
        for (var day = request.First.PlusDays(-1); day <= request.Last.PlusDays(1); day = day.PlusDays(1))
        {
            yield return (request.Terms.Register, day);
        }
    }

    private bool NeedsSearch(HistoryRequest request)
    {
        var before = request.First.PlusDays(-1);
        var after = request.Last.PlusDays(1);
        return (!store.HasPoints(request.Terms.Register, before) && request.Terms.From < UtcDay.StartOf(before))
            || (!store.HasPoints(request.Terms.Register, after) && !IsTheLast(after) && !(request.Terms.To < UtcDay.StartOf(after)));
    }

    // Readings further ahead than a day are parked.
    private bool IsTheLast(LocalDate day) => day > UtcDay.Of(now + Duration.FromDays(1)).PlusDays(-1);

    private RegisterHistory Derive(HistoryRequest request, LocalDate? before, LocalDate? after, bool searched)
    {
        var terms = request.Terms;
        var first = request.First.PlusDays(-1);
        var last = request.Last.PlusDays(1);
        var points = store.Points(terms.Register, first, last, new[] { before, after }.OfType<LocalDate>().Where(d => d < first || d > last));
        var earliest = before < first ? before.Value : first;
        var latest = after > last ? after.Value : last;
        // Where years were dropped, the first points that are left are not the installation's.
        var cutOff = searched && before is null && terms.From < _dropped;
        var fromStart = terms.From >= UtcDay.StartOf(earliest) || (searched && before is null && !cutOff);
        var toEnd = terms.To < UtcDay.StartOf(latest.PlusDays(1)) || (searched && after is null) || IsTheLast(last);
        var usable = terms.Select(points, fromStart, toEnd);
        if (fromStart || usable.Count == 0)
        {
            return RegisterHistory.Derive(terms, points, null, toEnd);
        }

        var resume = segments.InForce(terms, usable[0].At);
        if (resume is null && cutOff)
        {
            return RegisterHistory.Derive(terms, points, null, toEnd);
        }

        _ = resume ?? throw new InvalidOperationException($"register {terms.Register} has points since {terms.From} and no segment in force at {usable[0].At}");
        return RegisterHistory.Derive(terms, points, resume, toEnd);
    }
}
