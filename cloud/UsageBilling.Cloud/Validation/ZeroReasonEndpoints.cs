using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using NodaTime.Text;
using UsageBilling.Cloud.Api;

namespace UsageBilling.Cloud.Validation;

/// <summary>A reason for zero use at a service point, in UTC.</summary>
/// <param name="Point">Service point.</param>
/// <param name="Reason">seasonal-supply, outage or disconnection.</param>
/// <param name="From">Since when.</param>
/// <param name="Note">Who said so, or where it is written.</param>
/// <param name="To">Until when; null: until somebody ends it.</param>
internal sealed record ZeroReasonRequest(string Point, string Reason, Instant? From, string Note, Instant? To = null);

/// <summary>Reasons for zero use over HTTP.</summary>
internal static class ZeroReasonEndpoints
{
    public static void MapZeroReasons(this WebApplication app)
    {
        app.MapReadApi("Validation").MapGet("/validation/zero-reasons", ListAsync)
            .WithSummary("Reasons for zero use, the latest first; of one service point, and those that hold at an instant.");
        app.MapWriteApi("Validation").MapPost("/validation/zero-reasons", async Task<Results<Ok<ZeroReasonResult>, ProblemHttpResult>> (ZeroReasonRequest request, HttpContext context, ZeroReasons reasons) =>
        {
            if (request.From is not { } from)
            {
                return ApiProblems.BadRequest("give from, an instant in UTC like 2026-10-01T08:07:00Z");
            }

            var result = await reasons.SaveAsync(request.Point, request.Reason, from, request.To, request.Note, context.User.Actor(), context.RequestAborted);
            return result.Problem is { } problem ? ApiProblems.BadRequest(problem) : TypedResults.Ok(result);
        }).WithSummary("Says why nothing need flow at a service point, or when that ends: the same point, reason and from with another to. Its days are validated again. Audited; saying it twice changes nothing.");
    }

    private static async Task<Results<Ok<Page<ZeroReason>>, ProblemHttpResult>> ListAsync(ZeroReasons reasons, string? point, string? at, CancellationToken cancellationToken)
    {
        if (at is not null && !InstantPattern.ExtendedIso.Parse(at).Success)
        {
            return ApiProblems.BadRequest("at is an instant in UTC like 2026-10-01T08:07:00Z");
        }

        return TypedResults.Ok(new Page<ZeroReason>(await reasons.ListAsync(point, at is null ? null : InstantPattern.ExtendedIso.Parse(at).Value, cancellationToken), null));
    }
}
