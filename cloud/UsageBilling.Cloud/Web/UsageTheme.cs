using MudBlazor;

namespace UsageBilling.Cloud.Web;

/// <summary>Colours and type of the pages; the system's fonts, so that nothing is fetched from elsewhere.</summary>
internal static class UsageTheme
{
    /// <summary>Measured quantities in charts.</summary>
    public const string Measured = "#1f6f8b";

    /// <summary>Estimated and interpolated quantities in charts.</summary>
    public const string Estimated = "#e0a030";

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
