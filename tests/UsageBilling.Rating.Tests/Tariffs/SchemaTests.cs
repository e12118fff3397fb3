using System.Text.Json.Nodes;
using UsageBilling.Rating.Files;
using UsageBilling.Testing;

namespace UsageBilling.Rating.Tests.Tariffs;

/// <summary>The published schemas and the readers know the same fields.</summary>
public sealed class SchemaTests
{
    private static JsonNode Schema(string name) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs", name)))!;

    [Fact]
    public void Every_kind_of_the_schema_is_read_and_no_field_of_it_is_unknown()
    {
        var schema = Schema("tariff.v1.schema.json");
        var kinds = schema["properties"]!["components"]!["items"]!["oneOf"]!.AsArray().Select(item => ((string)item!["$ref"]!).Split('/')[^1]).ToList();
        Assert.True(kinds.Count >= 15);
        foreach (var kind in kinds)
        {
            // A component with every field of its kind, each of a wrong type: fields that are unknown would be reported as such.
            var fields = schema["$defs"]![kind]!["properties"]!.AsObject().Select(field => field.Key).Where(field => field != "kind");
            var component = $"{{\"kind\":\"{kind}\",{string.Join(',', fields.Select(field => $"\"{field}\":[[]]"))}}}";
            var parse = Rating.Tariffs.TariffDocument.Parse(System.Text.Encoding.UTF8.GetBytes(
                $$"""{"format":"usage-billing/tariff.v1","code":"t","version":"1","name":"T","currency":"EUR","effective":{"from":"2026-01-01"},"components":[{{component}}]}"""));
            Assert.NotEmpty(parse.Problems);
            Assert.DoesNotContain(parse.Problems, problem => problem.Message.Contains("is not a field known here", StringComparison.Ordinal));
            Assert.DoesNotContain(parse.Problems, problem => problem.Path.EndsWith(".kind", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Every_field_of_an_example_stands_in_the_schema()
    {
        var schema = Schema("tariff.v1.schema.json");
        foreach (var file in Directory.GetFiles(Path.Combine(SharedCases.RepositoryRoot, "protocols/tariffs/examples"), "*.json"))
        {
            foreach (var component in JsonNode.Parse(File.ReadAllText(file))!["components"]!.AsArray())
            {
                var known = schema["$defs"]![(string)component!["kind"]!]!["properties"]!.AsObject();
                Assert.All(component.AsObject(), field => Assert.True(known.ContainsKey(field.Key), $"{file}: {field.Key}"));
            }
        }
    }

    [Fact]
    public void Contract_schema_and_reader_know_the_same_fields()
    {
        var fields = Schema("contract.v1.schema.json")["properties"]!.AsObject().Select(field => field.Key);
        var parse = ContractDocument.Parse(System.Text.Encoding.UTF8.GetBytes($"{{{string.Join(',', fields.Select(field => $"\"{field}\":null"))},\"surprise\":1}}"));
        Assert.Equal("$.surprise", Assert.Single(parse.Problems).Path);
    }
}
