using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Events;
using UsageBilling.Metering.Intervals;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests.Events;

public class EventTests
{
    private static readonly LocalDate Day = new(2026, 11, 20);
    private static readonly Instant Later = Instant.FromUtc(2026, 11, 22, 0, 0);

    private static UsageDefinition Definition(UsageAggregation aggregation = UsageAggregation.Sum, long factor = 1, int exponent = 0, bool zero = true) => new()
    {
        EventType = "call.ended",
        Measurand = new Measurand(Quantity.Duration, Direction.Import),
        Aggregation = aggregation,
        Value = aggregation == UsageAggregation.Count ? null : EventPath.Parse("data.seconds"),
        Point = EventPath.Parse("subject")!,
        UnitFactor = factor,
        Exponent = exponent,
        IntervalMinutes = 60,
        ZeroWhereNothing = zero,
        From = new LocalDate(2026, 11, 1),
    };

    private static StoredEvent Event(int minute, decimal value, string id) => new("pbx", id, UtcDay.StartOf(Day) + Duration.FromMinutes(minute), value);

    private static (ReadEvent? Event, EventProblem? Problem) Read(UsageDefinition definition, string data, string? time = "2026-11-20T08:15:00.1234567Z", string? subject = "P0001")
    {
        var attributes = new Dictionary<string, string> { ["source"] = "pbx", ["id"] = "1", ["type"] = definition.EventType };
        if (subject is not null)
        {
            attributes["subject"] = subject;
        }

        using var document = JsonDocument.Parse(data);
        return EventReading.Read(definition, attributes, time is null ? null : NodaTime.Text.InstantPattern.ExtendedIso.Parse(time).Value, document.RootElement.Clone(), Later);
    }

    [Fact]
    public void Each_aggregation_makes_of_a_slot_what_its_name_says()
    {
        StoredEvent[] events = [Event(5, 7, "b"), Event(50, 9, "c"), Event(40, 20, "a"), Event(130, 4, "d")];
        long[] Slots(UsageAggregation aggregation) => EventDay.Compute(Definition(aggregation), Day, events, closed: true).Quantities[..3].ToArray();
        Assert.Equal([36, 0, 4], Slots(UsageAggregation.Sum));
        Assert.Equal([3, 0, 1], Slots(UsageAggregation.Count));
        Assert.Equal([20, 0, 4], Slots(UsageAggregation.Max));
        Assert.Equal([9, 0, 4], Slots(UsageAggregation.Latest));
    }

