using System.Text;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Rating.Tests.Tariffs;

/// <summary>What a tariff may not say: each mistake is refused with its JSON path and with what to do.</summary>
public sealed class StrictnessTests
{
    private const string Energy = """{"kind":"usage","id":"energy","description":"Energy","price":0.3}""";

    [Theory]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","prise":0.3}""", "$.components[0].prise", "not a field known")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy"}""", "$.components[0].price", "is missing")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":[{"upTo":100,"price":1},{"upTo":50,"price":2},{"price":3}]}""", "$.components[0].price[1].upTo", "rising order")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":[{"upTo":100,"price":1},{"upTo":200,"price":2}]}""", "$.components[0].price[1].upTo", "would stay unpriced")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":[{"upTo":100},{"price":2}]}""", "$.components[0].price[0].price", "is missing")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":[{"price":1},{"price":2}]}""", "$.components[0].price[0].upTo", "is missing")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":"cheap"}""", "$.components[0].price", "must be a number")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":1e400}""", "$.components[0].price", "must be a number")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","unit":"m³","price":1}""", "$.components[0].unit", "does not measure")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","schedule":"tou","price":1}""", "$.components[0].schedule", "is not a schedule")]
    [InlineData("""{"kind":"barter","id":"energy","description":"Energy"}""", "$.components[0].kind", "not known")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":1,"price":2}""", "$.components[0].price", "given twice")]
    [InlineData("""{"kind":"usage","id":"energy","description":"A","price":1},{"kind":"usage","id":"energy","description":"B","price":1}""", "$.components[1].id", "unique")]
    [InlineData("""{"kind":"minimum","id":"minimum","description":"Least","amount":5,"of":["nothing"]}""", "$.components[0].of", "component above")]
    [InlineData("""{"kind":"demand","id":"demand","description":"Demand","window":25,"price":1}""", "$.components[0].window", "no demand window")]
    [InlineData("""{"kind":"usage","id":"energy","description":"Energy","price":1,"tax":"nil"}""", "$.components[0].tax", "is not a tax class")]
    public void Component_is_refused(string components, string path, string message) => Refused(Document(components), path, message);

    [Theory]
    [InlineData("""{"seasons":[{"name":"a","from":"01-01","to":"06-30"},{"name":"b","from":"06-30","to":"12-31"}]}""", "$.calendar.seasons[1]", "06-30 is already in season")]
    [InlineData("""{"seasons":[{"name":"a","from":"01-01","to":"02-28"},{"name":"b","from":"03-01","to":"12-31"}]}""", "$.calendar.seasons", "02-29")]
    [InlineData("""{"dayTypes":[{"name":"w","days":["mon","tue","wed","thu","fri"]}]}""", "$.calendar.dayTypes", "\"sat\"")]
    [InlineData("""{"dayTypes":[{"name":"w","days":["mon","tue","wed","thu","fri","sat","sun"]},{"name":"x","days":["mon"]}]}""", "$.calendar.dayTypes[1].days", "already in")]
    [InlineData("""{"holidays":["someday"]}""", "$.calendar.holidays", "is not a holiday")]
    [InlineData("""{"schedules":[{"name":"s","windows":[{"period":"a","from":"08:00","to":"20:00"}]}]}""", "$.calendar.schedules[0].windows", "no period from 00:00 to 08:00")]
    [InlineData("""{"schedules":[{"name":"s","windows":[{"period":"a"},{"period":"b","from":"08:00","to":"09:00"}]}]}""", "$.calendar.schedules[0].windows[1]", "overlaps")]
    [InlineData("""{"schedules":[{"name":"s","windows":[{"period":"a","from":"8","to":"09:00"}],"otherwise":"b"}]}""", "$.calendar.schedules[0].windows[0].from", "is not a time of day")]
    [InlineData("""{"schedules":[{"name":"s","windows":[{"period":"a","seasons":["winter"]}],"otherwise":"b"}]}""", "$.calendar.schedules[0].windows[0].seasons", "not defined")]
    public void Calendar_is_refused(string calendar, string path, string message) => Refused(Document(Energy, $",\"calendar\":{calendar}"), path, message);

    [Fact]
    public void A_period_without_a_price_is_refused() => Refused(
        Document("""{"kind":"usage","id":"energy","description":"Energy","schedule":"s","prices":{"a":1,"c":2}}""", ""","calendar":{"schedules":[{"name":"s","windows":[{"period":"a","from":"08:00","to":"20:00"}],"otherwise":"b"}]}"""),
        "$.components[0].prices.b",
        "needs a price");

    [Theory]
    [InlineData("", "$.effective", "is missing", "effective")]
    [InlineData("\"currency\":\"Euro\",", "$.currency", "ISO 4217", "currency")]
    [InlineData("\"rounding\":\"never\",", "$.rounding", "line, total", "")]
    [InlineData("\"effective\":{\"from\":\"2026-02-30\"},", "$.effective.from", "is not a date", "effective")]
    [InlineData("\"effective\":{\"from\":\"2026-02-01\",\"to\":\"2026-02-01\"},", "$.effective.to", "is not after", "effective")]
    public void Head_is_refused(string field, string path, string message, string instead)
    {
        var fields = new Dictionary<string, string>
        {
            ["currency"] = "\"currency\":\"EUR\",",
            ["effective"] = "\"effective\":{\"from\":\"2026-01-01\"},",
        };
        fields.Remove(instead);
        Refused($$"""{"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T",{{string.Concat(fields.Values)}}{{field}}"components":[{{Energy}}]}""", path, message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"format\":\"usage-billing/tariff.v1\",\n\"code\" 1}")]
    public void What_is_no_document_is_refused(string text)
    {
        var parse = TariffDocument.Parse(Encoding.UTF8.GetBytes(text));
        Assert.Null(parse.Tariff);
        Assert.NotEmpty(parse.Problems);
    }

    [Fact]
    public void Broken_json_is_refused_with_its_line() =>
        Assert.Equal(2, TariffDocument.Parse("{\"a\":1,\n\"b\" 1}"u8.ToArray()).Problems.Single().Line);

    private static string Document(string components, string more = "") =>
        $$"""{"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2026-01-01"}{{more}},"components":[{{components}}]}""";

    private static void Refused(string document, string path, string message)
    {
        var parse = TariffDocument.Parse(Encoding.UTF8.GetBytes(document));
        Assert.Null(parse.Tariff);
        Assert.Contains(parse.Problems, problem => problem.Path == path && problem.Message.Contains(message, StringComparison.Ordinal));
    }
}
