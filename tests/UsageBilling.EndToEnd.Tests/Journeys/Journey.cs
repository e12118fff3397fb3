using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Demo;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Documents.Ubl;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;
using UsageBilling.Testing;

namespace UsageBilling.EndToEnd.Tests.Journeys;

/// <summary>One way from meter to invoice on a <see cref="Road"/>: what an installer, a gateway, a billing clerk and a customer do, in their order.</summary>
internal sealed class Journey : IAsyncDisposable
{
    public const string Gateway = "quay";

    private readonly HttpClient _api;

    private Journey(Road road) => (Road, _api) = (road, new HttpClient { BaseAddress = road.Url });

    public Road Road { get; }

    /// <summary>A road whose gateway reads these meters (the lists <c>buses:</c> and <c>meters:</c> as YAML) every so many minutes.</summary>
    public static Journey Create(string site, Func<Road, string> meters, int intervalMinutes = 15, string more = "")
    {
        var road = Road.Create(site, "");
        File.WriteAllText(road.GatewayFile, $"gateway: {Gateway}\nstate: {road.GatewayState}\nsampling: {{ interval: {intervalMinutes}, live: 0 }}\n{more}\n{meters(road)}");
        return new Journey(road);
    }

    /// <summary>Starts the cloud, tells it of customers and meters, and enrols the gateway.</summary>
    public async Task OpenAsync(JsonObject provisioning, CancellationToken token)
    {
        await Road.StartCloudAsync(token);
        var file = Path.Combine(Road.Folder, "provision.json");
        await File.WriteAllTextAsync(file, provisioning.ToJsonString(), token);
        await Road.CloudAsync(["provision", file], token);
        await Road.EnrolAsync(Gateway, token);
        _api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await Road.CloudAsync(["token", "create", "journey"], token)).Trim());
    }

    /// <summary>Runs the gateway over the span as fast as it can; it ends by itself when the cloud has committed everything. Then waits for the projection.</summary>
    public async Task TravelAsync(string from, string to, CancellationToken token)
    {
        await Child.RunAsync("usage-gateway run", Road.Program("UsageBilling.Edge", "usage-gateway"),
            ["run", "--config", Road.GatewayFile, "--simulation", $"unix:{Road.Control}", "--simulate-from", from, "--simulate-to", to], null, null, token);
        await UntilProjectedAsync(token);
        Assert.Equal("[]", (await GatewayAsync(token)).GetProperty("parked").GetRawText());
    }

    public Task UntilProjectedAsync(CancellationToken token) => Road.UntilAsync("everything committed is projected", async () =>
    {
        var streams = (await GatewayAsync(token)).GetProperty("streams").EnumerateArray().ToList();
        return streams.Count > 0 && streams.All(s => s.GetProperty("committedThrough").GetInt64() is > 0 and var committed && s.GetProperty("projectedThrough").GetInt64() == committed);
    }, token);

    /// <summary>Bills and issues a month, and checks every document and the whole of the books. The issued bills by service point.</summary>
    public async Task<Dictionary<string, Bill>> BillAsync(string month, int contracts, CancellationToken token)
    {
        var done = (await Road.CloudAsync(["bill", "--period", month, "--issue"], token)).Trim().Split('\n')[^1];
        Assert.Equal($"{month}: {contracts} contracts, {contracts} billed, 0 unchanged, 0 held, 0 failed, 0 not due, {contracts} issued", done);
        var bills = await BillsAsync(token);
        await CheckDocumentsAsync(token);
        await Road.CloudAsync(["verify"], token); // ends with another exit code than 0 on any difference
        return bills;
    }

    /// <summary>What a register showed at the boundaries of a UTC day, as the cloud keeps it.</summary>
    public async Task<RegisterDay> RegisterDayAsync(RegisterKey register, LocalDate day, CancellationToken token)
    {
        await using var command = (await Road.DatabaseAsync(token)).CreateCommand(
            "SELECT interval_minutes, slot_values, qualities, distances FROM register_day WHERE register_id = $1 AND day = $2");
        command.Parameters.Add(new() { Value = register.Id.Value });
        command.Parameters.Add(new() { Value = day });
        await using var row = await command.ExecuteReaderAsync(token);
        Assert.True(await row.ReadAsync(token), $"no register day of {register} on {day}");
        return RegisterDay.Unpack(day, row.GetInt16(0), row.GetFieldValue<byte[]>(1), row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3));
    }

    public async Task<JsonElement> GetAsync(string url, CancellationToken token) => await _api.GetFromJsonAsync<JsonElement>(url, token);

    private async Task<JsonElement> GatewayAsync(CancellationToken token) => (await GetAsync("/api/v1/gateways", token)).EnumerateArray().Single();

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await Road.DisposeAsync();
    }

    public static Instant At(string text) => InstantPattern.General.Parse(text).Value;

    private async Task<Dictionary<string, Bill>> BillsAsync(CancellationToken token)
    {
        await using var command = (await Road.DatabaseAsync(token)).CreateCommand("SELECT content FROM bill WHERE state = 'issued'");
        await using var row = await command.ExecuteReaderAsync(token);
        var bills = new Dictionary<string, Bill>();
        while (await row.ReadAsync(token))
        {
            var bill = BillSnapshot.Parse(Encoding.UTF8.GetBytes(row.GetString(0)));
            bills.Add($"{bill.Supply.ServicePoint} {bill.Key.PeriodStart:uuuu-MM}", bill);
        }

        return bills;
    }

    // Every invoice has a PDF, and a UBL document that the official schema and the standard's arithmetic accept.
    private async Task CheckDocumentsAsync(CancellationToken token)
    {
        var invoices = (await GetAsync("/api/v1/invoices?limit=500", token)).GetProperty("items").EnumerateArray().Select(i => i.GetProperty("number").GetString()!).ToList();
        Assert.NotEmpty(invoices);
        foreach (var number in invoices)
        {
            Assert.StartsWith("%PDF-", Encoding.ASCII.GetString((await DocumentAsync($"{number}.pdf", token))[..5]), StringComparison.Ordinal);
            var ubl = await DocumentAsync($"{number}.xml", token);
            Assert.Empty(En16931.Check(ubl));
            Assert.Empty(UblSchemas.Problems(ubl));
        }
    }

    // The command and the service's worker share the rendering; a document may be under way.
    private async Task<byte[]> DocumentAsync(string name, CancellationToken token)
    {
        byte[] document = [];
        await Road.UntilAsync($"{name} is rendered", async () =>
        {
            using var answer = await _api.GetAsync(new Uri($"/api/v1/invoices/{name}", UriKind.Relative), token);
            document = await answer.Content.ReadAsByteArrayAsync(token);
            return answer.StatusCode == HttpStatusCode.OK;
        }, token);
        return document;
    }
}
