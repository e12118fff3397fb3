namespace UsageBilling.Metering.Validation;

/// <summary>Rules of equality: what the data says of the device has to be what is registered (Oracle; IESO).</summary>
public static class DeviceFacts
{
    /// <summary>The transformer ratio or pulse value.</summary>
    public static Finding? CheckMultiplier(ChannelDay day, Thresholds limits) => Check(day, RuleNames.Multiplier, "multiplier");

    /// <summary>The unit.</summary>
    public static Finding? CheckUnit(ChannelDay day, Thresholds limits) => Check(day, RuleNames.Unit, "unit");

    /// <summary>The interval length.</summary>
    public static Finding? CheckIntervalLength(ChannelDay day, Thresholds limits) => Check(day, RuleNames.IntervalLength, "interval length");

    /// <summary>The meter's serial number.</summary>
    public static Finding? CheckMeterSerial(ChannelDay day, Thresholds limits) => Check(day, RuleNames.MeterSerial, "meter serial number");

    private static Finding? Check(ChannelDay day, string rule, string name)
    {
        foreach (var fact in day.Evidence.Facts)
        {
            if (fact.Rule == rule && !string.Equals(fact.Registered, fact.Found, StringComparison.Ordinal))
            {
                return day.Found(rule, [], [], null, Verdict.Fail, $"the {name} found is {fact.Found}, and {fact.Registered} is registered");
            }
        }

        return null;
    }
}
