using System.Globalization;
using System.Net;
using Npgsql;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.SignIn;
using UsageBilling.Cloud.Tests.Billing;
using UsageBilling.Cloud.Tests.SignIn;

namespace UsageBilling.Cloud.Tests.Web;

/// <summary>What a person takes away as a file, and finds by searching.</summary>
public sealed class ConsumptionCsvTests(ConsumptionCsvTests.Site site) : IClassFixture<ConsumptionCsvTests.Site>
{
    private readonly Browser browser = site.Browser;

    /// <summary>Three households, one of them read around the end of summer time, and somebody who looks.</summary>
    public sealed class Site : IAsyncLifetime
    {
        private readonly WebCloud web = new();

        internal Browser Browser { get; private set; } = null!;

        internal NpgsqlDataSource Database => web.Database.Source;

        public async ValueTask InitializeAsync()
        {
            await web.InitializeAsync();
            var households = new BillingSite(Database, 3);
            await households.ProvisionAsync();
            await households.ReadAsync(new(2026, 10, 24), new(2026, 10, 27), household => household == 1);
            Browser = new Browser(web.Cloud.Address);
            await web.Cloud.Get<Users>().SaveAsync("anna", "a long enough one", ["read"], default);
            await Browser.SignInAsync("anna", "a long enough one");
        }

        public async ValueTask DisposeAsync()
        {
            Browser.Dispose();
            await web.DisposeAsync();
        }
    }

    [Fact]
    public async Task The_long_autumn_day_is_a_file_of_100_intervals_whose_repeated_hour_differs_by_offset()
    {
        var response = await browser.Http.GetAsync("/api/v1/service-points/P0001/consumption.csv?first=2026-10-25&last=2026-10-25");
        Assert.Equal("P0001_2026-10-25_2026-10-25.csv", response.Content.Headers.ContentDisposition?.FileName);
        var lines = (await response.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("from_utc,from_local,minutes,channel,quantity,unit,quality", lines[0]);
        var rows = lines[1..].Select(l => l.Split(',')).Where(r => r[3] == "ActiveEnergy/Import").ToList();
        Assert.Equal(100, rows.Count);
        Assert.Equal(["2026-10-24T22:00:00Z", "2026-10-25T00:00:00+02:00", "15", "ActiveEnergy/Import", "0.101", "kWh", "measured"], rows[0]);
        Assert.Equal("2026-10-25T23:45:00+01:00", rows[^1][1]);
        Assert.Contains(rows, r => r[1] == "2026-10-25T02:15:00+02:00" && r[0] == "2026-10-25T00:15:00Z");
        Assert.Contains(rows, r => r[1] == "2026-10-25T02:15:00+01:00" && r[0] == "2026-10-25T01:15:00Z");
        Assert.Equal(10.1m, rows.Sum(r => decimal.Parse(r[4], CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task An_interval_without_data_has_no_quantity()
    {
        var csv = await browser.Http.GetStringAsync("/api/v1/service-points/P0001/consumption.csv?first=2026-10-27");
        var rows = csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries)[1..].Select(l => l.Split(',')).ToList();
        Assert.All(rows, r => Assert.Equal(("", "missing"), (r[4], r[6])));
    }

    [Theory]
    [InlineData("/api/v1/service-points/P9999/consumption.csv", HttpStatusCode.NotFound)]
    [InlineData("/api/v1/service-points/P0001/consumption.csv?first=2026-10-02&last=2026-10-01", HttpStatusCode.BadRequest)]
    [InlineData("/api/v1/service-points/P0001/consumption.csv", HttpStatusCode.OK)]
    public async Task What_cannot_be_given_is_said(string path, HttpStatusCode status) => Assert.Equal(status, (await browser.Http.GetAsync(path)).StatusCode);

    [Fact]
    public async Task Sites_are_found_by_account_name_street_and_metering_point_and_signs_have_no_meaning()
    {
        foreach (var (text, count) in new[] { ("A0002", 1), ("household 2", 1), ("street", 3), ("DE0000000003", 1), ("", 3), ("%", 0), ("P00_1", 0), ("nobody", 0) })
        {
            Assert.Equal(count, (await SiteSearch.FindAsync(site.Database, text, 10, default)).Count);
        }

        Assert.Equal(("A0002", "Household 2"), await SiteSearch.FindAsync(site.Database, "P0002", default) is { } found ? (found.Account, found.Name) : default);
        Assert.Equal(["A0003"], await SiteSearch.AccountsAsync(site.Database, "hold 3", 10, default));
    }
}
