using System.Text.Json;
using UsageBilling.Metering.Estimation;

namespace UsageBilling.Metering.Validation;

/// <summary>Limits out of a document: each number within what makes sense for it, <c>null</c> where a rule may be off.</summary>
internal sealed class ThresholdReader(Action<string, string> problem)
{
    public Thresholds Read(JsonElement element, string path)
    {
        var read = new Thresholds();
        foreach (var (name, value, at) in Properties(element, path))
        {
            read = name switch
            {
                "clockFineSeconds" => read with { ClockFineSeconds = OptionalWhole(value, at, 0, 86_400) },
                "clockFailSeconds" => read with { ClockFailSeconds = Whole(value, at, 0, 86_400) },
                "floorPerHour" => read with { FloorPerHour = Number(value, at, 0, 1_000_000_000) },
                "spikeRatio" => read with { SpikeRatio = OptionalNumber(value, at, 0, 1_000_000) },
                "spikeUsual" => read with { SpikeUsual = OptionalNumber(value, at, 0, 1_000_000) },
                "spikeDays" => read with { SpikeDays = Whole(value, at, 1, 182) },
                "sumCheckCounts" => read with { SumCheckCounts = OptionalWhole(value, at, 0, 1_000_000) },
                "sumCheckShare" => read with { SumCheckShare = Number(value, at, 0, 1) },
                "highPercent" => read with { HighPercent = OptionalNumber(value, at, 100, 1_000_000) },
                "lowPercent" => read with { LowPercent = OptionalNumber(value, at, 0, 100) },
                "highLowDays" => read with { HighLowDays = Whole(value, at, 1, 182) },
                "peakRatio" => read with { PeakRatio = OptionalNumber(value, at, 1, 1_000_000) },
                "peakDays" => read with { PeakDays = Whole(value, at, 1, 182) },
                "demandStepPercent" => read with { DemandStepPercent = OptionalNumber(value, at, 0, 1_000_000_000) },
                "zeroHours" => read with { ZeroHours = OptionalWhole(value, at, 1, 10_000) },
                "stuckIntervals" => read with { StuckIntervals = OptionalWhole(value, at, 2, 288) },
                "stuckLeastCounts" => read with { StuckLeastCounts = Whole(value, at, 1, 1_000_000) },
                "reverseEnergy" => read with { ReverseEnergy = Flag(value, at) },
                "powerFactorLow" => read with { PowerFactorLow = OptionalNumber(value, at, 0, 1) },
                "powerFactorHigh" => read with { PowerFactorHigh = OptionalNumber(value, at, 0, 1) },
                "estimatedDays" => read with { EstimatedDays = OptionalWhole(value, at, 1, 10_000) },
                _ => Unknown(read, at),
            };
        }

        return read;
    }

    public EstimationLimits ReadEstimation(JsonElement element, string path)
    {
        var read = new EstimationLimits();
        foreach (var (name, value, at) in Properties(element, path))
        {
            read = name switch
            {
                "automatic" => read with { Automatic = Flag(value, at) },
                "linearMinutes" => read with { LinearMinutes = Whole(value, at, 0, 1440) },
                "likeDayWeeks" => read with { LikeDayWeeks = Whole(value, at, 1, 26) },
                _ => Unknown(read, at),
            };
        }

        return read;
    }

    private IEnumerable<(string Name, JsonElement Value, string Path)> Properties(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            problem(path, "is an object");
            return [];
        }

        return element.EnumerateObject().Select(p => (p.Name, p.Value, $"{path}/{p.Name}"));
    }

    private int? OptionalWhole(JsonElement value, string path, int least, int most) => value.ValueKind == JsonValueKind.Null ? null : Whole(value, path, least, most);

    private decimal? OptionalNumber(JsonElement value, string path, decimal least, decimal most) => value.ValueKind == JsonValueKind.Null ? null : Number(value, path, least, most);

    private int Whole(JsonElement value, string path, int least, int most)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most)
        {
            return number;
        }

        problem(path, $"is a whole number from {least} to {most}");
        return least;
    }

    private decimal Number(JsonElement value, string path, decimal least, decimal most)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && number >= least && number <= most)
        {
            return number;
        }

        problem(path, $"is a number from {least} to {most}");
        return least;
    }

    private bool Flag(JsonElement value, string path)
    {
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        problem(path, "is true or false");
        return false;
    }

    private T Unknown<T>(T read, string path)
    {
        problem(path, "is not known here; see protocols/validation/rules.v1.schema.json");
        return read;
    }
}
