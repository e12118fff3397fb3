using System.Text.Json;
using NodaTime;
using UsageBilling.Metering.Estimation;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Tests.Validation;
using UsageBilling.Metering.Validation;
using UsageBilling.Testing;

namespace UsageBilling.Metering.Tests;

/// <summary>The numeric vectors of <c>cases/vee</c>, each computed by the rule and compared with what its source prints.</summary>
public class VeeVectorTests
{
    [Fact]
    public void The_line_of_the_vector()
    {
        var vector = Vectors().GetProperty("linearInterpolation");
        var gap = vector.GetProperty("gap").GetInt32();
        long[] values = [vector.GetProperty("before").GetInt64(), .. new long[gap], vector.GetProperty("after").GetInt64()];
        byte[] qualities = [4, .. new byte[gap], 4];
        var profile = new LoadProfile(A.Channel.Measurand, 0, Instant.FromUtc(2025, 5, 5, 0, 0), 15, values, qualities);
        var estimate = Estimator.Fill(UsageBilling.Metering.Estimation.Gap.Find(profile, null)[0], new EstimationWindow(profile, DateTimeZone.Utc), new EstimationLimits())!;
        Assert.Equal(EstimationMethod.Linear, estimate.Method);
        Assert.Equal(vector.GetProperty("expected").EnumerateArray().Select(e => e.GetInt64()), estimate.Quantities);
    }

    [Theory]
    [InlineData("08:00", "10:00", true)]
    [InlineData("13:15", "17:30", false)]
    public void The_longest_gap_of_the_vector_is_a_setting(string from, string to, bool filled)
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        static int Slot(string time) => ((int.Parse(time[..2]) * 60) + int.Parse(time[3..])) / 15;
        var qualities = Enumerable.Range(0, 96).Select(i => (byte)(i >= Slot(from) && i < Slot(to) ? IntervalQuality.Missing : IntervalQuality.Measured)).ToArray();
        var profile = new LoadProfile(A.Channel.Measurand, 0, Instant.FromUtc(2025, 5, 5, 0, 0), 15, A.Quiet(), qualities);
        var gap = UsageBilling.Metering.Estimation.Gap.Find(profile, null).Single();
        Assert.Equal(filled, Estimator.Fill(gap, new EstimationWindow(profile, DateTimeZone.Utc), new EstimationLimits { LinearMinutes = 180 }) is not null);
    }

    [Fact]
    public void The_rollover_of_the_vector()
    {
        var vector = Vectors().GetProperty("rollover");
        Assert.Equal(
            vector.GetProperty("correct").GetInt64(),
            Rollover.Advance(vector.GetProperty("prev").GetInt64(), vector.GetProperty("curr").GetInt64(), vector.GetProperty("dials").GetInt32()));
    }

    private static JsonElement Vectors()
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        using var document = JsonDocument.Parse(File.ReadAllText(SharedCases.Path("vee", "vectors.json")!));
        return document.RootElement.Clone();
    }
}
