using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using UsageBilling.Cloud.Api;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A register by name.</summary>
internal sealed record RegisterName(string Manufacturer, string Serial, string Obis);

/// <summary>A read that a person or another system brings; value as the display shows it, without decimal point.</summary>
internal sealed record ReadRequest(RegisterName? Register, Instant? At, long? Value, string Kind = "manual", string Source = "");

/// <summary>What a register really showed.</summary>
internal sealed record ReadCorrectionRequest(RegisterName? Register, Instant? At, long? Value, string? Reason);

/// <summary>The displays that should have been noted at the start and end of an installation.</summary>
internal sealed record InstallationCorrectionRequest(RegisterName? Register, Instant? InstalledAt, long? StartRegister, long? EndRegister, string? Reason);

/// <summary>What came of a read.</summary>
internal sealed record ReadOutcome(bool Added);

/// <summary>Reads by hand and corrections of reads.</summary>
internal static class ReadEndpoints
{
    public static void MapReads(this WebApplication app)
    {
        var write = app.MapWriteApi("Meter reads");
        write.MapPost("/reads", async Task<Results<Ok<ReadOutcome>, ProblemHttpResult>> (ReadRequest request, HttpContext context, RegisterAdministration administration) =>
            await TryAsync(request.Register, request.At, request.Value, async (register, at, value) =>
                new ReadOutcome(await administration.AddReadAsync(new RegisterReadEntry(register, at, value, request.Kind, request.Source), context.User.Actor(), context.RequestAborted))))
            .WithSummary("A register read by a person or another system (kind manual, imported or move-in). Audited; saying it twice changes nothing.");
        write.MapPost("/reads/corrections", async Task<Results<Ok<ReadOutcome>, ProblemHttpResult>> (ReadCorrectionRequest request, HttpContext context, RegisterAdministration administration) =>
            await TryAsync(request.Register, request.At, request.Value, async (register, at, value) =>
            {
                await administration.CorrectReadAsync(register, at, value, request.Reason ?? "", context.User.Actor(), context.RequestAborted);
                return new ReadOutcome(true);
            }))
            .WithSummary("What a register really showed at an instant. Supersedes what was read there, which stays. Audited.");
        write.MapPost("/installations/corrections", async Task<Results<Ok<ReadOutcome>, ProblemHttpResult>> (InstallationCorrectionRequest request, HttpContext context, RegisterAdministration administration) =>
            await TryAsync(request.Register, request.InstalledAt, 0, async (register, at, _) =>
            {
                await administration.CorrectInstallationAsync(register, at, request.StartRegister, request.EndRegister, request.Reason ?? "", context.User.Actor(), context.RequestAborted);
                return new ReadOutcome(true);
            }))
            .WithSummary("The displays that should have been noted when a register was installed and removed. Audited.");
    }

    private static async Task<Results<Ok<ReadOutcome>, ProblemHttpResult>> TryAsync(RegisterName? name, Instant? at, long? value, Func<RegisterKey, Instant, long, Task<ReadOutcome>> act)
    {
        if (name is null || at is null || value is null)
        {
            return ApiProblems.BadRequest("give register (manufacturer, serial, obis), the instant in UTC and the value");
        }

        try
        {
            return TypedResults.Ok(await act(new RegisterKey(name.Manufacturer, name.Serial, ObisCode.Parse(name.Obis)), at.Value, value.Value));
        }
        catch (Exception e) when (e is MeteringConfigurationException or FormatException or ArgumentNullException)
        {
            return ApiProblems.BadRequest(e.Message);
        }
    }
}
