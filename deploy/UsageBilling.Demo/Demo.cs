using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using NodaTime;
using NodaTime.Text;

namespace UsageBilling.Demo;

/// <summary>The demo's flow: start the cloud, provision, enrol, collect, bill, show; then live until somebody ends it.</summary>
internal sealed partial class Demo(DemoFolder folder, Ports ports) : IAsyncDisposable
{
    private const string Gateway = "harbour-quarter";
    private const string Person = "demo";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Timeline _timeline = new();
    private readonly List<Child> _children = [];
    private readonly string _root = FindRoot();
    private readonly HttpClient _http = new() { BaseAddress = new Uri($"http://127.0.0.1:{ports.Http}"), Timeout = TimeSpan.FromSeconds(30) };
    private DateTimeZone _zone = null!;
    private string? _sampled;
    private Instant _sampledAt = Instant.MaxValue;

    [GeneratedRegex(@"^progress cycles=(?<cycles>\d+) of=(?<of>\d+) rate=(?<rate>[\d.]+) fsyncs=(?<fsyncs>\d+) ratio=(?<ratio>[\d.]+)")]
    private static partial Regex ProgressLine();

    [GeneratedRegex(@"(?<contracts>\d+) contracts")]
    private static partial Regex ContractsBilled();

    public async Task RunAsync(bool once, CancellationToken token)
    {
        _zone = ReadZone();
        var month = LastMonth();
        _timeline.Say($"everything is kept in {folder.Root}; logs are in {folder.Logs}");
        await _timeline.PhaseAsync("start", () => StartCloudAsync(token));
        var (apiToken, password) = await _timeline.PhaseAsync("provision", () => ProvisionAsync(token));
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", apiToken);
        await _timeline.PhaseAsync("sample and forward", () => CollectAsync(month, token));
        var billed = await _timeline.PhaseAsync("bill and issue", () => BillAsync(month, token));
        var (invoices, takenBack) = await _timeline.PhaseAsync("fetch documents", () => FetchInvoicesAsync(month, token));
        var invoiced = invoices.Concat(takenBack).Select(i => i.Contract).Distinct().Count();
        if (invoiced == 0)
        {
            throw new DemoException($"no invoice for {month}: {billed}; see {folder.Log("cloud")}");
        }

        InvoiceTable.Print(invoices, month);
        _timeline.Say($"{invoices.Count} invoices issued{(takenBack.Count == 0 ? "" : $"; taken back by a credit note: {string.Join(", ", takenBack.Select(i => i.Number))}")}");
        if (int.TryParse(ContractsBilled().Match(billed).Groups["contracts"].Value, CultureInfo.InvariantCulture, out var contracts) && contracts != invoiced)
        {
            throw new DemoException($"{contracts} contracts, but {invoiced} invoiced: {billed}; the page Bills says what is held and why");
        }

        _timeline.Summary();
        if (once)
        {
            _timeline.Say("verifying everything from journal to ledger");
            Console.Write(await CloudAsync(["verify"], token));
            return;
        }

        Console.WriteLine($"\nThe web app:  http://127.0.0.1:{ports.Http}\n  name        {Person}\n  password    {password}   (for this run)\n\nLive until Ctrl-C.");
        await StayAsync(token);
    }

