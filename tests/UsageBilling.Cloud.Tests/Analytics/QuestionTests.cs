using System.Text.Json.Nodes;

namespace UsageBilling.Cloud.Tests.Analytics;

/// <summary>Questions that cannot be answered.</summary>
public sealed class QuestionTests(BilledSite billed) : IClassFixture<BilledSite>
{
    [Theory]
    [InlineData("analytics/consumption?from=2026-10-01&to=2026-10-01", 400, "from included and to not")]
    [InlineData("analytics/consumption?from=2024-10-01&to=2026-10-01", 400, "at most 400")]
    [InlineData("analytics/consumption?from=2026-10-01&to=2026-11-01&by=moon", 400, "by is site, class, tariff or segment")]
    [InlineData("analytics/consumption?from=2026-10-01&to=2026-11-01&cursor=!", 400, "cursor")]
    [InlineData("service-points/P0001/load?from=2026-10-01&to=2026-11-01&class=steam", 400, "class is one of")]
    [InlineData("service-points/P0001/load?from=2026-10-01&to=2026-11-01&class=water", 404, "has no channel of class water")]
    [InlineData("service-points/P9/load?from=2026-10-01&to=2026-11-01", 404, "there is no service point P9")]
    [InlineData("service-points/P9/outlook", 404, "there is no service point P9")]
    [InlineData("service-points/P0001/anomalies?from=2026-10-01&to=2026-11-01&opens=7", 400, "opens and closes are local times")]
    [InlineData("service-points/P0001/anomalies?from=2026-10-01&to=2026-11-01&opens=07:00&closes=18:00&days=someday", 400, "is no day")]
    public async Task A_question_that_cannot_be_answered_says_what_to_ask(string path, int status, string detail)
    {
        using var response = await billed.Client.GetAsync($"/api/v1/{path}");
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(detail, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["detail"], StringComparison.Ordinal);
    }
}
