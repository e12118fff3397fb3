using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using NodaTime;
using Npgsql;
using static Microsoft.Playwright.Assertions;

namespace UsageBilling.EndToEnd.Tests.Pages;

/// <summary>A clerk works the exceptions page in a real browser; what the buttons did is read from the database.</summary>
public sealed class ExceptionsPageTests
{
    private const string Chromium = "/usr/bin/chromium";
    private const string Password = "harbour at low tide";

    // Gaps are left for people; nothing but gaps and spikes is looked for.
    private const string Rules = """
        {"version": "by-hand", "classes": [{"name": "all", "estimation": {"automatic": false}, "thresholds": {"peakRatio": null, "demandStepPercent": null, "highPercent": null, "lowPercent": null, "stuckIntervals": null}}]}
        """;

    private static readonly LocalDate Today = Instant.FromDateTimeOffset(TimeProvider.System.GetUtcNow()).InUtc().Date;

    // One spike, and three gaps: of an hour, and twice of three hours.
    private static readonly LocalDate Spiked = Today.PlusDays(-10);
    private static readonly LocalDate Hour = Today.PlusDays(-12);
    private static readonly LocalDate[] Longer = [Today.PlusDays(-8), Today.PlusDays(-7)];

    private readonly List<string> _console = [];

    [Fact]
    public async Task Exceptions_are_accepted_edited_estimated_and_explained_on_the_page()
    {
        Assert.SkipUnless(File.Exists(Chromium), $"{Chromium} is not installed");
        var token = TestContext.Current.CancellationToken;
        await using var road = Road.Create("", "");
        await StartAsync(road, token);
        var database = await road.DatabaseAsync(token);
        await road.UntilAsync("four findings are open", async () => await CountAsync(database, "SELECT count(*) FROM finding WHERE state = 'open'") == 4, token);

        SetDefaultExpectTimeout(20_000);
        using var playwright = await Playwright.CreateAsync();
        await using var chromium = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu"] });
        var page = await SignInAsync(chromium, road);
        await FilterAsync(page);
        await AcceptAsync(page, database);
        await EditAsync(page, database);
        await EstimateAsync(page, database);
        await ReplayAsync(page);
        await ExplainAsync(page, database);
        Assert.Empty(_console);
    }

    private static async Task StartAsync(Road road, CancellationToken token)
    {
        var rules = Path.Combine(road.Folder, "rules.json");
        await File.WriteAllTextAsync(rules, Rules, token);
        var lines = new List<string> { "start,kwh" };
        for (var day = Today.PlusDays(-40); day < Today.PlusDays(-1); day = day.PlusDays(1))
        {
            for (var slot = 0; slot < 48; slot++)
            {
                if (!(day == Hour && slot is (20 or 21)) && !(Longer.Contains(day) && slot is >= 20 and < 26))
                {
                    var used = 0.400m + (0.001m * ((slot * 7 % 48) + (int)day.DayOfWeek)) + (day == Spiked && slot == 30 ? 6 : 0);
                    lines.Add(string.Create(CultureInfo.InvariantCulture, $"{day:uuuu-MM-dd} {slot / 2:00}:{slot % 2 * 30:00},{used}"));
                }
            }
        }

        var file = Path.Combine(road.Folder, "shop.csv");
        await File.WriteAllLinesAsync(file, lines, token);
        await road.StartCloudAsync(token);
        Assert.Contains("by-hand is in force\nvalidated again: 0 channel-days since ", await road.CloudAsync(["rules", rules], token), StringComparison.Ordinal);
        await road.CloudAsync(["user", "set", "anna", "--password-stdin"], token, Password + "\n");
        await road.CloudAsync(["import", file, "--format", "csv"], token);
    }

    private async Task<IPage> SignInAsync(IBrowser chromium, Road road)
    {
        var context = await chromium.NewContextAsync(new() { BaseURL = road.Url.ToString(), ViewportSize = new() { Width = 1360, Height = 900 } });
        var page = await context.NewPageAsync();
        page.Console += (_, message) => Note(message.Type is "error" or "warning", message.Text);
        page.PageError += (_, error) => Note(true, error);
        await page.GotoAsync("/");
        await page.GetByLabel("Name").FillAsync("anna");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Exceptions" }).ClickAsync();
        await Expect(Findings(page)).ToHaveCountAsync(4);
        return page;
    }

    // Found just now: none is a day old. One rule, one site.
    private static async Task FilterAsync(IPage page)
    {
        await page.GetByLabel("Older than, days").FillAsync("1");
        await page.GetByLabel("Older than, days").BlurAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No such finding" })).ToBeVisibleAsync();
        await page.GetByLabel("Older than, days").FillAsync("0");
        await page.GetByLabel("Older than, days").BlurAsync();
        await Expect(Findings(page)).ToHaveCountAsync(4);
        await page.GetByLabel("Site").FillAsync("shop");
        await page.GetByLabel("Site").BlurAsync();
        await page.GetByLabel("Rule").SelectOptionAsync("spike");
        await Expect(Findings(page)).ToHaveCountAsync(1);
    }

