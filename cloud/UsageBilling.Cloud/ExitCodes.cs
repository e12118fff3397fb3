namespace UsageBilling.Cloud;

/// <summary>What the process says to the shell.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;
    public const int BadInput = 1;
    public const int Usage = 2;

    /// <summary>All is well, and there is nothing to give: an export without an interval.</summary>
    public const int Nothing = 3;
}
