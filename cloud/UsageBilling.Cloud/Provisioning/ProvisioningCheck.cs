using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>What a document says that cannot be together, whatever is stored already.</summary>
internal static class ProvisioningCheck
{
    public static IEnumerable<ProvisioningProblem> Problems(ProvisioningDocument document) =>
    [
        .. Twice(document.Suppliers.Select(s => s.Id), "suppliers", "supplier"),
        .. Twice(document.Accounts.Select(a => a.Id), "accounts", "account"),
        .. Twice(document.ServicePoints.Select(p => p.Id), "servicePoints", "service point"),
        .. Twice(document.Contracts.Select(c => $"{c.Account}/{c.Id}"), "contracts", "contract"),
        .. document.VirtualChannels.GroupBy(v => v.Key).SelectMany(g => g.Skip(1)).Select(v => new ProvisioningProblem(v.Path, $"channel {v.Key} is computed twice; leave one")),
        .. document.Meters.SelectMany(m => Registers(m, document.Meters)),
    ];

    private static IEnumerable<ProvisioningProblem> Twice(IEnumerable<string> ids, string list, string what) =>
        ids.Select((id, index) => (id, index)).GroupBy(i => i.id).SelectMany(g => g.Skip(1)).Select(i => new ProvisioningProblem($"$.{list}[{i.index}].id", $"{what} {i.id} stands here twice; leave one"));

    private static IEnumerable<ProvisioningProblem> Registers(ProvisionedMeter meter, IReadOnlyList<ProvisionedMeter> all)
    {
        var registers = meter.Registers.Concat(meter.Registers.SelectMany(r => r.TimeOfUse)).ToArray();
        foreach (var group in registers.GroupBy(r => r.Obis).Where(g => g.Count() > 1))
        {
            yield return new(group.Last().Path, $"meter {meter.Serial} has register {group.Key} twice; leave one");
        }

        foreach (var (part, total) in meter.Registers.SelectMany(r => r.TimeOfUse.Select(p => (p, r))).Where(p => p.p.Obis.Measurand != p.r.Obis.Measurand))
        {
            yield return new(part.Path + ".obis", $"{part.Obis} does not count what {total.Obis} does: a time-of-use register differs in its last group only, like 1-0:1.8.1 of 1-0:1.8.0");
        }

        foreach (var register in registers)
        {
            var capacity = Pow10(register.Digits);
            if (register.Start >= capacity || register.End >= capacity)
            {
                yield return new(register.Path, $"a display of {register.Digits} digits shows less than {capacity}; correct digits, start or end");
            }

            if (register.End is not null && meter.RemovedAt is null)
            {
                yield return new(register.Path + ".end", "an end register belongs to a removed meter; give removedAt, or leave end out");
            }

            var clash = all.FirstOrDefault(other => other.Path != meter.Path
                && other.ServicePoint == meter.ServicePoint
                && string.CompareOrdinal(other.Path, meter.Path) < 0
                && other.Registers.Any(r => r.Obis.Measurand == register.Obis.Measurand)
                && other.InstalledAt < (meter.RemovedAt ?? NodaTime.Instant.MaxValue)
                && meter.InstalledAt < (other.RemovedAt ?? NodaTime.Instant.MaxValue));
            if (clash is not null)
            {
                yield return new(register.Path, $"{clash.Path} measures the same at service point {meter.ServicePoint} at the same time; give removedAt there, or use another service point");
            }
        }
    }

    internal static long Pow10(int digits)
    {
        var value = 1L;
        for (var i = 0; i < digits; i++)
        {
            value *= 10;
        }

        return value;
    }

    internal static RegisterKey Key(this ProvisionedRegister register, ProvisionedMeter meter) => new(meter.Manufacturer, meter.Serial, register.Obis);

    internal static ChannelKey Channel(this ProvisionedRegister register, ProvisionedMeter meter) => new(meter.ServicePoint, register.Obis.Measurand!.Value);
}