    public async ValueTask DisposeAsync()
    {
        for (var i = _children.Count - 1; i >= 0; i--)
        {
            await _children[i].DisposeAsync();
        }

        _http.Dispose();
    }

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "UsageBilling.sln")))
            {
                return at.FullName;
            }
        }

        throw new DemoException("the demo runs from a clone of the repository: deploy/demo");
    }

    private DateTimeZone ReadZone()
    {
        using var site = JsonDocument.Parse(File.ReadAllText(ProvisionFile));
        return DateTimeZoneProviders.Tzdb[site.RootElement.GetProperty("servicePoints")[0].GetProperty("zone").GetString()!];
    }

    private static YearMonth MonthOf(Instant instant, DateTimeZone zone) => instant.InZone(zone).Date.ToYearMonth();

    private static Instant Now() => Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow());

    private YearMonth LastMonth()
    {
        var now = MonthOf(Now(), _zone);
        return now.Month == 1 ? new YearMonth(now.Year - 1, 12) : new YearMonth(now.Year, now.Month - 1);
    }

    private string Program(string project, string program) => Path.Combine(_root, "artifacts", "bin", project, "release", program);

    private void Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, Action<string>? onLine = null) =>
        _children.Add(Child.Start(name, program, arguments, folder.Log(name), environment, onLine));

    private Task<string> CloudAsync(IEnumerable<string> arguments, CancellationToken token) =>
        Child.RunAsync("usage-cloud " + string.Join(' ', arguments), Program("UsageBilling.Cloud", "usage-cloud"), [.. arguments, "--state", folder.Cloud], null, null, token);

    private async Task StartCloudAsync(CancellationToken token)
    {
        _timeline.Say("starting the cloud with its own PostgreSQL and its own broker");
        Start("cloud", Program("UsageBilling.Cloud", "usage-cloud"), ["serve", "--state", folder.Cloud, "--http-port", $"{ports.Http}", "--mqtt-port", $"{ports.Mqtt}"]);
        await UntilAsync("the cloud is ready", async () =>
        {
            try
            {
                using var answer = await _http.GetAsync(new Uri("/readyz", UriKind.Relative), token);
                return answer.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false; // not listening yet
            }
        }, token);
    }

    private async Task<(string Token, string Password)> ProvisionAsync(CancellationToken token)
    {
        _timeline.Say("telling the cloud about supplier, tariffs, customers, meters and contracts");
        await CloudAsync(["provision", ProvisionFile], token);
        var stamp = Now().ToUnixTimeSeconds();
        var apiToken = (await CloudAsync(["token", "create", $"demo-{stamp}", "--days", "7"], token)).Trim();
        var password = (await CloudAsync(["user", "set", Person], token)).Trim();
        if (!File.Exists(Path.Combine(folder.Gateway, "enrolled")))
        {
            _timeline.Say($"enrolling gateway {Gateway} with a one-time token");
            var oneTime = (await CloudAsync(["enroll", Gateway], token)).Trim().Split('\n')[^1].Trim();
            await Child.RunAsync("usage-gateway enroll", Program("UsageBilling.Edge", "usage-gateway"),
                ["enroll", "--config", GatewayFile, "--cloud", _http.BaseAddress!.ToString(), "--token", oneTime], null, GatewayEnvironment, token);
            await File.WriteAllTextAsync(Path.Combine(folder.Gateway, "enrolled"), "", token);
        }

        return (apiToken, password);
    }

    private string ProvisionFile => Path.Combine(_root, "deploy", "demo-site", "provision.json");

    private string GatewayFile => Path.Combine(_root, "deploy", "demo-site", "gateway.yaml");

    private Dictionary<string, string> GatewayEnvironment => new()
    {
        ["GATEWAY_NAME"] = Gateway,
        ["GATEWAY_STATE"] = folder.Gateway,
        ["MODBUS_PORT"] = ports.Modbus.ToString(CultureInfo.InvariantCulture),
    };

    private async Task CollectAsync(YearMonth month, CancellationToken token)
    {
        _timeline.Say("starting the simulated site and the gateway");
        var control = folder.Socket("site");
        File.Delete(control);
        Start("site", Program("UsageBilling.Edge.Simulator", "usage-simulator"),
            ["serve", "--site", Path.Combine(_root, "deploy", "demo-site", "site.yaml"), "--simulation", $"unix:{control}", "--modbus-port", $"{ports.Modbus}"]);
        await UntilAsync("the simulated site answers", () => Task.FromResult(File.Exists(control)), token);

        // A little before the month, so that programs which have just started are warm when its opening registers are read.
        var from = month.OnDayOfMonth(1).AtStartOfDayInZone(_zone).ToInstant() - Duration.FromHours(2);
        Start("gateway", Program("UsageBilling.Edge", "usage-gateway"),
            ["run", "--config", GatewayFile, "--simulation", $"unix:{control}", "--simulate-from", InstantPattern.General.Format(from)], GatewayEnvironment, OnGatewayLine);
        await UntilAsync("the backlog is sampled, forwarded and projected", () => IsForwardedAsync(token), token);
        _timeline.Say($"sampled: {_sampled}");
    }

    private void OnGatewayLine(string line)
    {
        if (ProgressLine().Match(line) is { Success: true } m)
        {
            _sampled = m.Groups["of"].Value == "0"
                ? "nothing, everything until now was sampled before"
                : $"{m.Groups["cycles"]} of {m.Groups["of"]} cycles, {m.Groups["rate"]} cycles/s, {m.Groups["fsyncs"]} fsyncs, {m.Groups["ratio"]} cycles per fsync";
            _timeline.Progress("sampling " + _sampled);
            if (m.Groups["cycles"].Value == m.Groups["of"].Value)
            {
                _sampledAt = Now();
            }
        }
    }

    // Sampled up to now, nothing waits at the gateway, everything committed is projected.
    private async Task<bool> IsForwardedAsync(CancellationToken token)
    {
        var gateways = await _http.GetFromJsonAsync<JsonElement>("/api/v1/gateways", token);
        foreach (var gateway in gateways.EnumerateArray())
        {
            if (gateway.GetProperty("gateway").GetString() != Gateway || gateway.GetProperty("status") is not { ValueKind: JsonValueKind.Object } status)
            {
                continue;
            }

            var streams = gateway.GetProperty("streams").EnumerateArray().ToList();
            var committed = streams.Sum(s => s.GetProperty("committedThrough").GetInt64());
            var projected = streams.Sum(s => s.GetProperty("projectedThrough").GetInt64());
            var waiting = status.GetProperty("unsealed").GetInt64();
            var unacknowledged = status.GetProperty("sealedThrough").GetInt64() - status.GetProperty("acknowledgedThrough").GetInt64();
            _timeline.Progress($"forwarding: {committed} batches committed, {projected} projected, {waiting} readings wait at the gateway");
            var said = InstantPattern.ExtendedIso.Parse(gateway.GetProperty("statusAt").GetString()!).Value;
            return said > _sampledAt && committed > 0 && projected == committed && waiting == 0 && unacknowledged == 0;
        }

        return false;
    }

    private async Task<string> BillAsync(YearMonth month, CancellationToken token)
    {
        _timeline.Say($"billing and issuing {month.ToString("uuuu-MM", CultureInfo.InvariantCulture)}");
        var lines = (await CloudAsync(["bill", "--period", month.ToString("uuuu-MM", CultureInfo.InvariantCulture), "--issue"], token)).Trim().Split('\n');
        return lines[^1];
    }

    // The invoices that hold, and those that somebody took back on the pages.
    private async Task<(List<InvoiceRow> Rows, List<InvoiceRow> TakenBack)> FetchInvoicesAsync(YearMonth month, CancellationToken token)
    {
        var (rows, takenBack) = (new List<InvoiceRow>(), new List<InvoiceRow>());
        var documents = (await _http.GetFromJsonAsync<JsonElement>("/api/v1/invoices?limit=500", token)).GetProperty("items").EnumerateArray().ToLookup(d => d.GetProperty("kind").GetString());
        var credited = documents["credit-note"].Select(d => d.GetProperty("preceding").GetString()).ToHashSet();
        foreach (var invoice in documents["invoice"])
        {
            if (LocalDatePattern.Iso.Parse(invoice.GetProperty("periodStart").GetString()!).Value.ToYearMonth() != month)
            {
                continue;
            }

            var number = invoice.GetProperty("number").GetString()!;
            var pdf = Path.Combine(folder.Invoices, number + ".pdf");
            await UntilAsync($"invoice {number} is rendered", async () =>
            {
                using var answer = await _http.GetAsync(new Uri($"/api/v1/invoices/{number}.pdf", UriKind.Relative), token);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    await File.WriteAllBytesAsync(pdf, await answer.Content.ReadAsByteArrayAsync(token), token);
                }

                return answer.StatusCode == HttpStatusCode.OK;
            }, token);
            var snapshot = await _http.GetFromJsonAsync<JsonElement>($"/api/v1/invoices/{number}", token);
            (credited.Contains(number) ? takenBack : rows).Add(InvoiceRow.Read(invoice, snapshot, ShortPath(pdf)));
        }

        return (rows, takenBack);
    }

    private static string ShortPath(string path) =>
        Path.GetRelativePath(Environment.CurrentDirectory, path) is var relative && !relative.StartsWith("..", StringComparison.Ordinal) ? relative : path;

    private async Task StayAsync(CancellationToken token)
    {
        using var pulse = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (await pulse.WaitForNextTickAsync(token))
        {
            _children.ForEach(c => c.RequireRunning());
        }
    }

    // A program that is gone explains itself better than a connection that is refused.
    private async Task<bool> HoldsAsync(Func<Task<bool>> condition, CancellationToken token)
    {
        _children.ForEach(c => c.RequireRunning());
        try
        {
            return await condition();
        }
        catch (HttpRequestException e)
        {
            _children.ForEach(c => c.RequireRunning());
            throw new DemoException($"the cloud does not answer: {e.Message}; see {folder.Log("cloud")}");
        }
        catch (TaskCanceledException) when (!token.IsCancellationRequested)
        {
            return false; // slow for once: asked again
        }
    }

    private async Task UntilAsync(string what, Func<Task<bool>> condition, CancellationToken token)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, token);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!await HoldsAsync(condition, token))
        {
            try
            {
                await pulse.WaitForNextTickAsync(either.Token);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                throw new DemoException($"not within {Patience}: {what}; see the logs in {folder.Logs}");
            }
        }
    }
}