    private static async Task AcceptAsync(IPage page, NpgsqlDataSource database)
    {
        var accept = page.GetByRole(AriaRole.Button, new() { Name = "Accept", Exact = true });
        await Findings(page).GetByLabel("Choose").CheckAsync();
        await Expect(accept).ToBeDisabledAsync(); // without a reason
        await page.GetByLabel(new Regex("^Reason for the 1 chosen")).FillAsync("the baker's new oven");
        await accept.ClickAsync();
        await Expect(page.GetByText("1 done.")).ToBeVisibleAsync();
        Assert.Equal(1, await CountAsync(database, "SELECT count(*) FROM finding WHERE rule = 'spike' AND state = 'accepted' AND decided_by = 'anna' AND reason = 'the baker''s new oven'"));
        Assert.Equal(1, await CountAsync(database, "SELECT count(*) FROM audit WHERE action = 'accept-finding' AND actor = 'anna'"));
    }

    private static async Task EditAsync(IPage page, NpgsqlDataSource database)
    {
        await page.GetByLabel("Rule").SelectOptionAsync("gap");
        await Expect(Findings(page)).ToHaveCountAsync(3);
        await Findings(page).Filter(new() { HasText = "2 missing" }).GetByRole(AriaRole.Button, new() { Name = "gap" }).ClickAsync();
        var panel = page.GetByLabel("Finding", new() { Exact = true });
        await Expect(panel.GetByLabel("First slot")).ToHaveValueAsync("20");
        await panel.GetByLabel("Reason, kept with the decision").FillAsync("read from the display");
        await panel.GetByLabel("Quantities, one a slot").FillAsync("410000 x");
        await panel.GetByRole(AriaRole.Button, new() { Name = "Set these quantities" }).ClickAsync();
        await Expect(panel.GetByText("Quantities are whole numbers with blanks between them.")).ToBeVisibleAsync();
        await panel.GetByLabel("Quantities, one a slot").FillAsync("410000 420000");
        await panel.GetByRole(AriaRole.Button, new() { Name = "Set these quantities" }).ClickAsync();
        await Expect(panel.GetByText("Done: edited.")).ToBeVisibleAsync();
        await panel.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        Assert.Equal(1, await CountAsync(
            database, "SELECT count(*) FROM interval_override WHERE method = 'edit' AND actor = 'anna' AND reason = 'read from the display' AND first_slot = 20 AND quantities = '{410000,420000}'"));
        Assert.Equal(1, await CountAsync(database, "SELECT count(*) FROM finding_event WHERE rule = 'gap' AND state = 'edited' AND actor = 'anna'"));
    }

    private static async Task EstimateAsync(IPage page, NpgsqlDataSource database)
    {
        await Expect(Findings(page)).ToHaveCountAsync(2);
        await page.GetByLabel("Choose all").CheckAsync();
        await page.GetByLabel(new Regex("^Reason for the 2 chosen")).FillAsync("the line was down");
        await page.GetByRole(AriaRole.Button, new() { Name = "Estimate", Exact = true }).ClickAsync();
        await Expect(page.GetByText("2 done.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No such finding" })).ToBeVisibleAsync();
        Assert.Equal(2, await CountAsync(
            database, "SELECT count(*) FROM interval_override WHERE method = 'average-like-days' AND actor = 'anna' AND reason LIKE 'the line was down; from %' AND cardinality(quantities) = 6"));
        Assert.Equal(2, await CountAsync(database, "SELECT count(*) FROM finding_event WHERE rule = 'gap' AND state = 'estimated' AND actor = 'anna' AND reason = 'the line was down'"));
    }

    // No gateway sends what a file brought.
    private static async Task ReplayAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "estimated", Exact = true }).ClickAsync();
        await Expect(Findings(page)).ToHaveCountAsync(2);
        await Findings(page).First.GetByLabel("Choose").CheckAsync();
        await page.GetByLabel(new Regex("^Reason for the 1 chosen")).FillAsync("once more");
        await page.GetByRole(AriaRole.Button, new() { Name = "Ask the gateway to replay" }).ClickAsync();
        await Expect(page.GetByText("no gateway ever sent readings of this channel's registers")).ToBeVisibleAsync();
    }

    private static async Task ExplainAsync(IPage page, NpgsqlDataSource database)
    {
        await Findings(page).First.GetByRole(AriaRole.Button, new() { Name = "gap" }).ClickAsync();
        var panel = page.GetByLabel("Finding", new() { Exact = true });
        await panel.GetByText("Reasons for zero use at shop").ClickAsync();
        var add = panel.GetByRole(AriaRole.Button, new() { Name = "Add this reason" });
        await Expect(add).ToBeDisabledAsync(); // nobody said so yet
        await panel.GetByLabel("Why").SelectOptionAsync("outage");
        await panel.GetByLabel("Who said so").FillAsync("network operator, ticket 12");
        await add.ClickAsync();
        await Expect(panel.GetByText(new Regex(@"^Done: \d+ days are validated again\.$"))).ToBeVisibleAsync();
        await panel.GetByRole(AriaRole.Button, new() { Name = "End now" }).ClickAsync();
        await Expect(panel.GetByRole(AriaRole.Button, new() { Name = "End now" })).ToHaveCountAsync(0);
        Assert.Equal(1, await CountAsync(
            database, "SELECT count(*) FROM zero_reason WHERE point = 'shop' AND reason = 'outage' AND note = 'network operator, ticket 12' AND added_by = 'anna' AND changed_by = 'anna' AND to_at IS NOT NULL"));
    }

    /// <summary>The rows of the list, not those of the counts by rule.</summary>
    private static ILocator Findings(IPage page) => page.Locator("table.data tbody tr", new() { Has = page.GetByLabel("Choose", new() { Exact = true }) });

    private static async Task<long> CountAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
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
}
