using System.Globalization;
using System.Text;
using NodaTime;
using UsageBilling.Metering.Intervals;
using UsageBilling.Metering.Validation;

namespace UsageBilling.Metering.Tests.Faults;

/// <summary>
/// A month of many channels with seeded faults, each above the threshold of its rule, on the shapes of the simulator: every fault is found, hardly a clean day is
/// suspected, late data replaces estimates, and at the end the intervals sum to the registers to the unit. USAGE_BILLING_LONG=1 takes more channels.
/// </summary>
[Trait("Form", "long")]
public class FaultyMonthTests
{
    /// <summary>Development used seeds below 100.</summary>
    private const long HeldBack = 902_653;

    private static readonly bool Long = Environment.GetEnvironmentVariable("USAGE_BILLING_LONG") == "1";

    [Fact]
    public void Faults_of_a_month_are_found_clean_days_are_left_alone_and_nothing_gets_lost()
    {
        var seed = long.Parse(Environment.GetEnvironmentVariable("USAGE_FAULT_SEED") ?? HeldBack.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        var faults = Enum.GetValues<Fault>();
        var result = new FaultyMonth(Long ? 1_040 : 130);
        for (var number = 0; number < result.Channels; number++)
        {
            // Half of the channels are clean; the others take the faults in turn, and shapes in another turn, so that each fault meets each shape.
            result.Run(seed, number, number % 2 == 0 ? Fault.None : faults[1 + (number / 2 % (faults.Length - 1))]);
        }

        var table = result.Table(seed);
        TestContext.Current.TestOutputHelper?.WriteLine(table);
        if (Environment.GetEnvironmentVariable("USAGE_BILLING_RESULTS") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, "validation-faults.log"), table);
        }

        Assert.Empty(result.Missed);
        Assert.Empty(result.NotConserved);
        Assert.Empty(result.NotReplaced);
        Assert.True(result.FalseFindings * 1_000L <= result.CleanDays, table);
        Assert.True(RuleNames.All.All(r => result.Injected.ContainsKey(r)), table);
    }
}

/// <summary>What came of it.</summary>
internal sealed class FaultyMonth(int channels)
{
    private readonly Dictionary<string, int> _found = [];
    private readonly Dictionary<string, int> _false = [];

    public int Channels => channels;

    public Dictionary<string, int> Injected { get; } = [];

    public List<string> Missed { get; } = [];

    public List<string> NotConserved { get; } = [];

    public List<string> NotReplaced { get; } = [];

    public int CleanDays { get; private set; }

    public List<string> FalseOnes { get; } = [];

    public int FalseFindings => _false.Values.Sum();

    public int Estimates { get; private set; }

    public void Run(long seed, int number, Fault fault)
    {
        var meter = new ShapedMeter(seed, number);
        var limits = RuleSet.Default.ClassOf(meter.Key).Thresholds;
        var injection = new FaultInjection(meter, limits);
        var injected = injection.Inject(fault) ?? InjectedFault.Nothing(Fault.None);
        var installations = injection.Read();
        var channel = new MeteredChannel(meter, installations, RuleSet.Default);
        channel.Know(injection.Extra);

        // Batches come in any order, and some of them twice.
        var readings = installations.SelectMany(i => i.Readings.Select(r => (i.Terms.Register, r))).ToArray();
        channel.Read(Shuffled(meter.Random, [.. readings, .. injected.Kind == Fault.DuplicateBatches ? readings : readings.Take(50)]));
        channel.Compute();
        if (injection.Edit is { } edit)
        {
            channel.Edit(edit.Day, edit.Slot, channel.Measured[edit.Day].Quantities[edit.Slot] + edit.By);
            channel.Compute();
        }

        var before = channel.Validate();
        channel.EstimateGaps();
        var estimated = channel.Validate();
        Judge($"{meter.Key} {injected.Kind} seed {seed} no {number}", injected, [.. before, .. estimated]);
        Estimates += channel.Estimates;

        // However late the rest comes, it replaces what stood for it.
        channel.Read(Shuffled(meter.Random, [.. installations.SelectMany(i => i.Late.Select(r => (i.Terms.Register, r)))]));
        channel.Compute();
        channel.EstimateGaps();
        CheckReplaced(meter, injected, channel);
        CheckConserved(meter, injection, injected, channel);
    }

