using System.Security.Cryptography;
using System.Text;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Database;

namespace UsageBilling.Cloud.Api;

/// <summary>
/// A write that names an <c>Idempotency-Key</c> is done once: the row is the lock, and its stored answer is given again. A request whose process died leaves a
/// row without an answer, which the next one takes over after a while; the use cases are idempotent by themselves.
/// </summary>
internal sealed class IdempotencyKeys(RequestDelegate next, NpgsqlDataSource database, TimeProvider time)
{
    private static readonly Duration Abandoned = Duration.FromMinutes(10);

    public async Task InvokeAsync(HttpContext context)
    {
        var key = context.Request.Headers[TakesIdempotencyKey.Header].ToString();
        if (key.Length == 0 || context.GetEndpoint()?.Metadata.GetMetadata<TakesIdempotencyKey>() is null)
        {
            await next(context);
            return;
        }

        if (key.Length > 200)
        {
            await Problem(context, 400, "the Idempotency-Key has more than 200 characters");
            return;
        }

        var cancellation = context.RequestAborted;
        var actor = context.User.Actor();
        var hash = await HashAsync(context.Request, cancellation);
        if (await TakeAsync(actor, key, hash, cancellation))
        {
            await RunAsync(context, actor, key);
            return;
        }

        var stored = await ReadAsync(actor, key, cancellation);
        if (!stored.Hash.AsSpan().SequenceEqual(hash))
        {
            await Problem(context, 422, "this Idempotency-Key was used with another request; use a new key for a new request");
        }
        else if (stored.Status is not { } status)
        {
            await Problem(context, 409, "the request with this Idempotency-Key is still being worked on; ask again");
        }
        else
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = stored.ContentType;
            context.Response.Headers["Idempotency-Replayed"] = "true";
            await context.Response.Body.WriteAsync(stored.Body, cancellation);
        }
    }

    private async Task RunAsync(HttpContext context, string actor, string key)
    {
        var body = context.Response.Body;
        using var copy = new MemoryStream();
        context.Response.Body = copy;
        var kept = false;
        try
        {
            await next(context);
            if (context.Response.StatusCode < 500)
            {
                await KeepAsync(actor, key, context.Response.StatusCode, context.Response.ContentType, copy.ToArray());
                kept = true;
            }
        }
        finally
        {
            context.Response.Body = body;
            if (!kept)
            {
                await ForgetAsync(actor, key);
            }
        }

        copy.Position = 0;
        await copy.CopyToAsync(body, context.RequestAborted);
    }

    private static async Task<byte[]> HashAsync(HttpRequest request, CancellationToken cancellation)
    {
        request.EnableBuffering();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"));
        var buffer = new byte[8192];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, cancellation)) > 0)
        {
            hash.AppendData(buffer.AsSpan(0, read));
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    private async Task<bool> TakeAsync(string actor, string key, byte[] hash, CancellationToken cancellation)
    {
        var now = time.GetCurrentInstant();
        await using var command = database.CreateCommand(
            """
            INSERT INTO api_request (actor, key, request_hash, started_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (actor, key) DO UPDATE SET started_at = EXCLUDED.started_at
              WHERE api_request.status IS NULL AND api_request.started_at < $5 AND api_request.request_hash = EXCLUDED.request_hash
            """);
        Add(command, actor, key, hash, now, now - Abandoned);
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    private async Task<(byte[] Hash, int? Status, string? ContentType, byte[] Body)> ReadAsync(string actor, string key, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand("SELECT request_hash, status, content_type, body FROM api_request WHERE actor = $1 AND key = $2");
        Add(command, actor, key);
        await using var row = await command.ExecuteReaderAsync(cancellation);
        await row.ReadAsync(cancellation);
        return (row.GetFieldValue<byte[]>(0), row.IsDBNull(1) ? null : row.GetInt32(1), row.IsDBNull(2) ? null : row.GetString(2), row.IsDBNull(3) ? [] : row.GetFieldValue<byte[]>(3));
    }

    // What was done is kept even when the caller has gone meanwhile.
    private async Task KeepAsync(string actor, string key, int status, string? contentType, byte[] body)
    {
        await using var command = database.CreateCommand("UPDATE api_request SET status = $3, content_type = $4, body = $5 WHERE actor = $1 AND key = $2");
        Add(command, actor, key, status, (object?)contentType ?? DBNull.Value, body);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private async Task ForgetAsync(string actor, string key)
    {
        await using var command = database.CreateCommand("DELETE FROM api_request WHERE actor = $1 AND key = $2 AND status IS NULL");
        Add(command, actor, key);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static void Add(NpgsqlCommand command, params object[] values)
    {
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }
    }

    private static Task Problem(HttpContext context, int status, string detail) =>
        Results.Problem(statusCode: status, title: "Idempotency-Key", detail: detail).ExecuteAsync(context);
}
