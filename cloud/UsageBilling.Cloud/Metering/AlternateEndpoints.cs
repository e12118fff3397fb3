using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Database;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Metering;

/// <summary>A channel that stands for another; kind is check or alternate, days are local days of the channel's point.</summary>
internal sealed record AlternateRequest(Guid Channel, Guid By, string Kind, LocalDate? From = null, LocalDate? To = null);

/// <summary>What came of it.</summary>
internal sealed record AlternateOutcome(bool Changed);

/// <summary>Check meters and alternate channels over HTTP.</summary>
internal static class AlternateEndpoints
{
    public static void MapAlternates(this WebApplication app)
    {
        app.MapReadApi("Alternate channels").MapGet("/alternates", async (NpgsqlDataSource database, string? point, CancellationToken cancellation) =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellation);
            return TypedResults.Ok(new Page<KeptAlternate>(await ChannelAlternates.ListAsync(connection, point, cancellation), null));
        }).WithSummary("Check meters and alternate channels, of one service point or all.");
        app.MapWriteApi("Alternate channels").MapPost("/alternates", SaveAsync)
            .WithSummary("Lets a channel stand for the gaps of another from a local day on, or ends that: the same channels and first day with another last. Audited; saying it twice changes nothing.");
    }

    private static async Task<Results<Ok<AlternateOutcome>, ProblemHttpResult>> SaveAsync(
        AlternateRequest request, HttpContext context, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        if (request.Kind is not ("check" or "alternate"))
        {
            return ApiProblems.BadRequest("kind is check (a second meter at the same place) or alternate (another channel that carries the same)");
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        try
        {
            var changed = await ChannelAlternates.SaveAsync(
                connection, new ChannelAlternate(new ChannelId(request.Channel), new ChannelId(request.By), request.Kind == "check", request.From, request.To), context.User.Actor(),
                time.GetCurrentInstant(), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return TypedResults.Ok(new AlternateOutcome(changed));
        }
        catch (MeteringConfigurationException e)
        {
            return ApiProblems.BadRequest(e.Message);
        }
    }
}
