using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using UsageBilling.Cloud.Gateways;
using UsageBilling.Cloud.Metering;
using UsageBilling.Protocols;
using UsageBilling.Protocols.Wire;

namespace UsageBilling.Benchmarks.Ingest;

/// <summary>What gateways publish: so many batches of so many readings over so many quarter-hourly registers each.</summary>
internal readonly record struct Load(string Name, int Batches, int Readings, int Registers);

/// <summary>An enrolled gateway with its batches, signed and ready to go.</summary>
internal sealed record LoadedGateway(string Name, string Password, List<byte[]> Batches);

/// <summary>Enrols gateways, puts their registers into service on a channel each, and seals their batches: everything before the clock starts.</summary>
internal static class Fleet
{
    /// <summary>First instant that is read.</summary>
    public static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);

    private static readonly ObisCode ActiveImport = ObisCode.Parse("1-0:1.8.0");

    public static async Task<List<LoadedGateway>> LoadAsync(IServiceProvider services, string prefix, int gateways, Load load)
    {
        var enrolment = services.GetRequiredService<Enrolment>();
        var fleet = new List<LoadedGateway>();
        for (var i = 0; i < gateways; i++)
        {
            var name = $"{prefix}-{i}";
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var (token, _) = await enrolment.CreateTokenAsync(name, Duration.FromHours(1), default);
            var (_, _, password) = await enrolment.EnrolAsync(name, token, key.ExportSubjectPublicKeyInfo(), default);
            RegisterKey[] registers = [.. Enumerable.Range(0, load.Registers).Select(r => new RegisterKey("bench", $"{name}-{r}", ActiveImport))];
            await InstallAsync(services.GetRequiredService<RegisterAdministration>(), registers);
            fleet.Add(new LoadedGateway(name, password, Seal(name, key, registers, load)));
        }

        return fleet;
    }

    private static async Task InstallAsync(RegisterAdministration administration, RegisterKey[] registers)
    {
        foreach (var register in registers)
        {
            var channel = new ChannelKey(register.Serial, ActiveImport.Measurand!.Value);
            await administration.RegisterAsync(new RegisterRegistration(register, 0, 15), default);
            await administration.RegisterAsync(new ChannelRegistration(channel, 0, "Europe/Berlin"), default);
            await administration.InstallAsync(new RegisterInstallation(channel, register, Start, null, 9, new(1, 1)), default);
        }
    }

    // Readings in order of time, as cycles are stored and sealed: all registers at one boundary, then all at the next.
    private static List<byte[]> Seal(string name, ECDsa key, RegisterKey[] registers, Load load)
    {
        var (stream, previous, batches) = (Guid.NewGuid(), Array.Empty<byte>(), new List<byte[]>(load.Batches));
        for (var sequence = 1; sequence <= load.Batches; sequence++)
        {
            var first = (long)(sequence - 1) * load.Readings;
            var body = BatchCodec.Encode(new ReadingBatch(
                name, stream, (ulong)sequence, [.. previous], null, Start,
                [.. Enumerable.Range(0, load.Readings).Select(i => Read(registers, first + i))], null, []));
            previous = BatchSignature.Hash(body);
            batches.Add(BatchSignature.Sign(body, key).ToByteArray());
        }

        return batches;
    }

    private static Reading Read(RegisterKey[] registers, long reading)
    {
        var (boundary, register) = Math.DivRem(reading, registers.Length);
        return new Reading(registers[register], Start + Duration.FromMinutes(15 * boundary), (boundary * 137) + register, 0, ReadingQuality.Good);
    }
}
