using MudBlazor;

namespace UsageBilling.Cloud.Web;

/// <summary>Colours and type of the pages; the system's fonts, so that nothing is fetched from elsewhere.</summary>
internal static class UsageTheme
{
    /// <summary>Measured quantities in charts.</summary>
    public const string Measured = "#1f6f8b";

    /// <summary>Estimated and edited quantities in charts.</summary>
    public const string Estimated = "#e0a030";

    /// <summary>Parts of a measured advance, distributed over the intervals it spans.</summary>
    public const string Interpolated = "#7fb3c8";

    /// <summary>Where there is no data.</summary>
    public const string Missing = "#e3e8eb";

    /// <summary>The interval that is still running, from live values.</summary>
    public const string Running = "#d5e8ef";

    public static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#1f6f8b",
            Secondary = "#e0a030",
            AppbarBackground = "#12394a",
            AppbarText = "#ffffff",
            Background = "#f6f8f9",
            DrawerBackground = "#ffffff",
            TextPrimary = "#17242b",
            TextSecondary = "#566870",
            Success = "#2e7d4f",
            Warning = "#b26a00",
            Error = "#b3261e",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "6px", AppbarHeight = "52px" },
        Typography = new Typography
        {
            Default = new DefaultTypography
            {
                FontFamily = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"],
                FontSize = "0.9rem",
                LineHeight = "1.5",
            },
        },
    };
}
