namespace UsageBilling.Edge.Configuration;

/// <summary>What the gateway's verbs exit with.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>The configuration, the site or the machine does not allow it; the message says why.</summary>
    public const int BadInput = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;
}
