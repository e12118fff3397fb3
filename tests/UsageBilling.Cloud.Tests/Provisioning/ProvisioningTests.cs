using System.Text.Json.Nodes;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Testing;

namespace UsageBilling.Cloud.Tests.Provisioning;

/// <summary>One document puts a utility into service, again and again without harm, and says everything that is wrong with it at once.</summary>
public class ProvisioningTests : IClassFixture<MigratedDatabase>
{
    private readonly MigratedDatabase database;

    public ProvisioningTests(MigratedDatabase database) => this.database = database;

    [Fact]
    public async Task The_same_document_twice_changes_nothing()
    {
        await using var scene = await Scene.CreateAsync(3, _ => Task.CompletedTask);
        var audited = await scene.Site.ScalarAsync<long>("SELECT count(*) FROM audit");
        var again = await scene.Site.Provision.RunAsync(scene.Site.Document().ToJsonString(), null, "test", false, default);
        Assert.Empty(again.Problems);
        Assert.All(again.Counts, c => Assert.Equal((0, 0), (c.Added, c.Changed)));
        Assert.Equal(11, again.Counts.Sum(c => c.Unchanged));
        Assert.Equal(audited, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM audit"));
    }

    [Fact]
    public async Task A_dry_run_stores_nothing()
    {
        var site = new BillingSite(database.Source, 2);
        var result = await site.Provision.RunAsync(site.Document().ToJsonString(), null, "test", dryRun: true, default);
        Assert.Empty(result.Problems);
        Assert.Equal(2, result.Counts.Single(c => c.Kind == "accounts").Added);
        Assert.Equal(0L, await site.ScalarAsync<long>("SELECT count(*) FROM account"));
    }

    [Fact]
    public async Task Every_problem_is_listed_with_its_path()
    {
        var site = new BillingSite(database.Source, 1);
        var document = site.Document();
        document["suppliers"]![0]!["iban"] = "DE02120300000000202052";
        document["servicePoints"]![0]!["zone"] = "Europe/Nowhere";
        document["accounts"]![0]!["segmnt"] = "household";
        ((JsonObject)document["contracts"]![0]!).Remove("tariff");
        document["meters"]![0]!["registers"]![0]!["obis"] = "energy";
        document["contracts"]![0]!["to"] = "2025-01-01";
        var problems = await ProblemsAsync(site, document);
        Assert.Equal(
            ["$.accounts[0].segmnt", "$.contracts[0].tariff", "$.contracts[0].to", "$.meters[0].registers[0].obis", "$.servicePoints[0].zone", "$.suppliers[0].iban"],
            problems.Select(p => p.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Virtual_channels_come_with_the_document_and_a_division_must_be_all_of_it()
    {
        await using var scene = await Scene.CreateAsync(3, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        foreach (var point in new[] { "common", "flat1", "flat2" })
        {
            var place = document["servicePoints"]![0]!.DeepClone();
            (place["id"], place["meteringPoint"]) = (point, point);
            ((JsonArray)document["servicePoints"]!).Add(place);
        }

        document["divisions"] = JsonNode.Parse("""[{"of": {"servicePoint": "common"}, "parts": [{"servicePoint": "flat1", "share": "2/3"}, {"servicePoint": "flat2", "share": "1/4"}]}]""");
        document["virtualChannels"] = JsonNode.Parse("""[{"servicePoint": "common", "plus": [{"servicePoint": "P0001"}], "minus": [{"servicePoint": "P0002"}, {"servicePoint": "P0003"}]}]""");
        var short1 = Assert.Single(await ProblemsAsync(scene.Site, document));
        Assert.Equal(("$.divisions[0].parts", true), (short1.Path, short1.Message.StartsWith("the shares sum to 11/12", StringComparison.Ordinal)));
        document["divisions"]![0]!["parts"]![1]!["share"] = "1/3";
        await scene.Site.ProvisionAsync(document);
        await scene.Site.ProvisionAsync(document);
        Assert.Equal(3L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM channel WHERE feed = 4"));
        document["virtualChannels"]![0]!["plus"]![0]!["servicePoint"] = "flat1";
        var circle = Assert.Single(await ProblemsAsync(scene.Site, document));
        Assert.Contains("cannot read itself", circle.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Time_of_use_registers_come_with_their_total_and_reasons_for_zero_use_with_the_point()
    {
        await using var scene = await Scene.CreateAsync(1, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        var register = document["meters"]![0]!["registers"]![0]!;
        register["timeOfUse"] = JsonNode.Parse("""[{"obis": "1-0:1.8.1"}, {"obis": "1-0:1.8.2", "digits": 6, "start": 7}]""");
        document["zeroReasons"] = JsonNode.Parse("""[{"servicePoint": "P0001", "reason": "seasonal-supply", "from": "2026-11-01T00:00:00Z", "note": "a holiday home"}]""");
        await scene.Site.ProvisionAsync(document);
        await scene.Site.ProvisionAsync(document);
        document["zeroReasons"]![0]!["to"] = "2027-04-01T00:00:00Z";
        document["meters"]![0]!["removedAt"] = "2026-12-01T00:00:00Z";
        register["timeOfUse"]![1]!["end"] = 9_000;
        await scene.Site.ProvisionAsync(document);
        Assert.Equal("1-0:1.8.1 9 , 1-0:1.8.2 6 9000", await scene.Site.ScalarAsync<string>("""
            SELECT string_agg(concat(r.obis, ' ', t.digits, ' ', t.end_register), ', ' ORDER BY r.obis) FROM time_of_use_register t JOIN register r ON r.register_id = t.register_id WHERE t.to_at = '2026-12-01Z'
            """));
        Assert.Equal("seasonal-supply 2027-04-01", await scene.Site.ScalarAsync<string>("SELECT reason || ' ' || (to_at AT TIME ZONE 'UTC')::date FROM zero_reason"));
        Assert.Equal(1L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM installation"));

        register["timeOfUse"] = JsonNode.Parse("""[{"obis": "1-0:2.8.1"}, {"obis": "1-0:1.8.0"}, {"obis": "1-0:1.8.3", "start": 10000000000}]""");
        document["zeroReasons"]![0]!["reason"] = "holiday";
        Assert.Equal(["$.zeroReasons[0].reason"], (await ProblemsAsync(scene.Site, document)).Select(p => p.Path));
        document["zeroReasons"]![0]!["reason"] = "outage";
        document["zeroReasons"]![0]!["servicePoint"] = "nowhere";
        var parts = register["timeOfUse"]!.DeepClone();
        ((JsonObject)register).Remove("timeOfUse");
        Assert.Equal(["$.zeroReasons[0].servicePoint"], (await ProblemsAsync(scene.Site, document)).Select(p => p.Path));
        register["timeOfUse"] = parts;
        Assert.Equal(
            ["$.meters[0].registers[0].timeOfUse[0].obis", "$.meters[0].registers[0].timeOfUse[1]", "$.meters[0].registers[0].timeOfUse[2]"],
            (await ProblemsAsync(scene.Site, document)).Select(p => p.Path).Order());
    }

    [Fact]
    public async Task Alternates_come_with_the_document_and_end_by_saying_so()
    {
        await using var scene = await Scene.CreateAsync(3, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        document["alternates"] = JsonNode.Parse("""
            [{"of": {"servicePoint": "P0001"}, "by": {"servicePoint": "P0002"}, "kind": "check", "from": "2026-02-01"}, {"of": {"servicePoint": "P0001"}, "by": {"servicePoint": "P0003"}, "kind": "alternate"}]
            """);
        await scene.Site.ProvisionAsync(document);
        await scene.Site.ProvisionAsync(document);
        document["alternates"]![0]!["to"] = "2026-03-01";
        await scene.Site.ProvisionAsync(document);
        Assert.Equal("2026-03-01", await scene.Site.ScalarAsync<string>("SELECT string_agg(to_day::text, ',') FROM channel_alternate"));
        Assert.Equal(2L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM channel_alternate"));

        document["alternates"]![1]!["by"]!["servicePoint"] = "P0001";
        var itself = Assert.Single(await ProblemsAsync(scene.Site, document));
        Assert.Equal(("$.alternates[1]", true), (itself.Path, itself.Message.Contains("cannot stand for itself", StringComparison.Ordinal)));
        document["alternates"]![1]!["kind"] = "spare";
        document["alternates"]![0]!["to"] = "2026-01-01";
        Assert.Equal(["$.alternates[0].to", "$.alternates[1].kind"], (await ProblemsAsync(scene.Site, document)).Select(p => p.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_refused_document_leaves_nothing_half_made_and_its_correction_is_taken(bool dryRun)
    {
        await using var own = new MigratedDatabase();
        await own.InitializeAsync();
        var site = new BillingSite(own.Source, 2);
        var document = site.Document();
        var meter = document["meters"]![1]!;
        (document["servicePoints"]![1]!["zone"], meter["intervalMinutes"], meter["serial"]) = ("Asia/Kolkata", 60, "K2");
        var problem = Assert.Single((await site.Provision.RunAsync(document.ToJsonString(), null, "test", dryRun, default)).Problems);
        Assert.Equal(("$.meters[1].registers[0]", true), (problem.Path, problem.Message.Contains("do not divide the offset", StringComparison.Ordinal)));
        Assert.Equal(0L, await site.ScalarAsync<long>("SELECT (SELECT count(*) FROM register) + (SELECT count(*) FROM channel) + (SELECT count(*) FROM service_point) + (SELECT count(*) FROM contract)"));

        // What comes last in a document is refused with the meters before it.
        meter["intervalMinutes"] = 30;
        document["alternates"] = JsonNode.Parse("""[{"of": {"servicePoint": "P0001"}, "by": {"servicePoint": "P0001"}, "kind": "check"}]""");
        Assert.Equal("$.alternates[0]", Assert.Single((await site.Provision.RunAsync(document.ToJsonString(), null, "test", dryRun, default)).Problems).Path);
        Assert.Equal(0L, await site.ScalarAsync<long>("SELECT (SELECT count(*) FROM register) + (SELECT count(*) FROM installation) + (SELECT count(*) FROM service_point)"));

        document.Remove("alternates");
        Assert.Empty((await site.Provision.RunAsync(document.ToJsonString(), null, "test", dryRun, default)).Problems);
        Assert.Equal(dryRun ? 0L : 2L, await site.ScalarAsync<long>("SELECT count(*) FROM installation"));
    }

    [Fact]
    public async Task What_contradicts_the_database_is_refused_as_a_whole()
    {
        await using var scene = await Scene.CreateAsync(2, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        document["contracts"]![0]!["tariff"] = "other";
        document["servicePoints"]![1]!["zone"] = "Europe/London";
        document["accounts"]![1]!["name"] = "Renamed";
        var problems = await ProblemsAsync(scene.Site, document);
        Assert.Equal(["$.contracts[0]", "$.servicePoints[1]"], problems.Select(p => p.Path).Order(StringComparer.Ordinal));
        Assert.Equal("Household 2", await scene.Site.ScalarAsync<string>("SELECT name FROM account WHERE account_id = 'A0002'"));
    }

    [Fact]
    public async Task A_service_point_is_supplied_under_one_contract_at_a_time()
    {
        await using var scene = await Scene.CreateAsync(1, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        var second = document["contracts"]![0]!.DeepClone();
        second["id"] = "C9999";
        second["from"] = "2026-06-01";
        ((JsonArray)document["contracts"]!).Add(second);
        var problem = Assert.Single(await ProblemsAsync(scene.Site, document));
        Assert.Equal("$.contracts[1]", problem.Path);
        Assert.Contains("already supplied", problem.Message, StringComparison.Ordinal);

        document["contracts"]![0]!["to"] = "2026-06-01";
        await scene.Site.ProvisionAsync(document);
        Assert.Equal(2L, await scene.Site.ScalarAsync<long>("SELECT count(*) FROM supply"));
    }

    [Fact]
    public async Task A_tariff_version_never_changes()
    {
        await using var scene = await Scene.CreateAsync(1, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        document["tariffs"]![0]!["document"] = BillingSite.Tariff("flat", "1", "2024-01-01", 0.31m);
        var problem = Assert.Single(await ProblemsAsync(scene.Site, document));
        Assert.Contains("never changes", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Problems_inside_a_tariff_carry_their_path()
    {
        var site = new BillingSite(database.Source, 1);
        var document = site.Document();
        document["tariffs"]![0]!["document"]!["components"]![1]!["price"] = "cheap";
        Assert.Contains(await ProblemsAsync(site, document), p => p.Path.Contains("$.components[1].price", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_billing_could_not_read_is_refused_at_provisioning()
    {
        var site = new BillingSite(database.Source, 9);
        var document = site.Document();
        string[] parameters =
        [
            """{"contractedKw": "plenty"}""", """{"taxStatus": "1"}""", """{"eventDays": {"critical-peak": "2026-07-14"}}""", """{"eventDays": {"critical-peak": ["14 July"]}}""",
            """{"contractedKilowatts": 80}""", """{"contractedKw": 12.5, "taxStatus": "reverse-charge"}""",
            """{"eventDays": {"critical-peak": ["2026-07-14"]}}""", """{"powerFactor": {"target": 0.95}}""", """{"urdb": {"carryCredit": true}}""",
        ];
        for (var i = 0; i < parameters.Length; i++)
        {
            document["contracts"]![i]!["parameters"] = JsonNode.Parse(parameters[i]);
        }

        var problems = await ProblemsAsync(site, document);
        Assert.Equal(
            [
                "$.contracts[0].parameters.contractedKw", "$.contracts[1].parameters.taxStatus", "$.contracts[2].parameters.eventDays.critical-peak", "$.contracts[3].parameters.eventDays.critical-peak",
                "$.contracts[4].parameters.contractedKilowatts", "$.contracts[6].parameters.eventDays.critical-peak", "$.contracts[7].parameters.powerFactor", "$.contracts[8].parameters.urdb",
            ],
            problems.Select(p => p.Path));
        Assert.All(problems, p => Assert.Matches("write|must|correct|remove", p.Message));
    }

    [Fact]
    public async Task A_tariff_of_contracted_capacity_asks_for_the_contracts_kilowatts()
    {
        var site = new BillingSite(database.Source, 1);
        var document = site.Document();
        ((JsonArray)document["tariffs"]![0]!["document"]!["components"]!).Add(new JsonObject
        {
            ["kind"] = "capacity", ["id"] = "capacity", ["description"] = "Capacity", ["price"] = 2, ["excessPrice"] = 4,
        });
        var problem = Assert.Single(await ProblemsAsync(site, document));
        Assert.Equal("$.contracts[0].parameters.contractedKw", problem.Path);
        Assert.Contains("give the contract's kW", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tariff_in_another_currency_than_the_account_is_refused()
    {
        var site = new BillingSite(database.Source, 1);
        var document = site.Document();
        document["tariffs"]![0]!["document"]!["currency"] = "GBP";
        var problem = Assert.Single(await ProblemsAsync(site, document));
        Assert.Equal("$.contracts[0].tariff", problem.Path);
        Assert.Contains("tariff flat@1 is in GBP, account A0001 is in EUR", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_versions_of_a_tariff_are_in_one_currency()
    {
        await using var scene = await Scene.CreateAsync(1, _ => Task.CompletedTask);
        var document = scene.Site.Document();
        var next = BillingSite.Tariff("flat", "2", "2027-01-01", 0.31m);
        next["currency"] = "GBP";
        ((JsonArray)document["tariffs"]!).Add(new JsonObject { ["document"] = next });
        Assert.Contains(await ProblemsAsync(scene.Site, document), p => p.Path.EndsWith("$.currency", StringComparison.Ordinal) && p.Message.Contains("another code", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_demo_site_can_be_provisioned()
    {
        await using var scene = await Scene.CreateAsync(1, _ => Task.CompletedTask);
        var folder = Path.Combine(SharedCases.RepositoryRoot, "deploy", "demo-site");
        var result = await scene.Site.Provision.RunAsync(
            await File.ReadAllTextAsync(Path.Combine(folder, "provision.json")), path => File.ReadAllText(Path.Combine(folder, path)), "test", false, default);
        Assert.Empty(result.Problems);
        Assert.Equal(8, result.Counts.Single(c => c.Kind == "contracts").Added);
    }

    private static async Task<IReadOnlyList<ProvisioningProblem>> ProblemsAsync(BillingSite site, JsonObject document)
    {
        var result = await site.Provision.RunAsync(document.ToJsonString(), null, "test", false, default);
        Assert.Empty(result.Counts);
        return result.Problems;
    }
}
