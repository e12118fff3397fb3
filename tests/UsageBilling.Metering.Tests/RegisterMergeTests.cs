using FsCheck;
using FsCheck.Fluent;
using NodaTime;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Tests;

public class RegisterMergeTests
{
    private static readonly Gen<RegisterSlot> Slot =
        from value in Gen.Choose(0, 3)
        from quality in Gen.Elements(ReadingQuality.Good, ReadingQuality.ClockUncertain, ReadingQuality.MeterFault)
        from distance in Gen.Choose(0, 2)
        from conflict in Gen.Elements(true, false)
        select new RegisterSlot(value, quality, (ushort)distance, conflict);

    [Fact]
    public void Merging_is_commutative() =>
        Prop.ForAll(Arb.From(Slot), Arb.From(Slot), (a, b) => RegisterSlot.Merge(a, b) == RegisterSlot.Merge(b, a)).QuickCheckThrowOnFailure();

    [Fact]
    public void Merging_is_associative() =>
        Prop.ForAll(Arb.From(Slot), Arb.From(Slot), Arb.From(Slot), (a, b, c) =>
            RegisterSlot.Merge(RegisterSlot.Merge(a, b), c) == RegisterSlot.Merge(a, RegisterSlot.Merge(b, c))).QuickCheckThrowOnFailure();

    [Fact]
    public void Merging_is_idempotent() =>
        Prop.ForAll(Arb.From(Slot), a => RegisterSlot.Merge(a, a) == a).QuickCheckThrowOnFailure();

    [Fact]
    public void Better_quality_wins_over_smaller_distance_over_larger_value()
    {
        var far = new RegisterSlot(5, ReadingQuality.Good, 900, false);
        Assert.Equal(5, RegisterSlot.Merge(far, new RegisterSlot(9, ReadingQuality.ClockUncertain, 0, false)).Value);
        Assert.Equal(4, RegisterSlot.Merge(far, new RegisterSlot(4, ReadingQuality.Good, 100, false)).Value);
        Assert.Equal(6, RegisterSlot.Merge(far, new RegisterSlot(6, ReadingQuality.Good, 900, false)).Value);
    }

    [Fact]
    public void A_differing_loser_leaves_the_conflict_flag_and_an_equal_one_does_not()
    {
        var kept = new RegisterSlot(5, ReadingQuality.Good, 0, false);
        Assert.True(RegisterSlot.Merge(kept, new RegisterSlot(4, ReadingQuality.Good, 10, false)).Conflict);
        Assert.False(RegisterSlot.Merge(kept, new RegisterSlot(5, ReadingQuality.Good, 10, false)).Conflict);
    }

    [Fact]
    public void Shuffled_readings_give_the_same_packed_day()
    {
        var readings = from place in Gen.Choose(0, 95) from slot in Slot select (place, slot);
        Prop.ForAll(Arb.From(readings.ListOf(60)), Arb.From(Gen.Choose(0, int.MaxValue)), (list, seed) =>
        {
            var shuffled = list.ToArray();
            new Random(seed).Shuffle(shuffled);
            var (first, left, right) = (Day(), Day(), Day());
            foreach (var (place, slot) in list)
            {
                first.Merge(place, slot);
            }

            // Two streams that each saw a part, some of it twice, merged in the other order.
            for (var i = 0; i < shuffled.Length; i++)
            {
                (i % 2 == 0 ? left : right).Merge(shuffled[i].place, shuffled[i].slot);
                if (i % 5 == 0)
                {
                    (i % 2 == 0 ? right : left).Merge(shuffled[i].place, shuffled[i].slot);
                }
            }

            right.Merge(left);
            return first.PackValues().SequenceEqual(right.PackValues())
                && first.PackQualities().SequenceEqual(right.PackQualities())
                && first.PackDistances().SequenceEqual(right.PackDistances());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_packed_day_unpacks_to_itself()
    {
        var day = Day();
        day.Merge(0, new RegisterSlot(long.MaxValue, ReadingQuality.Good, 0, false));
        day.Merge(95, new RegisterSlot(1, ReadingQuality.PulsesLost, 29_999, true));
        var again = RegisterDay.Unpack(day.Day, 15, day.PackValues(), day.PackQualities(), day.PackDistances());
        Assert.Equal(day[0], again[0]);
        Assert.Equal(day[95], again[95]);
        Assert.Null(again[50]);
    }

    [Theory]
    [InlineData("2025-03-01T10:15:00Z", "2025-03-01", 41, 0)]
    [InlineData("2025-03-01T10:14:31Z", "2025-03-01", 41, 29_000)]
    [InlineData("2025-03-01T23:59:45Z", "2025-03-02", 0, 15_000)]
    [InlineData("1969-12-31T23:45:30Z", "1969-12-31", 95, 30_000)]
    public void A_reading_near_a_boundary_stands_for_it(string at, string day, int slot, int distance)
    {
        var place = RegisterDay.Place(At(at), 15)!.Value;
        Assert.Equal(day, place.Day.ToString("uuuu-MM-dd", null));
        Assert.Equal((slot, distance), (place.Slot, place.DistanceMs));
    }

    [Fact]
    public void A_reading_between_boundaries_stands_for_itself() => Assert.Null(RegisterDay.Place(At("2025-03-01T10:15:30.001Z"), 15));

    private static RegisterDay Day() => new(new LocalDate(2025, 3, 1), 15);

    private static Instant At(string text) => NodaTime.Text.InstantPattern.ExtendedIso.Parse(text).Value;
}
