using System.Text.Json;
using System.Text.Json.Serialization;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Rating;

namespace UsageBilling.Invoicing.Snapshots;

/// <summary>What a period hands to the next: two objects whose keys are in order, <c>{"balances":{…},"demand":{"2026-10":…}}</c>.</summary>
internal sealed class RatingStateJson : JsonConverter<RatingState>
{
    private static readonly DecimalText Decimals = new();

    public override RatingState Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var state = RatingState.Empty;
        Expect(ref reader, JsonTokenType.StartObject, advance: false);
        foreach (var part in (ReadOnlySpan<string>)["balances", "demand"])
        {
            Expect(ref reader, JsonTokenType.PropertyName);
            if (!reader.ValueTextEquals(part))
            {
                throw new JsonException($"'{reader.GetString()}' stands where '{part}' belongs");
            }

            Expect(ref reader, JsonTokenType.StartObject);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var key = reader.GetString()!;
                reader.Read();
                var value = Decimals.Read(ref reader, typeof(decimal), options);
                state = part == "balances" ? state.With(key, value) : state.WithDemand(Month(key), value);
            }
        }

        Expect(ref reader, JsonTokenType.EndObject);
        return state;
    }

    public override void Write(Utf8JsonWriter writer, RatingState value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("balances");
        foreach (var (key, balance) in value.Balances)
        {
            writer.WritePropertyName(key);
            Decimals.Write(writer, balance, options);
        }

        writer.WriteEndObject();
        writer.WriteStartObject("demand");
        foreach (var (month, peak) in value.DemandHistory)
        {
            writer.WritePropertyName(YearMonthPattern.Iso.Format(month));
            Decimals.Write(writer, peak, options);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static YearMonth Month(string text) =>
        YearMonthPattern.Iso.Parse(text).TryGetValue(default, out var month) ? month : throw new JsonException($"'{text}' is no month");

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token, bool advance = true)
    {
        if ((advance && !reader.Read()) || reader.TokenType != token)
        {
            throw new JsonException($"{reader.TokenType} stands where {token} belongs");
        }
    }
}
