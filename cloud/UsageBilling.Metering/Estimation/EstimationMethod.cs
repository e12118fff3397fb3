namespace UsageBilling.Metering.Estimation;

/// <summary>How an estimate was made. Stored by <see cref="EstimationMethods.NameOf"/>.</summary>
public enum EstimationMethod
{
    /// <summary>The check meter beside the meter.</summary>
    CheckMeter,

    /// <summary>Another channel that carries the same.</summary>
    AlternateChannel,

    /// <summary>Nothing: there was no supply.</summary>
    Zero,

    /// <summary>A line between the intervals on both sides; flat with one good side.</summary>
    Linear,

    /// <summary>Average of the three nearest like days.</summary>
    AverageLikeDays,

    /// <summary>The two-week table of like days.</summary>
    LikeDayTable,
}

/// <summary>Names and numbers of methods.</summary>
public static class EstimationMethods
{
    /// <summary>As stored and shown.</summary>
    public static string NameOf(EstimationMethod method) => method switch
    {
        EstimationMethod.CheckMeter => "check-meter",
        EstimationMethod.AlternateChannel => "alternate-channel",
        EstimationMethod.Zero => "zero",
        EstimationMethod.Linear => "linear",
        EstimationMethod.AverageLikeDays => "average-like-days",
        EstimationMethod.LikeDayTable => "like-day-table",
        _ => throw new ArgumentOutOfRangeException(nameof(method), method, "no such method"),
    };

    /// <summary>AEMO's substitution method number for NEM12; 12 (calculated) for names that are not ours.</summary>
    public static int NemNumberOf(string name) => name switch
    {
        "check-meter" => 11,
        "like-day-table" => 14,
        "average-like-days" => 15,
        "linear" => 17,
        "alternate-channel" => 18,
        "zero" => 19,
        _ => 12,
    };

    /// <summary>ESPI's quality code: reference day 8, linear 9, derived 11.</summary>
    public static int EspiQualityOf(string name) => name switch
    {
        "like-day-table" or "average-like-days" => 8,
        "linear" => 9,
        _ => 11,
    };
}