    [Fact]
    public void The_order_of_arrival_does_not_show()
    {
        var events = Gen.ArrayOf(
            from minute in Gen.Choose(0, 1439)
            from value in Gen.Choose(0, 50)
            from source in Gen.Elements("pbx", "trunk")
            select (minute, value, source)).Select(list => list.Select((e, i) => Event(e.minute - (e.minute % 20), e.value, $"e{i}") with { Source = e.source }).ToArray());
        Prop.ForAll(
            Arb.From(events), Arb.From(Gen.Choose(0, int.MaxValue)), Arb.From(Gen.Elements(Enum.GetValues<UsageAggregation>())), (list, seed, aggregation) =>
            {
                var shuffled = list.ToArray();
                new Random(seed).Shuffle(shuffled);
                return EventDay.Compute(Definition(aggregation), Day, list, closed: false).Hash().AsSpan()
                    .SequenceEqual(EventDay.Compute(Definition(aggregation), Day, shuffled, closed: false).Hash().AsSpan());
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Sums_over_the_slots_are_the_sums_of_the_events()
    {
        var events = Gen.ArrayOf(from minute in Gen.Choose(0, 1439) from value in Gen.Choose(0, 1_000_000) select (minute, value));
        Prop.ForAll(Arb.From(events), list =>
            EventDay.Compute(Definition(), Day, list.Select((e, i) => Event(e.minute, e.value, $"e{i}")), closed: true).Quantities.ToArray().Sum() == list.Sum(e => (long)e.value)).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Of_events_at_the_same_instant_the_greater_source_and_id_is_the_latest() =>
        Assert.Equal(3, EventDay.Compute(Definition(UsageAggregation.Latest), Day, [Event(5, 3, "b"), Event(5, 9, "a")], closed: true).Quantities[0]);

    [Fact]
    public void Nothing_means_not_used_up_to_the_last_event_of_an_open_day_and_to_the_end_of_a_closed_one()
    {
        int Known(IntervalDay day) => day.Qualities.ToArray().Count(q => q == (byte)IntervalQuality.Measured);
        StoredEvent[] events = [Event(65, 1, "a"), Event(190, 1, "b")];
        Assert.Equal(4, Known(EventDay.Compute(Definition(), Day, events, closed: false)));
        Assert.Equal(24, Known(EventDay.Compute(Definition(), Day, events, closed: true)));
        Assert.Equal(24, Known(EventDay.Compute(Definition(), Day, [], closed: true)));
        Assert.Equal(2, Known(EventDay.Compute(Definition(UsageAggregation.Latest, zero: false), Day, events, closed: true)));
    }

    [Fact]
    public void A_slot_that_leaves_64_bits_is_refused_rather_than_wrapped()
    {
        var events = Enumerable.Range(0, 10_000).Select(i => Event(5, UsageDefinition.MostPerEvent, $"{i}"));
        Assert.Equal(10_000 * UsageDefinition.MostPerEvent, EventDay.Compute(Definition(), Day, events, closed: true).Quantities[0]);
        Assert.Contains(
            "the sum of slot 0 leaves 64 bits at event x",
            Assert.Throws<OverflowException>(() => EventDay.Compute(Definition(), Day, Enumerable.Range(0, 9_300_000).Select(i => Event(5, UsageDefinition.MostPerEvent, "x")), closed: true)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"seconds": 12.345}""", 1, -3, 12345)]
    [InlineData("""{"seconds": "12.345"}""", 1, -3, 12345)]
    [InlineData("""{"seconds": 1.5e3}""", 1, 0, 1500)]
    [InlineData("""{"seconds": 0.10}""", 60, 0, 6)]
    [InlineData("""{"seconds": 2.5}""", 1_000_000_000, 6, 2500)]
    [InlineData("""{"seconds": 0}""", 1, 0, 0)]
    [InlineData("""{"seconds": 1000000000000}""", 1, 0, 1_000_000_000_000)]
    public void A_value_is_taken_exactly(string data, long factor, int exponent, long scaled)
    {
        var definition = Definition(factor: factor, exponent: exponent);
        var (read, problem) = Read(definition, data);
        Assert.Null(problem);
        Assert.Equal(scaled, definition.Scaled(read!.Value));
    }

    [Theory]
    [InlineData("""{"seconds": 12.345}""", "finer than")]
    [InlineData("""{"seconds": -1}""", "negative")]
    [InlineData("""{"seconds": 1000000000001}""", "most that one event may carry")]
    [InlineData("""{"seconds": 1e40}""", "28 digits")]
    [InlineData("""{"seconds": 1e41}""", "28 digits")]
    [InlineData("""{"seconds": 0.12345678901234567890123456789}""", "28 digits")]
    [InlineData("""{"seconds": "1,5"}""", "'1,5' is not a decimal number")]
    [InlineData("""{"seconds": "+1"}""", "is not a decimal number")]
    [InlineData("""{"seconds": "1."}""", "is not a decimal number")]
    [InlineData("""{"seconds": ""}""", "is not a decimal number")]
    [InlineData("""{"seconds": true}""", "neither a number nor a text")]
    [InlineData("""{"duration": 1}""", "there is no data.seconds")]
    [InlineData("5", "there is no data.seconds")]
    public void A_value_that_cannot_be_taken_exactly_is_refused_with_the_place_and_the_reason(string data, string reason)
    {
        var (read, problem) = Read(Definition(), data);
        Assert.Null(read);
        Assert.Equal("data.seconds", problem!.Path);
        Assert.Contains(reason, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_says_when_and_for_whom()
    {
        Assert.Equal("time", Read(Definition(), """{"seconds": 1}""", time: null).Problem!.Path);
        Assert.Contains("future", Read(Definition(), """{"seconds": 1}""", time: "2026-11-22T00:00:01Z").Problem!.Message, StringComparison.Ordinal);
        Assert.Contains("before 2026-11-01", Read(Definition(), """{"seconds": 1}""", time: "2026-10-31T23:59:59Z").Problem!.Message, StringComparison.Ordinal);
        Assert.Equal("subject", Read(Definition(), """{"seconds": 1}""", subject: null).Problem!.Path);
        var read = Read(Definition() with { Point = EventPath.Parse("data.line.customer")! }, """{"seconds": 1, "line": {"customer": 42}}""").Event!;
        Assert.Equal("42", read.Point);
        Assert.Equal(Instant.FromUtc(2026, 11, 20, 8, 15) + Duration.FromNanoseconds(123_456_000), read.At);
    }

    [Theory]
    [InlineData("subject", true)]
    [InlineData("data", true)]
    [InlineData("data.a.b_c", true)]
    [InlineData("subject.a", false)]
    [InlineData("data.", false)]
    [InlineData("data.a[0]", false)]
    [InlineData("", false)]
    public void A_path_is_an_attribute_or_names_below_the_data(string text, bool valid) => Assert.Equal(valid, EventPath.Parse(text) is not null);

    [Fact]
    public void Every_decimal_comes_through_exactly() =>
        Prop.ForAll(Arb.From(from high in Gen.Choose(0, int.MaxValue) from low in Gen.Choose(0, int.MaxValue) from scale in Gen.Choose(0, 28) select new decimal(low, high, 0, false, (byte)scale)),
            value => ExactNumber.TryParse(value.ToString(System.Globalization.CultureInfo.InvariantCulture), out var number) && number.TryDecimal(out var back) && back == value && ExactNumber.Of(value) == number).QuickCheckThrowOnFailure();
}
