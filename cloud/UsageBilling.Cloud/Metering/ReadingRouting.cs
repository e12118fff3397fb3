using NodaTime;
using UsageBilling.Metering.Calendars;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>Where a reading goes: a slot of its register day, a read of its own instant, or the parked ones with a reason.</summary>
internal readonly record struct Route(GridPlace? Place, RegisterSlot Slot, RegisterPoint? Read, string? Refusal, string? Detail)
{
    public const string UnknownRegister = "unknown-register";
    public const string ImplausibleTime = "implausible-time";
    public const string OlderThanKept = "older-than-kept";
    public const string ImplausibleValue = "implausible-value";
    public const string WrongScale = "wrong-scale";
    public const string BeyondDisplay = "beyond-display";
    public const string Unparseable = "unparseable";
    public const string Unprojectable = "unprojectable";

    /// <summary>A clock that says less was never set.</summary>
    private static readonly Instant Earliest = Instant.FromUtc(2000, 1, 1, 0, 0);

    /// <summary>Decided from the reading, its register and when its batch was received, so projection and verification agree.</summary>
    public static Route Of(Reading reading, KnownRegister register, Instant receivedAt, Instant floor)
    {
        if ((reading.At < Earliest && reading.At < floor) || reading.At > receivedAt + Duration.FromDays(1))
        {
            return Refuse(ImplausibleTime, $"{reading.At} is not between {Earliest} and a day after {receivedAt}, when it was received");
        }

        if (reading.At < floor)
        {
            return Refuse(OlderThanKept, $"{reading.At} is older than what is kept, which begins at {floor}; keep more years, and it is taken up");
        }

        if (ToScale(reading.Value, reading.Scale, register.Scale) is not { } value)
        {
            return Refuse(
                WrongScale,
                $"{reading.Value} × 10^{reading.Scale} does not fit whole into 10^{register.Scale}, the register's scale; set the register's resolution in the gateway's meter template to that scale. "
                + "The reading stays in the journal, and the next one that fits carries all energy");
        }

        if (value < 0)
        {
            return Refuse(ImplausibleValue, $"{reading.Value} is negative");
        }

        if (RegisterDay.Place(reading.At, register.Grids.Length == 1 ? register.Grids[0].IntervalMinutes : register.IntervalOn(UtcDay.Of(reading.At))) is { } place)
        {
            return new Route(place, new RegisterSlot(value, reading.Quality & RegisterSlot.KnownQuality, place.DistanceMs, false), null, null, null);
        }

        return new Route(null, default, new RegisterPoint(reading.At, value, reading.Quality & RegisterSlot.KnownQuality), null, null);
    }

    /// <summary>
    /// True when the register is installed with fewer digits than the reading shows. It is kept, since digits can be corrected, but no interval counts it.
    /// </summary>
    public bool IsBeyondDisplay(KnownRegister register, Instant at)
    {
        var value = Place is null ? Read?.Value : Slot.Value;
        foreach (var installation in register.Installations)
        {
            var terms = installation.Terms;
            if (value >= terms.Modulus && terms.From <= at && !(terms.To <= at))
            {
                return true;
            }
        }

        return false;
    }

    private static Route Refuse(string reason, string detail) => new(null, default, null, reason, detail);

    private static long? ToScale(long value, int from, int to)
    {
        for (; from > to; from--)
        {
            if (value is > long.MaxValue / 10 or < long.MinValue / 10)
            {
                return null;
            }

            value *= 10;
        }

        for (; from < to; from++)
        {
            if (value % 10 != 0)
            {
                return null;
            }

            value /= 10;
        }

        return value;
    }
}