    public string Table(long seed)
    {
        var text = new StringBuilder();
        text.AppendLine(FormattableString.Invariant($"seed {seed}, {channels} channels, March 2025 in Europe/Berlin, {CleanDays} clean channel-days, {Estimates} gaps estimated"));
        text.AppendLine("rule              injected   found  recall   false findings  per 1,000 clean channel-days");
        foreach (var rule in RuleNames.All)
        {
            var (injected, found, wrong) = (Injected.GetValueOrDefault(rule), _found.GetValueOrDefault(rule), _false.GetValueOrDefault(rule));
            text.AppendLine(FormattableString.Invariant($"{rule,-16} {injected,9} {found,7}  {(injected == 0 ? "–" : $"{(decimal)found / injected:0.000}"),6} {wrong,16}  {1000m * wrong / Math.Max(1, CleanDays):0.000}"));
        }

        text.AppendLine(FormattableString.Invariant($"{"all",-16} {Injected.Values.Sum(),9} {_found.Values.Sum(),7}  {(decimal)_found.Values.Sum() / Math.Max(1, Injected.Values.Sum()),6:0.000} {FalseFindings,16}  {1000m * FalseFindings / Math.Max(1, CleanDays):0.000}"));
        text.AppendLine($"not conserved: {NotConserved.Count}; estimates not replaced by late data: {NotReplaced.Count}");
        foreach (var line in Missed.Concat(NotConserved).Concat(NotReplaced).Concat(FalseOnes).Take(60))
        {
            text.AppendLine(line);
        }

        return text.ToString();
    }

    private void Judge(string who, InjectedFault injected, List<Finding> findings)
    {
        var clean = findings.Where(f => f.Day < injected.From).DistinctBy(f => (f.Rule, f.Day)).ToList();
        CleanDays += Period.DaysBetween(ShapedMeter.MonthStart, LocalDate.Min(injected.From, ShapedMeter.MonthEnd));
        foreach (var finding in clean)
        {
            _false[finding.Rule] = _false.GetValueOrDefault(finding.Rule) + 1;
            FalseOnes.Add($"false: {who}: {finding.Day:uuuu-MM-dd} {finding.Rule}: {finding.Words}");
        }

        if (injected.Rule is not { } rule)
        {
            return;
        }

        Injected[rule] = Injected.GetValueOrDefault(rule) + 1;
        if (findings.Any(f => f.Rule == rule && injected.FoundOn.Contains(f.Day)))
        {
            _found[rule] = _found.GetValueOrDefault(rule) + 1;
        }
        else
        {
            Missed.Add($"missed: {who}: {rule} on {string.Join(", ", injected.FoundOn.Select(d => $"{d:uuuu-MM-dd}"))}; found {string.Join(", ", findings.Where(f => f.Day >= injected.From).Select(f => f.Rule).Distinct())}");
        }
    }

    private void CheckReplaced(ShapedMeter meter, InjectedFault injected, MeteredChannel channel)
    {
        if (injected.Kind is Fault.LateWeek or Fault.UnregisteredExchange && (channel.Final.Values.Any(d => d.Qualities.Contains((byte)IntervalQuality.Estimated)) != (injected.Kind == Fault.UnregisteredExchange && channel.Estimates > 0)
            || channel.Final.Any(d => !d.Value.Qualities.Contains((byte)IntervalQuality.Estimated) && !d.Value.Hash().SequenceEqual(channel.Measured[d.Key].Hash()))))
        {
            NotReplaced.Add($"not replaced: {meter.Key} {injected.Kind}");
        }
    }

    /// <summary>Σ intervals = what the meter counted, kept by hand, but for a person's wrong edit and for intervals of which nothing was known.</summary>
    private void CheckConserved(ShapedMeter meter, FaultInjection injection, InjectedFault injected, MeteredChannel channel)
    {
        var counted = (meter.Counts[^1] - meter.Counts[0]) * meter.UnitsPerCount;
        var sum = channel.Final.Values.Sum(d => d.Quantities.ToArray().Sum());
        var filled = channel.Measured.Sum(m => Enumerable.Range(0, m.Value.Slots).Where(i => m.Value.Qualities[i] == (byte)IntervalQuality.Missing).Sum(i => channel.Final[m.Key].Quantities[i] - m.Value.Quantities[i]));
        if (sum - filled - (injection.Edit?.By ?? 0) != counted - injection.Unknown)
        {
            NotConserved.Add($"not conserved: {meter.Key} {injected.Kind}: {sum} − {filled} filled − {injection.Edit?.By ?? 0} edited, counted {counted} − {injection.Unknown} unknown");
        }
    }

    private static T[] Shuffled<T>(Random random, T[] values)
    {
        random.Shuffle(values);
        return values;
    }
}
