namespace UsageBilling.Invoicing.Bills;

/// <summary>What an issue does to the bill.</summary>
public enum IssueSeverity
{
    /// <summary>Worth knowing; the bill goes on.</summary>
    Note,

    /// <summary>A person must look and release the bill.</summary>
    Hold,

    /// <summary>The bill cannot be issued until its cause is gone.</summary>
    Error,
}

/// <summary>Something doubtful about a bill, as data.</summary>
/// <param name="Severity">What it does to the bill.</param>
/// <param name="Code">Stable code, for example <c>usage.high</c>.</param>
/// <param name="Path">Where in the bill: <c>usage[0]</c>, <c>charges.lines[3]</c>.</param>
/// <param name="Message">One sentence with the numbers.</param>
public sealed record BillIssue(IssueSeverity Severity, string Code, string Path, string Message);
