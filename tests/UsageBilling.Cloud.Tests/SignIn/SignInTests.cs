using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.SignIn;

namespace UsageBilling.Cloud.Tests.SignIn;

/// <summary>Who gets in, who does not, and for how long.</summary>
public sealed class SignInTests(WebCloud web) : IClassFixture<WebCloud>, IAsyncLifetime
{
    private const string Password = "a long enough one";
    private readonly Browser browser = new(web.Cloud.Address);

    private Users Users => web.Cloud.Get<Users>();

    public async ValueTask InitializeAsync()
    {
        await Users.SaveAsync("anna", Password, ["read", "write"], default);
        await Users.SaveAsync("rita", Password, ["read"], default);
    }

    public ValueTask DisposeAsync()
    {
        browser.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_right_password_opens_pages_and_api_with_a_cookie_that_scripts_and_other_sites_cannot_use()
    {
        var response = await browser.SignInAsync("anna", Password, "/invoices?find=1");
        Assert.Equal("/invoices?find=1", response.Headers.Location?.ToString());
        var cookie = response.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith("usage-billing=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        var page = await browser.Http.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await browser.Http.GetAsync("/api/v1/accounts")).StatusCode);
    }

    [Theory]
    [InlineData("anna", "something else entirely")]
    [InlineData("nobody", Password)]
    [InlineData("", "")]
    public async Task A_wrong_name_or_password_is_answered_the_same_and_opens_nothing(string name, string password)
    {
        var response = await browser.SignInAsync(name, password);
        Assert.StartsWith("/sign-in?again=wrong", response.Headers.Location?.ToString(), StringComparison.Ordinal);
        Assert.Contains("do not belong together", await browser.Http.GetStringAsync(response.Headers.Location), StringComparison.Ordinal);
        Assert.DoesNotContain(browser.Cookies, c => c.Name == "usage-billing");
        Assert.Equal(HttpStatusCode.Redirect, (await browser.Http.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task A_form_of_another_site_does_not_sign_in_or_out()
    {
        var response = await browser.PostAsync("/sign-in", new() { ["name"] = "anna", ["password"] = Password });
        Assert.Equal("/sign-in?again=expired", response.Headers.Location?.ToString());
        Assert.DoesNotContain(browser.Cookies, c => c.Name == "usage-billing");

        await browser.SignInAsync("anna", Password);
        await browser.PostAsync("/sign-out", []);
        Assert.Equal(HttpStatusCode.OK, (await browser.Http.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("//evil.example/")]
    [InlineData("https://evil.example/")]
    [InlineData("/\\evil.example")]
    public async Task Sign_in_leads_to_this_site_only(string returnUrl) =>
        Assert.Equal("/", (await browser.SignInAsync("anna", Password, returnUrl)).Headers.Location?.ToString());

    [Fact]
    public async Task Who_guesses_is_stopped_for_a_minute()
    {
        for (var i = 0; i < SignInRegistration.AttemptsAMinute; i++)
        {
            Assert.Equal(HttpStatusCode.Redirect, (await browser.PostAsync("/sign-in", [])).StatusCode);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await browser.PostAsync("/sign-in", [])).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await browser.SignInAsync("anna", Password)).StatusCode);
        using var neighbour = new Browser(web.Cloud.Address);
        Assert.Equal("/", (await neighbour.SignInAsync("anna", Password)).Headers.Location?.ToString());
    }

    [Fact]
    public async Task A_new_password_ends_running_sessions_and_so_does_disabling()
    {
        await browser.SignInAsync("anna", Password);
        Assert.Equal(HttpStatusCode.OK, (await browser.Http.GetAsync("/")).StatusCode);
        await Users.SaveAsync("anna", Password, ["read"], default);
        Assert.Equal(HttpStatusCode.Redirect, (await browser.Http.GetAsync("/")).StatusCode);

        await browser.SignInAsync("anna", Password);
        Assert.Equal(HttpStatusCode.OK, (await browser.Http.GetAsync("/api/v1/accounts")).StatusCode);
        Assert.True(await Users.DisableAsync("anna", default));
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.Http.GetAsync("/api/v1/accounts")).StatusCode);
        Assert.StartsWith("/sign-in?again=wrong", (await browser.SignInAsync("anna", Password)).Headers.Location?.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_page_and_the_connection_behind_it_need_sign_in()
    {
        var pages = typeof(CloudSettings).Assembly.GetTypes()
            .SelectMany(t => t.GetCustomAttributes<RouteAttribute>(), (t, route) => (Type: t, route.Template))
            .Where(p => p.Type.GetCustomAttribute<AllowAnonymousAttribute>() is null)
            .ToList();
        Assert.Equal(11, pages.Count);
        foreach (var (type, template) in pages)
        {
            // Within an open connection the router looks at the page's own attribute.
            Assert.Equal(ApiAuthorization.Read, type.GetCustomAttribute<AuthorizeAttribute>()?.Policy);
            var response = await browser.Http.GetAsync(template.Replace("{Number}", "1", StringComparison.Ordinal));
            Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
            Assert.Contains("/sign-in", response.Headers.Location?.ToString(), StringComparison.Ordinal);
        }

        var negotiation = await browser.Http.PostAsync("/_blazor/negotiate?negotiateVersion=1", null);
        Assert.Equal(HttpStatusCode.Redirect, negotiation.StatusCode);
    }

    [Fact]
    public async Task A_reader_changes_nothing_through_the_api()
    {
        await browser.SignInAsync("rita", Password);
        Assert.Equal(HttpStatusCode.OK, (await browser.Http.GetAsync("/api/v1/bills")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.Http.PostAsJsonAsync("/api/v1/bill-runs", new { period = "2026-10" })).StatusCode);
    }

    [Fact]
    public async Task A_page_lets_somebody_act_only_with_the_right_to_write_and_only_while_the_session_lasts()
    {
        Assert.Null(await (await WriterAsync("rita")).ActorAsync(default));
        var anna = await WriterAsync("anna");
        Assert.Equal("anna", await anna.ActorAsync(default));
        await Users.SaveAsync("anna", Password, ["read", "write"], default);
        Assert.Null(await anna.ActorAsync(default));
        Assert.Null(await new Writers(new Open(new ClaimsPrincipal(new ClaimsIdentity())), Users).ActorAsync(default));
    }

    private async Task<Writers> WriterAsync(string name)
    {
        var user = await Users.VerifyAsync(name, Password, default);
        var claims = user!.Scopes.Select(s => new Claim(ApiAuthorization.ScopeClaim, s))
            .Append(new Claim(ClaimTypes.Name, user.Name)).Append(new Claim(Session.StampClaim, user.Stamp.ToString()));
        return new Writers(new Open(new ClaimsPrincipal(new ClaimsIdentity(claims, "test"))), Users);
    }

    /// <summary>A page that somebody has open.</summary>
    private sealed class Open(ClaimsPrincipal user) : AuthenticationStateProvider
    {
        public override Task<AuthenticationState> GetAuthenticationStateAsync() => Task.FromResult(new AuthenticationState(user));
    }
}
