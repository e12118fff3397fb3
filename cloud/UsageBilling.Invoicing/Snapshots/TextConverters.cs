using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Snapshots;

/// <summary>A value written as one string.</summary>
internal abstract class TextConverter<T> : JsonConverter<T>
{
    protected abstract string Format(T value);

    protected abstract bool TryParse(string text, out T value);

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException($"a {typeof(T).Name} is written as a string");
        }

        var text = reader.GetString()!;
        return TryParse(text, out var value) ? value : throw new JsonException($"'{text}' is no {typeof(T).Name}");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Format(value));
}

/// <summary>Exact, without trailing zeros: 1.10 and 1.1 are one value and must be one text.</summary>
internal sealed class DecimalText : TextConverter<decimal>
{
    private const decimal NoTrailingZeros = 1.0000000000000000000000000000m;

    protected override string Format(decimal value) =>
        value == 0 ? "0" : (value / NoTrailingZeros).ToString(CultureInfo.InvariantCulture);

    protected override bool TryParse(string text, out decimal value) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
}

internal sealed class LocalDateText : TextConverter<LocalDate>
{
    protected override string Format(LocalDate value) => LocalDatePattern.Iso.Format(value);

    protected override bool TryParse(string text, out LocalDate value) => LocalDatePattern.Iso.Parse(text).TryGetValue(default, out value);
}

internal sealed class InstantText : TextConverter<Instant>
{
    protected override string Format(Instant value) => InstantPattern.ExtendedIso.Format(value);

    protected override bool TryParse(string text, out Instant value) => InstantPattern.ExtendedIso.Parse(text).TryGetValue(default, out value);
}

internal sealed class UnitText : TextConverter<Unit>
{
    protected override string Format(Unit value) => value.Symbol;

    protected override bool TryParse(string text, out Unit value)
    {
        var unit = Unit.Find(text);
        value = unit!;
        return unit is not null;
    }
}

internal sealed class RegisterKeyText : TextConverter<RegisterKey>
{
    protected override string Format(RegisterKey value) => value.ToString();

    protected override bool TryParse(string text, out RegisterKey value) => RegisterKey.TryParse(text, out value);
}

internal sealed class ChannelKeyText : TextConverter<ChannelKey>
{
    protected override string Format(ChannelKey value) => value.ToString();

    protected override bool TryParse(string text, out ChannelKey value)
    {
        value = default;
        if (text.Split('/') is not [var point, var quantity, var direction]
            || !Name.IsValid(point)
            || !Enum.TryParse(quantity, out Quantity q)
            || !Enum.TryParse(direction, out Direction d))
        {
            return false;
        }

        value = new ChannelKey(point, new Measurand(q, d));
        return true;
    }
}

internal sealed class ChannelIdText : TextConverter<ChannelId>
{
    protected override string Format(ChannelId value) => value.ToString();

    protected override bool TryParse(string text, out ChannelId value)
    {
        var ok = Guid.TryParseExact(text, "D", out var id);
        value = new ChannelId(id);
        return ok;
    }
}

/// <summary>Enumerations in lower case, as everywhere in this product's JSON.</summary>
internal sealed class EnumText<T> : TextConverter<T>
    where T : struct, Enum
{
    protected override string Format(T value) => value.ToString().ToLowerInvariant();

    protected override bool TryParse(string text, out T value) => Enum.TryParse(text, ignoreCase: true, out value) && Enum.IsDefined(value);
}
