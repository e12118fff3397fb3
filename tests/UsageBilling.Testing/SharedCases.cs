namespace UsageBilling.Testing;

/// <summary>The folder of cases that lives beside the repository; tests that need it are skipped where it is absent.</summary>
public static class SharedCases
{
    /// <summary>The repository's root: the folder that holds <c>UsageBilling.sln</c>.</summary>
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary><c>../shared</c>, or what <c>USAGE_BILLING_SHARED</c> names; null where neither exists.</summary>
    public static string? Root { get; } = Find();

    /// <summary>Why a test is skipped.</summary>
    public const string Absent = "the folder of shared cases is not beside this repository";

    /// <summary>A path under <c>cases/</c>, or null where the folder is absent.</summary>
    public static string? Path(params string[] parts) => Root is null ? null : System.IO.Path.Combine([Root, "cases", .. parts]);

    private static string? Find()
    {
        var named = Environment.GetEnvironmentVariable("USAGE_BILLING_SHARED");
        var folder = string.IsNullOrEmpty(named) ? System.IO.Path.Combine(RepositoryRoot, "..", "shared") : named;
        return Directory.Exists(System.IO.Path.Combine(folder, "cases")) ? System.IO.Path.GetFullPath(folder) : null;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "UsageBilling.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no UsageBilling.sln above {AppContext.BaseDirectory}");
    }
}
