using System.Collections.Immutable;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Rating.Tariffs;
using UsageBilling.Rating.Urdb;

namespace UsageBilling.Rating.Files;

/// <summary>What came of reading a contract document.</summary>
/// <param name="Contract">Parameters; empty ones when there are problems.</param>
/// <param name="Urdb">What the contract settles that a rate database document leaves open.</param>
/// <param name="Problems">Everything that is wrong.</param>
public sealed record ContractParse(ContractParameters Contract, UrdbOptions Urdb, IReadOnlyList<Problem> Problems);

/// <summary>Reads parameters of a contract (<c>protocols/tariffs/contract.v1.schema.json</c>), strictly.</summary>
public static class ContractDocument
{
    /// <summary>Reads a UTF-8 document and lists everything that is wrong with it.</summary>
    public static ContractParse Parse(ReadOnlyMemory<byte> json)
    {
        var problems = new List<Problem>();
        if (json.Span.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16 });
            var item = new StrictObject(document.RootElement, "$", problems);
            var (contract, urdb) = item.IsObject ? Read(item) : (ContractParameters.None, new UrdbOptions());
            return new ContractParse(problems.Count == 0 ? contract : ContractParameters.None, urdb, problems);
        }
        catch (JsonException error)
        {
            problems.Add(new Problem("$", $"is not JSON: {error.Message}", error.LineNumber is { } line ? checked((int)line + 1) : null));
            return new ContractParse(ContractParameters.None, new UrdbOptions(), problems);
        }
    }

    private static (ContractParameters, UrdbOptions) Read(StrictObject item)
    {
        item.Ignore("$schema");
        item.Ignore("comment");
        var status = item.Choice("taxStatus", "standard", "standard", "exempt", "reverse-charge", "out-of-scope") switch
        {
            "exempt" => TaxStatus.Exempt,
            "reverse-charge" => TaxStatus.ReverseCharge,
            "out-of-scope" => TaxStatus.OutOfScope,
            _ => TaxStatus.Standard,
        };
        var contracted = item.Number("contractedKw", 0m);
        var contract = new ContractParameters
        {
            ContractedKilowatts = contracted,
            PowerFactor = ReadPowerFactor(item),
            TaxStatus = status,
            EventDays = ReadEvents(item),
            CoincidentHours = ReadHours(item),
            Opening = ReadState(item),
        };
        var urdb = ReadUrdb(item);
        item.Done();
        return (contract, urdb);
    }

    private static PowerFactorRule? ReadPowerFactor(StrictObject item)
    {
        if (item.Child("powerFactor") is not { IsObject: true } rule)
        {
            return null;
        }

        var read = new PowerFactorRule(rule.Number("target", 0.01m, 1m), rule.Number("percentPerHundredth", 0m, 100m));
        if (read is (null, null) && rule.Problems.Count == 0)
        {
            rule.Report(null, "says nothing; give \"target\", \"percentPerHundredth\" or both, or remove it");
        }

        rule.Done();
        return read;
    }

    private static EventDays ReadEvents(StrictObject item)
    {
        var days = new List<(string, LocalDate)>();
        if (item.Child("eventDays") is { IsObject: true } events)
        {
            foreach (var name in events.Names)
            {
                foreach (var text in events.Texts(name))
                {
                    if (LocalDatePattern.Iso.Parse(text) is { Success: true } date)
                    {
                        days.Add((name, date.Value));
                    }
                    else
                    {
                        events.Report(name, $"\"{text}\" is not a date; write 2026-07-01");
                    }
                }
            }
        }

        return new EventDays(days);
    }

    private static ImmutableSortedDictionary<string, ImmutableArray<Instant>> ReadHours(StrictObject item)
    {
        var groups = ImmutableSortedDictionary.CreateBuilder<string, ImmutableArray<Instant>>(StringComparer.Ordinal);
        if (item.Child("coincidentHours") is { IsObject: true } hours)
        {
            foreach (var name in hours.Names)
            {
                var instants = ImmutableArray.CreateBuilder<Instant>();
                foreach (var text in hours.Texts(name))
                {
                    if (OffsetDateTimePattern.ExtendedIso.Parse(text) is { Success: true } at)
                    {
                        instants.Add(at.Value.ToInstant());
                    }
                    else
                    {
                        hours.Report(name, $"\"{text}\" is not an hour; write 2026-01-05T18:00:00+01:00");
                    }
                }

                groups[name] = instants.ToImmutable();
            }
        }

        return groups.ToImmutable();
    }

    private static RatingState ReadState(StrictObject item)
    {
        var state = RatingState.Empty;
        foreach (var (field, prefix) in new[] { ("openingBalances", ""), ("yearToDateUse", "used:"), ("billedBefore", "billed:") })
        {
            if (item.Child(field) is { IsObject: true } values)
            {
                foreach (var key in values.Names)
                {
                    state = state.With(prefix + key, values.Number(key) ?? 0m);
                }
            }
        }

        if (item.Child("demandHistory") is { IsObject: true } history)
        {
            foreach (var key in history.Names)
            {
                if (YearMonthPattern.Iso.Parse(key) is { Success: true } month)
                {
                    state = state.WithDemand(month.Value, history.Number(key, 0m) ?? 0m);
                }
                else
                {
                    history.Report(key, "is not a month; write 2025-12");
                }
            }
        }

        return state;
    }

    private static UrdbOptions ReadUrdb(StrictObject item)
    {
        if (item.Child("urdb") is not { IsObject: true } urdb)
        {
            return new UrdbOptions();
        }

        var month = urdb.Whole("trueUpMonth", 1, 12);
        var price = urdb.Number("trueUpPrice", 0m) ?? 0m;
        var carry = urdb.Flag("carryCredit") ?? false;
        UrdbMetering? metering = null;
        if (urdb.Has("metering") && urdb.Choice("metering", string.Empty, [.. UrdbExport.Names.Select(known => known.Name)]) is { Length: > 0 } name)
        {
            metering = UrdbExport.Names.First(known => known.Name == name).Metering;
        }

        urdb.Ignore("metering");
        var rollover = urdb.Flag("rollover") ?? false;
        var sameMonth = urdb.Flag("sameMonth") ?? false;
        var lapses = urdb.Flag("lapse") ?? false;
        urdb.Done();
        return new UrdbOptions(null, month, price, carry, metering, rollover, sameMonth, lapses);
    }
}
