using System.Text.Json;
using System.Text.Json.Serialization;
using MimeKit;
using UsageBilling.Cloud.Analytics;
using UsageBilling.Cloud.Provisioning;
using UsageBilling.Metering.Analytics;
using UsageBilling.Protocols;
using UsageBilling.Rating.Tariffs;

namespace UsageBilling.Cloud.Alerts;

/// <summary>What a rule watches for.</summary>
public enum AlertKind
{
    /// <summary>More than a limit: in an interval (as a rate), in a local day, or in the running period.</summary>
    Threshold,

    /// <summary>50, 75 or 100 % of a budget of money or of a quantity is used.</summary>
    Budget,

    /// <summary>Something unusual.</summary>
    Anomaly,

    /// <summary>Nothing is known of the last hours.</summary>
    NoData,
}

/// <summary>A rule as it is written; what a kind has no use for is null.</summary>
public sealed record AlertRule
{
    public required string Id { get; init; }

    public required AlertKind Kind { get; init; }

    public required string ServicePoint { get; init; }

    public required IReadOnlyList<string> Targets { get; init; }

    public bool Active { get; init; } = true;

    /// <summary>Channel class; null for a budget of money.</summary>
    public string? Class { get; init; }

    /// <summary><c>interval</c>, <c>day</c> or <c>period</c>.</summary>
    public string? Per { get; init; }

    /// <summary>Limit of a threshold or budget of a quantity, in the unit for people (kWh; kW for an interval).</summary>
    public decimal? Limit { get; init; }

    /// <summary>Budget of money, tax included, in the account's currency.</summary>
    public decimal? Amount { get; init; }

    /// <summary>Hours without data.</summary>
    public int? Hours { get; init; }

    /// <summary>Opening hours, for out-of-hours use.</summary>
    public string? Opens { get; init; }

    public string? Closes { get; init; }

    public string? Days { get; init; }

    /// <summary>What the class carries.</summary>
    [JsonIgnore]
    public Measurand? Measurand => Class is null ? null : Measure.Find(Class);

    [JsonIgnore]
    public OpeningHours? OpeningHours => AnalyticsHours.Read(Opens, Closes, Days).Hours;
}

/// <summary>A target as it is written. The secret is only ever on its way in.</summary>
internal sealed record AlertTarget(string Id, string Kind, string Address, bool Active, WebhookSecret? Secret);

/// <summary>Reads rules and targets strictly: every problem with its path.</summary>
internal static class AlertDocuments
{
    public static AlertRule? Rule(string json, List<ProvisioningProblem> problems) => Parse(json, problems, Rule);

    public static AlertTarget? Target(string json, WebhookAddresses addresses, List<ProvisioningProblem> problems) => Parse(json, problems, item => Target(item, addresses));

    private static T? Parse<T>(string json, List<ProvisioningProblem> problems, Func<JsonObjectReader, T> read)
        where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new("$", "must be an object"));
                return null;
            }

            var result = JsonObjectReader.Read(document.RootElement, "$", problems, read);
            return problems.Count == 0 ? result : null;
        }
        catch (JsonException e)
        {
            problems.Add(new("$", $"is not JSON: {e.Message}"));
            return null;
        }
    }

    private static AlertRule Rule(JsonObjectReader item)
    {
        var kind = item.OneOf("kind", "threshold", "budget", "anomaly", "no-data");
        var rule = new AlertRule
        {
            Id = item.Id("id"),
            Kind = kind switch { "budget" => AlertKind.Budget, "anomaly" => AlertKind.Anomaly, "no-data" => AlertKind.NoData, _ => AlertKind.Threshold },
            ServicePoint = item.Id("servicePoint"),
            Targets = item.Texts("targets"),
            Active = item.OptionalBoolean("active") ?? true,
        };
        if (rule.Targets.Count == 0 || rule.Targets.Distinct().Count() != rule.Targets.Count)
        {
            item.Problem("targets", "names one target or more, each once");
        }

        return kind switch
        {
            "threshold" => rule with { Class = Class(item), Per = item.OneOf("per", "interval", "day", "period"), Limit = Limit(item) },
            "budget" => Budget(item, rule),
            "anomaly" => Hours(item, rule with { Class = Class(item) }),
            "no-data" => rule with { Class = Class(item), Hours = item.Integer("hours", 1, 24 * 28) },
            _ => rule,
        };
    }

    private static AlertRule Budget(JsonObjectReader item, AlertRule rule)
    {
        if (item.OptionalPositive("amount") is { } amount)
        {
            return rule with { Amount = amount };
        }

        if (item.Raw("amount") is null && item.Raw("limit") is null)
        {
            item.Problem("", "give amount (money, tax included), or limit and class (a quantity)");
            return rule;
        }

        return item.Raw("limit") is null ? rule : rule with { Class = Class(item), Limit = Limit(item) };
    }

    private static AlertRule Hours(JsonObjectReader item, AlertRule rule)
    {
        var asked = rule with { Opens = item.OptionalText("opens"), Closes = item.OptionalText("closes"), Days = item.OptionalText("days") };
        if (AnalyticsHours.Read(asked.Opens, asked.Closes, asked.Days).Problem is { } problem)
        {
            item.Problem("opens", problem);
        }

        return asked;
    }

    private static string Class(JsonObjectReader item) => item.OneOf("class", [.. Measure.All]);

    private static decimal? Limit(JsonObjectReader item)
    {
        if (item.Raw("limit") is null)
        {
            item.Problem("limit", "is missing: give a number above 0");
        }

        return item.OptionalPositive("limit");
    }

    private static AlertTarget Target(JsonObjectReader item, WebhookAddresses addresses)
    {
        var kind = item.OneOf("kind", "email", "webhook");
        var address = item.Text("address", "an e-mail address, or the address of the webhook");
        var active = item.OptionalBoolean("active") ?? true;
        var secret = item.OptionalText("secret");
        if (kind == "email")
        {
            if (address.Length > 0 && (!MailboxAddress.TryParse(address, out var mailbox) || mailbox.Domain.Length == 0 || mailbox.Address != address))
            {
                item.Problem("address", $"'{address}' must be an e-mail address like energy@customer.example");
            }

            if (secret is not null)
            {
                item.Problem("secret", "is for webhooks; leave it out");
            }

            return new(item.Id("id"), kind, address, active, null);
        }

        if (kind == "webhook" && address.Length > 0 && addresses.Problem(address) is { } problem)
        {
            item.Problem("address", problem);
        }

        var parsed = secret is null ? null : WebhookSecret.Parse(secret);
        if (kind == "webhook" && parsed is null)
        {
            item.Problem("secret", "must be whsec_ and 24 to 64 random bytes in base64, as in: echo whsec_$(openssl rand -base64 32)");
        }

        return new(item.Id("id"), kind, address, active, parsed);
    }
}
