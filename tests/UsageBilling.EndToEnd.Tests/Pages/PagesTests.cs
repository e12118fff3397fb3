using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Testing;
using static Microsoft.Playwright.Assertions;

namespace UsageBilling.EndToEnd.Tests.Pages;

/// <summary>Somebody signs in and looks at each page of a running system, in a real browser; nothing may go wrong in its console.</summary>
public sealed class PagesTests
{
    private const string Chromium = "/usr/bin/chromium";
    private const string Password = "harbour at low tide";
    private const string Gateway = "harbour-quarter";

    private readonly List<string> _console = [];

    private static string DemoSite(string file) => Path.Combine(SharedCases.RepositoryRoot, "deploy", "demo-site", file);

    [Fact]
    public async Task Each_page_shows_the_running_system_and_a_reader_sees_no_way_to_change_it()
    {
        Assert.SkipUnless(File.Exists(Chromium), $"{Chromium} is not installed");
        var token = TestContext.Current.CancellationToken;
        await using var road = Road.Create(await File.ReadAllTextAsync(DemoSite("site.yaml"), token), "");
        await StartAsync(road, token);

        SetDefaultExpectTimeout(20_000);
        using var playwright = await Playwright.CreateAsync();
        await using var chromium = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu"] });
        var page = await SignInAsync(chromium, road, "anna");
        await OverviewAsync(page);
        await ConsumptionAsync(page);
        await AnalyticsAsync(page);
        await AlertsAsync(page, road, token);
        await EventsAsync(page, road, token);
        await ImportsAsync(page, road, token);
        await ExceptionsAsync(page);
        var number = await BillsAsync(page);
        await InvoiceAsync(page, number);
        await SearchAsync(page, number);
        await ReaderAsync(chromium, road);
        await NarrowAsync(chromium, road);
        await SessionEndsAsync(page, road, token);
        Assert.Empty(_console);
    }

    // Two whole days of readings, then live every second. Contracts begin with the first of them and end with it, so that a period of one day can be billed.
    private static async Task StartAsync(Road road, CancellationToken token)
    {
        var zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
        var today = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).InZone(zone).Date;
        var (from, to) = (today.PlusDays(-2), today.PlusDays(-1));
        var yaml = await File.ReadAllTextAsync(DemoSite("gateway.yaml"), token);
        await File.WriteAllTextAsync(
            road.GatewayFile,
            yaml.Replace("${GATEWAY_NAME:-harbour-quarter}", Gateway, StringComparison.Ordinal)
                .Replace("${GATEWAY_STATE:-../../.demo/gateway}", road.GatewayState, StringComparison.Ordinal)
                .Replace("${MODBUS_HOST:-127.0.0.1}:${MODBUS_PORT:-5020}", $"127.0.0.1:{road.ModbusPort}", StringComparison.Ordinal)
                .Replace("live: 5 ", "live: 1 ", StringComparison.Ordinal),
            token);
        var document = JsonNode.Parse(await File.ReadAllTextAsync(DemoSite("provision.json"), token))!;
        foreach (var contract in document["contracts"]!.AsArray())
        {
            contract!["from"] = LocalDatePattern.Iso.Format(from);
            contract["to"] = LocalDatePattern.Iso.Format(to);
        }

        foreach (var tariff in document["tariffs"]!.AsArray().Where(t => t!["file"] is not null))
        {
            tariff!["file"] = Path.GetFullPath(tariff["file"]!.GetValue<string>(), Path.GetDirectoryName(DemoSite("provision.json"))!);
        }

