using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;
using Npgsql;
using UsageBilling.Cloud.Api;
using UsageBilling.Cloud.Ingest;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Cloud.Invoices;

/// <summary>A quantity behind a line.</summary>
internal sealed record TracedDeterminant(string Name, decimal Value, string Unit, Instant? At);

/// <summary>A line with the tariff version (and the hash of its document) and the quantities behind it.</summary>
internal sealed record TracedLine(string Description, decimal Amount, string TariffVersion, string? TariffHash, string Formula, IReadOnlyList<TracedDeterminant> Determinants);

/// <summary>A slice of an interval day that was rated.</summary>
internal sealed record TracedDay(string Channel, LocalDate UtcDay, int FromSlot, int ToSlot, int Version, string Hash);

/// <summary>From the lines of an invoice back to the batches that gateways sent.</summary>
internal sealed record InvoiceTrace(
    string Number, string BillHash, string TzdbVersion, IReadOnlyList<TracedLine> Lines, IReadOnlyList<TracedDay> Days, IReadOnlyList<BatchReference> Batches);

/// <summary>Issued invoices and credit notes, their documents and their trace.</summary>
internal static class InvoiceEndpoints
{
    public static void AddInvoices(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Issuing>();
        builder.Services.AddSingleton<InvoiceDocuments>();
    }

    public static void MapInvoices(this WebApplication app)
    {
        var api = app.MapReadApi("Invoices");
        api.MapGet("/invoices", ListAsync).WithSummary("Invoices and credit notes by number, in pages.");
        api.MapGet("/invoices/{number}", SnapshotAsync).WithSummary("The invoice itself: canonical JSON, whose SHA-256 is the ETag.").Produces(200, contentType: "application/json").ProducesProblem(404);
        api.MapGet("/invoices/{number}.pdf", (string number, HttpContext context, NpgsqlDataSource database) => DocumentAsync(number, "pdf", "application/pdf", context, database))
            .WithSummary("The invoice as PDF.").Produces(200, contentType: "application/pdf").ProducesProblem(404);
        api.MapGet("/invoices/{number}.xml", (string number, HttpContext context, NpgsqlDataSource database) => DocumentAsync(number, "ubl", "application/xml", context, database))
            .WithSummary("The invoice as EN 16931 UBL.").Produces(200, contentType: "application/xml").ProducesProblem(404);
        api.MapGet("/invoices/{number}/trace", TraceAsync).WithSummary("From each line to tariff version, determinants, day blocks, batches and gateway.").ProducesProblem(404);
    }

    private static async Task<Results<Ok<Page<InvoiceSummary>>, ProblemHttpResult>> ListAsync(NpgsqlDataSource database, string? account, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (Paging.From(cursor, limit) is not { } paging)
        {
            return ApiProblems.BadPaging();
        }

        return TypedResults.Ok(paging.Page(await InvoiceReading.ListAsync(database, account, paging.After ?? "", paging.Limit + 1, cancellationToken), i => i.Number));
    }

    private static async Task<IResult> SnapshotAsync(string number, HttpContext context, NpgsqlDataSource database)
    {
        if (await InvoiceReading.FindAsync(database, number, context.RequestAborted) is not { } found)
        {
            return ApiProblems.NotFound($"there is no invoice {number}");
        }

        return TypedResults.File(Encoding.UTF8.GetBytes(found.Snapshot), "application/json", entityTag: new Microsoft.Net.Http.Headers.EntityTagHeaderValue($"\"{found.Summary.Hash}\""));
    }

    private static async Task<IResult> DocumentAsync(string number, string format, string type, HttpContext context, NpgsqlDataSource database)
    {
        if (await InvoiceReading.FindAsync(database, number, context.RequestAborted) is not { } found)
        {
            return ApiProblems.NotFound($"there is no invoice {number}");
        }

        if (await InvoiceReading.DocumentAsync(database, found.Summary, format, context.RequestAborted) is not { } document)
        {
            return ApiProblems.NotFound($"invoice {number} has no {format} yet: ask again in a moment");
        }

        // Shown where a browser can show it, saved under its number otherwise. A browser's PDF viewer is an embedded object, which the pages' own policy forbids.
        context.Response.Headers.ContentDisposition = new Microsoft.Net.Http.Headers.ContentDispositionHeaderValue(format == "pdf" ? "inline" : "attachment") { FileName = $"{number}.{(format == "ubl" ? "xml" : format)}" }.ToString();
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";
        return TypedResults.File(document.Content, type, entityTag: new Microsoft.Net.Http.Headers.EntityTagHeaderValue($"\"{document.Hash}\""));
    }

    private static async Task<Results<Ok<InvoiceTrace>, ProblemHttpResult>> TraceAsync(string number, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        if (await InvoiceReading.FindAsync(database, number, cancellationToken) is not { } found)
        {
            return ApiProblems.NotFound($"there is no invoice {number}");
        }

        var bytes = Encoding.UTF8.GetBytes(found.Snapshot);
        var invoice = found.Summary.Kind == "invoice" ? Invoice.Parse(bytes) : CreditNote.Parse(bytes).Invoice;
        var bill = invoice.Bill;
        var channels = bill.Usage.ToDictionary(u => u.Channel.Id, u => u.Channel.ToString());
        return TypedResults.Ok(new InvoiceTrace(
            number, invoice.BillHash, bill.TzdbVersion,
            [
                .. bill.Charges.Lines.Select(l => new TracedLine(
                    l.Description, l.Amount, l.TariffVersion, bill.Tariffs.FirstOrDefault(t => t.Version == l.TariffVersion)?.Hash, l.Formula,
                    [.. l.Determinants.Select(d => new TracedDeterminant(d.Name, d.Value, d.Unit.Symbol, d.At))])),
            ],
            [.. bill.Manifest.Select(m => new TracedDay(channels[m.Channel], m.Day, m.FromSlot, m.ToSlot, m.Version, m.Hash))],
            await BatchesAsync(database, bill, cancellationToken)));
    }

    public static async Task<List<BatchReference>> BatchesAsync(NpgsqlDataSource database, Bill bill, CancellationToken cancellationToken)
    {
        var batches = new List<BatchReference>();
        foreach (var meter in bill.Supply.Meters)
        {
            batches.AddRange(await BatchLookup.FindAsync(database, meter.Register.Id, meter.Start.At, meter.End.At, cancellationToken));
        }

        // A batch carries all registers of a meter, and is named once.
        return [.. batches.DistinctBy(b => (b.Gateway, b.Stream, b.Sequence, b.Hash)).OrderBy(b => b.FirstAt).ThenBy(b => b.Gateway, StringComparer.Ordinal).ThenBy(b => b.Sequence)];
    }
}
