using System.CommandLine;

namespace UsageBilling.Cloud.Gateways;

/// <summary><c>usage-cloud enroll</c>.</summary>
internal static class EnrollCommand
{
    public static Command Build() => new Command("enroll", "Print a one-time token for a gateway.").WithDatabase();
}
