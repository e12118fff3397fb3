namespace UsageBilling.Metering.Validation;

/// <summary>What a rule says of a day. Stored: values never change meaning.</summary>
public enum Verdict : byte
{
    /// <summary>Worth keeping, nothing to do: a rollover that is explained.</summary>
    Note = 1,

    /// <summary>Doubtful: somebody should look before the day is billed.</summary>
    Suspect = 2,

    /// <summary>Not fit for billing until it is estimated, edited, replaced or accepted.</summary>
    Fail = 3,
}
