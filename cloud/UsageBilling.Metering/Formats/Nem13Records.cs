using NodaTime;
using UsageBilling.Protocols;

namespace UsageBilling.Metering.Formats;

/// <summary>The records of a NEM13 file, one after another (<see cref="Nem13Reader"/>).</summary>
internal sealed class Nem13Records() : NemRecords("NEM13", ("NEM12", "nem12"), "250", "100, 250, 550 and 900")
{
    private readonly Dictionary<(string Nmi, string Suffix, string Unit, string Direction), SourceChannel> _channels = [];
    private bool _any;

    protected override bool Take(string kind, string[] fields)
    {
        switch (kind)
        {
            case "250":
                _any = true;
                Reads(fields);
                return true;
            case "550":
                Require(_any, "a 550 record before any 250 record");
                return true;
            default:
                return false;
        }
    }

    private void Reads(string[] fields)
    {
        var (nmi, register, suffix, direction, unit) = (Field(fields, 1), Field(fields, 3), Field(fields, 4), Field(fields, 7), Field(fields, 19).ToUpperInvariant());
        suffix = suffix.Length > 0 ? suffix : register;
        if (!Require(nmi.Length > 0, "field 2, the NMI, is empty")
            | !Require(suffix.Length > 0, "fields 4 and 5, the register and the NMI suffix, are empty")
            | !Require(direction is "E" or "I", $"field 8, the direction \"{Short(direction)}\", must be E (to the customer) or I (from the customer)")
            | !Require(unit.Length > 0, "field 20, the unit, is empty"))
        {
            return;
        }

        if (!Require(NemText.TryInstant(Field(fields, 9), out var from), $"field 10, the time of the previous read \"{Short(Field(fields, 9))}\", is not yyyyMMddHHmmss")
            | !Require(NemText.TryInstant(Field(fields, 14), out var to), $"field 15, the time of the current read \"{Short(Field(fields, 14))}\", is not yyyyMMddHHmmss"))
        {
            return;
        }

        var current = NemText.Quality(Field(fields, 15));
        var previous = NemText.Quality(Field(fields, 10));
        var stated = Field(fields, 21);
        var at = default(Instant);
        if (!Require(to > from, $"the current read at {Field(fields, 14)} is not after the previous at {Field(fields, 9)}")
            | !Require(previous is not null, $"field 11, the quality of the previous read \"{Short(Field(fields, 10))}\", must be A, S, F, E (with two digits for the method) or N")
            | !Require(current is not null, $"field 16, the quality of the current read \"{Short(Field(fields, 15))}\", must be A, S, F, E (with two digits for the method) or N")
            | !Require(stated.Length == 0 || NemText.TryInstant(stated, out at), $"field 22, the update time \"{Short(stated)}\", is not yyyyMMddHHmmss")
            | !Require(DecimalText.TryParse(Field(fields, 18), out var quantity), $"field 19, the quantity \"{Short(Field(fields, 18))}\", is not a number that can be kept exactly"))
        {
            return;
        }

        // Both reads make the quantity: the worse one says how good it is.
        var worse = previous!.Value.Quality < current!.Value.Quality ? previous.Value : current.Value;
        var flag = new SourceFlag(0, 1, worse.Quality, worse.Letter, worse.Method);
        Put(new SourceTotal(Line, Channel(nmi, suffix, unit, direction), from, to, quantity, flag, stated.Length > 0 ? at : null)
        {
            MeterSerial = Field(fields, 6) is { Length: > 0 } serial ? serial : null,
        });
    }

    private SourceChannel Channel(string nmi, string suffix, string unit, string direction)
    {
        if (!_channels.TryGetValue((nmi, suffix, unit, direction), out var channel))
        {
            channel = NemChannel.Of(nmi, suffix, unit, null, direction == "I" ? Direction.Export : Direction.Import) with { Negated = direction == "I" };
            _channels.Add((nmi, suffix, unit, direction), channel);
        }

        return channel;
    }
}