        var provision = Path.Combine(road.Folder, "provision.json");
        await File.WriteAllTextAsync(provision, document.ToJsonString(), token);
        await Task.WhenAll(road.StartCloudAsync(token), road.StartSiteAsync(token));
        await Task.WhenAll(
            road.CloudAsync(["provision", provision], token),
            road.CloudAsync(["user", "set", "anna", "--password-stdin"], token, Password + "\n"),
            road.CloudAsync(["user", "set", "rita", "--read-only", "--password-stdin"], token, Password + "\n"),
            road.EnrolAsync(Gateway, token));
        road.StartGateway("--simulation", $"unix:{road.Control}", "--simulate-from", InstantPattern.General.Format(from.AtStartOfDayInZone(zone).ToInstant()));
    }

    // A sender gets a type wrong: whoever looks sees it too.
    private static async Task EventsAsync(IPage page, Road road, CancellationToken token)
    {
        using var api = new HttpClient { BaseAddress = road.Url };
        api.DefaultRequestHeaders.Authorization = new("Bearer", (await road.CloudAsync(["token", "create", "sender"], token)).Trim());
        using var body = new StringContent("""{"specversion":"1.0","type":"com.example.typo","source":"/switch/1","id":"1","time":"2026-10-05T08:00:00Z"}""", Encoding.UTF8, "application/cloudevents+json");
        using var answer = await api.PostAsync(new Uri("/api/v1/events", UriKind.Relative), body, token);
        Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        await page.GetByRole(AriaRole.Link, new() { Name = "Events" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Usage events" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Row, new() { Name = "unknown type /switch/1 com.example.typo 1" })).ToBeVisibleAsync();
        await Expect(page.GetByText("no usage definition takes events of type com.example.typo")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No event yet" })).ToBeVisibleAsync();
    }

    // Somebody says who is told and of what, sees the webhook's secret once, and switches a rule off.
    private static async Task AlertsAsync(IPage page, Road road, CancellationToken token)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Alerts" }).ClickAsync();
        var targets = page.GetByRole(AriaRole.Region, new() { Name = "Targets" });
        var rules = page.GetByRole(AriaRole.Region, new() { Name = "Rules" });
        await Expect(rules.GetByText("Nothing is watched yet. Add a target first.")).ToBeVisibleAsync();
        await targets.GetByLabel("Name").FillAsync("energy-team");
        await targets.GetByLabel("Address").FillAsync("energy");
        await targets.GetByRole(AriaRole.Button, new() { Name = "Add target" }).ClickAsync();
        await Expect(page.GetByText("address 'energy' must be an e-mail address like energy@customer.example")).ToBeVisibleAsync();
        await targets.GetByLabel("Address").FillAsync("energy@customer.example");
        await targets.GetByRole(AriaRole.Button, new() { Name = "Add target" }).ClickAsync();
        await Expect(targets.GetByRole(AriaRole.Cell, new() { Name = "energy@customer.example" })).ToBeVisibleAsync();

        await targets.GetByLabel("Kind").SelectOptionAsync("webhook");
        await targets.GetByLabel("Name").FillAsync("hook");
        await targets.GetByLabel("Address").FillAsync("https://hooks.customer.example/usage");
        await targets.GetByRole(AriaRole.Button, new() { Name = "Add target" }).ClickAsync();
        var secret = page.Locator("code.secret");
        await Expect(secret).ToHaveTextAsync(new Regex("^whsec_[A-Za-z0-9+/]{43}=$"));
        var first = await secret.TextContentAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "I have it" }).ClickAsync();
        await Expect(secret).ToHaveCountAsync(0);
        await targets.GetByRole(AriaRole.Button, new() { Name = "new secret" }).ClickAsync();
        await Expect(secret).Not.ToHaveTextAsync(first!);
        await page.GetByRole(AriaRole.Button, new() { Name = "I have it" }).ClickAsync();

        await rules.GetByLabel("Name").FillAsync("bakery-day");
        await rules.GetByLabel("Service point").FillAsync("bakery");
        await page.GetByText("bakery", new() { Exact = false }).Filter(new() { HasText = "· bakery" }).First.ClickAsync();
        await rules.GetByRole(AriaRole.Button, new() { Name = "Add rule" }).ClickAsync();
        await Expect(page.GetByText("limit is missing: give a number above 0")).ToBeVisibleAsync();
        await Expect(page.GetByText("targets names one target or more, each once")).ToBeVisibleAsync();
        await rules.GetByLabel("Limit, kWh").FillAsync("20.5");
        await rules.GetByLabel("energy-team").CheckAsync();
        await rules.GetByRole(AriaRole.Button, new() { Name = "Add rule" }).ClickAsync();
        await Expect(rules.GetByRole(AriaRole.Cell, new() { Name = "Electricity import over 20.5 kWh a day" })).ToBeVisibleAsync();

        // A budget with another face, and opening hours.
        await rules.GetByLabel("Name").FillAsync("bakery-budget");
        await rules.GetByLabel("Service point").FillAsync("bakery");
        await page.GetByText("bakery", new() { Exact = false }).Filter(new() { HasText = "· bakery" }).First.ClickAsync();
        await rules.GetByLabel("Watch for").SelectOptionAsync("money");
        await rules.GetByLabel("Budget a billing period, with tax").FillAsync("900");
        await rules.GetByLabel("hook").CheckAsync();
        await rules.GetByRole(AriaRole.Button, new() { Name = "Add rule" }).ClickAsync();
        await Expect(rules.GetByRole(AriaRole.Cell, new() { Name = "50, 75, 100 % of 900.00 a billing period" })).ToBeVisibleAsync();

        await rules.GetByRole(AriaRole.Row, new() { Name = "bakery-budget" }).GetByRole(AriaRole.Button, new() { Name = "switch off" }).ClickAsync();
        await Expect(rules.GetByRole(AriaRole.Row, new() { Name = "bakery-budget" }).GetByText("switched off")).ToBeVisibleAsync();
        await using var audit = (await road.DatabaseAsync(token)).CreateCommand("SELECT count(*) FROM audit WHERE actor LIKE '%anna%' AND entity LIKE 'alert-%' AND (after::text LIKE '%whsec%' OR before::text LIKE '%whsec%')");
        Assert.Equal(0L, await audit.ExecuteScalarAsync(token));
    }

    private async Task<IPage> SignInAsync(IBrowser chromium, Road road, string name, int width = 1360)
    {
        var context = await chromium.NewContextAsync(new() { BaseURL = road.Url.ToString(), ViewportSize = new() { Width = width, Height = 900 } });
        var page = await context.NewPageAsync();
        page.Console += (_, message) => Note(message.Type is "error" or "warning", message.Text);
        page.PageError += (_, error) => Note(true, error);
        await page.GotoAsync("/");
        await page.GetByLabel("Name").FillAsync(name);
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        return page;
    }

    private void Note(bool bad, string text)
    {
        if (bad)
        {
            lock (_console)
            {
                _console.Add(text);
            }
        }
    }

    private static async Task OverviewAsync(IPage page)
    {
        var panel = page.Locator("section.panel", new() { HasText = Gateway });
        await Expect(panel.GetByText("online", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(panel.GetByText("up to date")).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await Expect(panel.GetByRole(AriaRole.Row, new() { Name = "factory-1 ok" })).ToBeVisibleAsync();
        await Expect(Figure(page, "Contracts")).ToHaveTextAsync("8");
    }

    private static async Task ConsumptionAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Consumption" }).ClickAsync();
        await page.GetByLabel("Account or service point").FillAsync("Bootswerft");
        await page.GetByText("300301 Weser Bootswerft GmbH · boatyard").ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("point="), new() { Timeout = 30_000 });
        await page.GetByRole(AriaRole.Button, new() { Name = "Yesterday" }).ClickAsync();
        await Expect(Figure(page, "Total, yesterday")).ToHaveTextAsync(new Regex(@"^[\d,]+\.\d\d kWh$"), new() { Timeout = 30_000 });
        await Expect(page.Locator(".chart canvas").First).ToBeVisibleAsync();
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Download CSV" }).ClickAsync());
        var rows = (await File.ReadAllLinesAsync((await download.PathAsync())!)).Skip(1).Select(l => l.Split(',')).ToList();
        Assert.InRange(rows.Count, 92, 100);
        Assert.All(rows, r => Assert.Equal("measured", r[6]));
        var sum = rows.Sum(r => decimal.Parse(r[4], CultureInfo.InvariantCulture));
        await Expect(Figure(page, "Total, yesterday")).ToHaveTextAsync(sum.ToString("#,0.00", CultureInfo.InvariantCulture) + " kWh");

        // What is there live goes on by itself.
        await page.GetByRole(AriaRole.Button, new() { Name = "Today" }).ClickAsync();
        await Expect(page.GetByText("Live power")).ToBeVisibleAsync();
        await Expect(Figure(page, "Now")).ToHaveTextAsync(new Regex(@"^\d+\.\d\d kW$"));
    }

    // Two days of readings: a load, a map of its hours, and no cost, because the contract has ended.
    private static async Task AnalyticsAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Analytics" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Analytics" })).ToBeVisibleAsync(); // the page before has a field of the same name
        await page.GetByLabel("Account or service point").FillAsync("Bootswerft");
        await page.GetByText("300301 Weser Bootswerft GmbH · boatyard").ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("point="), new() { Timeout = 30_000 });
        await Expect(Figure(page, "Peak")).ToHaveTextAsync(new Regex(@"^\d+\.\d{3} kW$"));
        await Expect(page.Locator(".chart canvas").First).ToBeVisibleAsync();
        await Expect(page.GetByText("There is no cost: service point boatyard has no contract on this day.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Alerts" }).ClickAsync();
        await Expect(page.GetByText("No alert yet")).ToBeVisibleAsync();
    }

    private static async Task ExceptionsAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Exceptions" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Exceptions" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Open by rule" })).ToBeVisibleAsync();
        await page.GetByLabel("Site").FillAsync("no-such-site");
        await page.GetByLabel("Site").BlurAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No such finding" })).ToBeVisibleAsync();
    }

    // Rates and issues the month; a bill that is held for want of an earlier one, or because a month is short, is released first.
    private static async Task<string> BillsAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = "Bills" }).ClickAsync();
        var month = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).InZone(DateTimeZoneProviders.Tzdb["Europe/Berlin"]).Date.PlusDays(-2).ToString("uuuu-MM", CultureInfo.InvariantCulture);
        await page.GetByLabel("Month").FillAsync(month);
        await page.GetByRole(AriaRole.Button, new() { Name = "Rate only" }).ClickAsync();
        await Expect(page.GetByText(new Regex("^done in")).First).ToBeVisibleAsync(new() { Timeout = 30_000 });

        // Hold a bill, release it, and issue.
        await page.GetByRole(AriaRole.Link, new() { Name = "Weser Bootswerft" }).ClickAsync();
        var bill = page.GetByLabel("Bill", new() { Exact = true });
        await Expect(bill.GetByRole(AriaRole.Button, new() { Name = "Hold" })).ToBeDisabledAsync();
        await bill.GetByLabel("Reason").FillAsync("the crane was out of order");
        await bill.GetByRole(AriaRole.Button, new() { Name = "Hold" }).ClickAsync();
        await Expect(bill.GetByText("Held until somebody releases it.")).ToBeVisibleAsync();
        await Expect(bill.GetByText("the crane was out of order")).ToBeVisibleAsync();
        await bill.GetByLabel("Reason").FillAsync("checked on site");
        await bill.GetByRole(AriaRole.Button, new() { Name = "Release" }).ClickAsync();
        await Expect(bill.GetByText("Released: it is issued")).ToBeVisibleAsync();
        await bill.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Rate and issue" }).ClickAsync();
        await Expect(page.GetByText(new Regex("^done in"))).ToHaveCountAsync(2, new() { Timeout = 30_000 });

        await page.GetByRole(AriaRole.Link, new() { Name = "Invoices" }).ClickAsync();
        await page.GetByLabel("Number, account or customer").FillAsync("Bootswerft");
        await Expect(page.GetByText("1 document", new() { Exact = true })).ToBeVisibleAsync();
        return await page.Locator("table.data tbody a").First.InnerTextAsync();
    }

    private static async Task InvoiceAsync(IPage page, string number)
    {
        await page.GetByRole(AriaRole.Link, new() { Name = number }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = $"Invoice {number}" })).ToBeVisibleAsync();
        await page.GetByText("Highest demand", new() { Exact = false }).First.ClickAsync();
        await Expect(page.Locator(".lines details[open] .formula")).ToContainTextAsync("kW");
        await Expect(page.GetByText("signed batches from " + Gateway)).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Download UBL" })).ToBeVisibleAsync();
        var pdf = await page.APIRequest.GetAsync(await Address("Open PDF"));
        Assert.Equal("%PDF-", Encoding.ASCII.GetString((await pdf.BodyAsync())[..5]));
        var ubl = await page.APIRequest.GetAsync(await Address("Download UBL"));
        Assert.Contains($">{number}<", await ubl.TextAsync(), StringComparison.Ordinal);

        async Task<string> Address(string link) =>
            new Uri(new Uri(page.Url), await page.GetByRole(AriaRole.Link, new() { Name = link }).GetAttributeAsync("href")).ToString();
    }

    private static async Task SearchAsync(IPage page, string number)
    {
        await page.GotoAsync("/invoices?find=" + number);
        await Expect(page.GetByText("1 document", new() { Exact = true })).ToBeVisibleAsync();
        await page.GotoAsync("/invoices?find=nobody-of-that-name");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Nothing found" })).ToBeVisibleAsync();
    }

    private static async Task ImportsAsync(IPage page, Road road, CancellationToken token)
    {
        var folder = Directory.CreateTempSubdirectory("imports").FullName;
        try
        {
            var good = Path.Combine(folder, "shop.csv");
            await File.WriteAllLinesAsync(good, ["start,kwh", "2026-01-01 00:00,1.25", "2026-01-01 00:30,2", "2026-01-01 01:30,3"], token);
            await road.CloudAsync(["import", good, "--format", "csv"], token);
            await page.GotoAsync("/imports");
            await page.GetByRole(AriaRole.Button, new() { Name = "shop.csv" }).ClickAsync();
            await Expect(page.GetByText("shop/ActiveEnergy/Import")).ToBeVisibleAsync();
            await Expect(page.GetByText("6.25", new() { Exact = true })).ToBeVisibleAsync();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task ReaderAsync(IBrowser chromium, Road road)
    {
        var page = await SignInAsync(chromium, road, "rita");
        await page.GotoAsync("/bills");
        await page.GetByRole(AriaRole.Link, new() { Name = "Weser Bootswerft" }).ClickAsync();
        await Expect(page.GetByLabel("Bill", new() { Exact = true }).GetByText("Highest demand").First).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Rate and issue" })).ToHaveCountAsync(0);
        await Expect(page.GetByLabel("Reason")).ToHaveCountAsync(0);
    }

    private async Task NarrowAsync(IBrowser chromium, Road road)
    {
        var page = await SignInAsync(chromium, road, "rita", width: 390);
        foreach (var path in new[] { "/", "/consumption", "/imports", "/bills", "/invoices" })
        {
            await page.GotoAsync(path);
            await Expect(page.Locator(".figures, table.data").First).ToBeVisibleAsync();
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= 390, $"{path} is wider than a phone");
        }
    }

    // An open page whose person gets a new password leads to the sign-in.
    private static async Task SessionEndsAsync(IPage page, Road road, CancellationToken token)
    {
        await road.CloudAsync(["user", "set", "anna", "--password-stdin"], token, Password + "\n");
        await page.WaitForURLAsync("**/sign-in?**", new() { Timeout = 30_000 });
    }

    private static ILocator Figure(IPage page, string label) => page.Locator(".figure", new() { Has = page.GetByText(label, new() { Exact = true }) }).Locator(".value");
}
