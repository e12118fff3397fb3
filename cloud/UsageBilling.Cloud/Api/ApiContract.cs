using System.Buffers.Text;
using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;

namespace UsageBilling.Cloud.Api;

/// <summary>Names of claims and policies. Sign-in by cookie gives its users the same claims.</summary>
public static class ApiAuthorization
{
    /// <summary>Claim that holds <c>read</c> or <c>write</c>.</summary>
    public const string ScopeClaim = "scope";

    /// <summary>Policy: may look.</summary>
    public const string Read = "api.read";

    /// <summary>Policy: may change.</summary>
    public const string Write = "api.write";

    /// <summary>Scheme that tries the token first and then the browser's scheme.</summary>
    public const string AnyScheme = "TokenOrBrowser";

    /// <summary>Who acts, for the audit.</summary>
    public static string Actor(this ClaimsPrincipal user) => user.Identity?.Name ?? "anonymous";
}

/// <summary>Set by the slice that signs people in.</summary>
public sealed class ApiAuthenticationOptions
{
    /// <summary>Authentication scheme of browsers. The default is null: tokens only.</summary>
    public string? BrowserScheme { get; set; }
}

/// <summary>A page of a list. <see cref="Next"/> is the cursor of the following page, null on the last one.</summary>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>The two parameters of every list: <c>cursor</c> (from the page before) and <c>limit</c>.</summary>
public readonly record struct Paging(string? After, int Limit)
{
    /// <summary>Most rows of a page.</summary>
    public const int MaxLimit = 500;

    /// <summary>Reads cursor and limit; null where they are not valid.</summary>
    public static Paging? From(string? cursor, int? limit)
    {
        if (limit is < 1 or > MaxLimit)
        {
            return null;
        }

        if (cursor is null)
        {
            return new Paging(null, limit ?? 100);
        }

        return Base64Url.IsValid(cursor) ? new Paging(Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)), limit ?? 100) : null;
    }

    /// <summary>A page out of up to <see cref="Limit"/> + 1 rows: the one too many says that there is more.</summary>
    public Page<T> Page<T>(List<T> rows, Func<T, string> key)
    {
        if (rows.Count <= Limit)
        {
            return new Page<T>(rows, null);
        }

        rows.RemoveRange(Limit, rows.Count - Limit);
        return new Page<T>(rows, Cursor(key(rows[^1])));
    }

    /// <summary>The cursor of the page after a key.</summary>
    public static string Cursor(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));
}

/// <summary>The groups that endpoints are mapped into.</summary>
public static class ApiRoutes
{
    /// <summary>Where the API is.</summary>
    public const string Prefix = "/api/v1";

    /// <summary>Endpoints for whoever may look.</summary>
    public static RouteGroupBuilder MapReadApi(this WebApplication app, string tag) =>
        app.MapGroup(Prefix).RequireAuthorization(ApiAuthorization.Read).WithTags(tag).ProducesProblem(400).ProducesProblem(401).ProducesProblem(403);

    /// <summary>Endpoints for whoever may change things. They take an <c>Idempotency-Key</c>.</summary>
    public static RouteGroupBuilder MapWriteApi(this WebApplication app, string tag) =>
        app.MapGroup(Prefix).RequireAuthorization(ApiAuthorization.Write).WithTags(tag).WithMetadata(new TakesIdempotencyKey())
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(409).ProducesProblem(422);
}

/// <summary>Marks an endpoint that repeats its answer for the same <c>Idempotency-Key</c>.</summary>
public sealed class TakesIdempotencyKey
{
    /// <summary>The header.</summary>
    public const string Header = "Idempotency-Key";
}

/// <summary>Marks an endpoint that refuses with 412 what was decided on something that has changed since.</summary>
public sealed class TakesIfMatch;

/// <summary>Problems that many endpoints have.</summary>
public static class ApiProblems
{
    /// <summary>404.</summary>
    public static ProblemHttpResult NotFound(string what) => TypedResults.Problem(statusCode: 404, title: "Not found", detail: what);

    /// <summary>400.</summary>
    public static ProblemHttpResult BadRequest(string detail) => TypedResults.Problem(statusCode: 400, title: "Bad request", detail: detail);

    /// <summary>409.</summary>
    public static ProblemHttpResult Conflict(string detail) => TypedResults.Problem(statusCode: 409, title: "Conflict", detail: detail);

    /// <summary>The cursor or limit is wrong.</summary>
    public static ProblemHttpResult BadPaging() => BadRequest($"limit is 1 to {Paging.MaxLimit}, and cursor is the 'next' of the page before");
}
