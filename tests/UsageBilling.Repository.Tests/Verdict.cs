namespace UsageBilling.Repository.Tests;

/// <summary>Fails with every finding on a line of its own.</summary>
internal static class Verdict
{
    public static void None(IEnumerable<string> findings)
    {
        var all = findings.Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }
}
