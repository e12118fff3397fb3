using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using UsageBilling.Cloud.Accounts;
using UsageBilling.Cloud.UsageEvents;
using UsageBilling.Metering.Registers;
using UsageBilling.Protocols;

namespace UsageBilling.Cloud.Provisioning;

/// <summary>A tariff document as it was given, and where.</summary>
public sealed record ProvisionedTariff(string Path, string Document);

/// <summary>A meter at a service point over a time, with its registers.</summary>
public sealed record ProvisionedMeter(
    string Path,
    string ServicePoint,
    string Manufacturer,
    string Serial,
    Instant InstalledAt,
    Instant? RemovedAt,
    int IntervalMinutes,
    IReadOnlyList<ProvisionedRegister> Registers);

/// <summary>A register of a meter. Its start and end are displays; where they are absent, readings decide.</summary>
public sealed record ProvisionedRegister(string Path, ObisCode Obis, int Scale, int Digits, Fraction Multiplier, int Exponent, long? Start, long? End, long? MaxAdvancePerHour)
{
    /// <summary>Registers of the same meter that count parts of this one by time of use; empty for those registers themselves.</summary>
    public IReadOnlyList<ProvisionedRegister> TimeOfUse { get; init; } = [];
}

/// <summary>A reason for zero use at a service point.</summary>
public sealed record ProvisionedZeroReason(string Path, string ServicePoint, string Reason, Instant From, Instant? To, string Note);

/// <summary>
/// What <c>provision</c> takes: one document that says who sells what to whom, where and by which meters. Published as
/// <c>protocols/provisioning/provision.v1.schema.json</c>.
/// </summary>
public sealed record ProvisioningDocument
{
    /// <summary>Sellers.</summary>
    public required IReadOnlyList<SupplierRecord> Suppliers { get; init; }

    /// <summary>Tariff versions.</summary>
    public required IReadOnlyList<ProvisionedTariff> Tariffs { get; init; }

    /// <summary>Buyers.</summary>
    public required IReadOnlyList<AccountRecord> Accounts { get; init; }

    /// <summary>Places.</summary>
    public required IReadOnlyList<ServicePointRecord> ServicePoints { get; init; }

    /// <summary>Meters at the places.</summary>
    public required IReadOnlyList<ProvisionedMeter> Meters { get; init; }

    /// <summary>Channels computed from others.</summary>
    public required IReadOnlyList<ProvisionedVirtualChannel> VirtualChannels { get; init; }

    /// <summary>Channels that stand for others.</summary>
    public required IReadOnlyList<ProvisionedAlternate> Alternates { get; init; }

    /// <summary>Why nothing need flow somewhere.</summary>
    public required IReadOnlyList<ProvisionedZeroReason> ZeroReasons { get; init; }

    /// <summary>Contracts.</summary>
    public required IReadOnlyList<ContractRecord> Contracts { get; init; }

    /// <summary>What event types mean.</summary>
    public required IReadOnlyList<ProvisionedUsage> Usage { get; init; }

    /// <summary>
    /// Reads a document. <paramref name="file"/> gives the text of a file named in it, or null where there is none; it is null itself where files may not be named (over HTTP).
    /// Null is returned when there is any problem.
    /// </summary>
    public static ProvisioningDocument? Parse(string json, Func<string, string?>? file, List<ProvisioningProblem> problems)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            problems.Add(new("$", $"is not JSON: {e.Message}"));
            return null;
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new("$", "must be an object with suppliers, tariffs, accounts, servicePoints, meters, virtualChannels, divisions, alternates, zeroReasons, contracts, usageDefinitions"));
                return null;
            }

            var result = JsonObjectReader.Read(document.RootElement, "$", problems, root => Root(root, file));
            return problems.Count == 0 ? result : null;
        }
    }

    private static ProvisioningDocument Root(JsonObjectReader root, Func<string, string?>? file)
    {
        root.OptionalText("$schema");
        return new ProvisioningDocument
        {
            Suppliers = root.List("suppliers", Supplier),
            Tariffs = root.List("tariffs", item => Tariff(item, file)),
            Accounts = root.List("accounts", Account),
            ServicePoints = root.List("servicePoints", ServicePoint),
            Meters = root.List("meters", Meter),
            VirtualChannels = VirtualChannelReader.Read(root),
            Alternates = VirtualChannelReader.ReadAlternates(root),
            ZeroReasons = root.List("zeroReasons", ZeroReason),
            Contracts = root.List("contracts", Contract),
            Usage = root.List("usageDefinitions", UsageDefinitionDocument.Read),
        };
    }

    private static SupplierRecord Supplier(JsonObjectReader item) => new(
        item.Id("id"),
        item.Text("name"),
        Address(item),
        item.Matching("vatId", "a VAT identifier with its country, like DE136695976", IsVatId),
        item.OptionalText("registration"),
        item.Text("email"),
        item.OptionalText("phone"),
        item.Matching("iban", "an IBAN without spaces", IsIban),
        item.OptionalText("bic"),
        item.Zone("zone"),
        Currency(item),
        item.Matching("invoiceSeries", "1 to 8 capital letters or digits", s => s.Length <= 8 && s.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c))),
        item.OptionalInteger("paymentDays", 0, 365) ?? 14);

    private static ProvisionedTariff Tariff(JsonObjectReader item, Func<string, string?>? file)
    {
        var document = item.Raw("document");
        var path = item.OptionalText("file");
        if (document is { ValueKind: JsonValueKind.Object } inline && path is null)
        {
            return new(item.Path + ".document", inline.GetRawText());
        }

        if (document is not null || path is null)
        {
            item.Problem("", "give either document (the tariff itself) or file (its path, relative to this file)");
            return new(item.Path, "");
        }

        if (file is null)
        {
            item.Problem("file", "files cannot be named over HTTP: put the tariff itself into document");
            return new(item.Path, "");
        }

        if (file(path) is { } text)
        {
            return new(item.Path + ".file", text);
        }

        item.Problem("file", $"there is no file {path}; the path is relative to the provisioning file");
        return new(item.Path, "");
    }

    private static AccountRecord Account(JsonObjectReader item) => new(
        item.Id("id"),
        item.Id("supplier"),
        item.Text("name"),
        Address(item),
        item.OptionalText("email"),
        item.OptionalText("vatId"),
        item.OptionalText("buyerReference"),
        item.OneOf("segment", "household", "shop", "industry"),
        Currency(item));

    private static ServicePointRecord ServicePoint(JsonObjectReader item) => new(item.Id("id"), item.Text("meteringPoint", "the market's identifier of the metering point"), item.Zone("zone"), Address(item));

    private static ContractRecord Contract(JsonObjectReader item)
    {
        var parameters = item.Raw("parameters");
        if (parameters is not (null or { ValueKind: JsonValueKind.Object }))
        {
            item.Problem("parameters", "must be an object of names and values");
            parameters = null;
        }

        var contract = new ContractRecord(
            item.Id("id"),
            item.Id("account"),
            item.Id("servicePoint"),
            item.Id("tariff"),
            parameters is { } given ? JsonNode.Parse(given.GetRawText())!.AsObject() : [],
            item.Date("from"),
            item.OptionalDate("to"),
            item.OptionalInteger("anchorDay", 1, 31) ?? 1);
        if (contract.To <= contract.From)
        {
            item.Problem("to", "must be after from: the contract ends at the beginning of this day");
        }

        return contract;
    }

    private static ProvisionedMeter Meter(JsonObjectReader item)
    {
        var meter = new ProvisionedMeter(
            item.Path,
            item.Id("servicePoint"),
            item.Id("manufacturer"),
            item.Id("serial"),
            item.Instant("installedAt"),
            item.OptionalInstant("removedAt"),
            item.OptionalInteger("intervalMinutes", 5, 60) ?? 15,
            item.List("registers", Register));
        if (meter.IntervalMinutes is not (5 or 10 or 15 or 30 or 60))
        {
            item.Problem("intervalMinutes", "must be 5, 10, 15, 30 or 60");
        }

        if (meter.RemovedAt <= meter.InstalledAt)
        {
            item.Problem("removedAt", "must be after installedAt");
        }

        if (meter.Registers.Count == 0)
        {
            item.Problem("registers", "a meter has at least one register");
        }

        return meter;
    }

    private static ProvisionedZeroReason ZeroReason(JsonObjectReader item) => new(
        item.Path, item.Id("servicePoint"), item.OneOf("reason", [.. Validation.ZeroReasons.Kinds]), item.Instant("from"), item.OptionalInstant("to"), item.Text("note"));

    private static ProvisionedRegister Register(JsonObjectReader item)
    {
        var total = Register(item, null);
        return total with { TimeOfUse = item.List("timeOfUse", part => Register(part, total)) };
    }

    /// <summary>A register, or a part of one, which is like it where it does not say otherwise.</summary>
    private static ProvisionedRegister Register(JsonObjectReader item, ProvisionedRegister? total)
    {
        var obis = item.Matching("obis", "an OBIS code like 1-0:1.8.0", s => ObisCode.TryParse(s, out var code) && code.Measurand is not null);
        _ = ObisCode.TryParse(obis, out var code); // default when refused above
        var volume = code.Measurand?.Quantity is Quantity.GasVolume or Quantity.WaterVolume;
        return new ProvisionedRegister(
            item.Path,
            code,
            total is null ? item.Integer("scale", -9, 9) : item.OptionalInteger("scale", -9, 9) ?? total.Scale,
            total is null ? item.Integer("digits", 1, 18) : item.OptionalInteger("digits", 1, 18) ?? total.Digits,
            Multiplier(item, total?.Multiplier ?? Fraction.One),
            total?.Exponent ?? item.OptionalInteger("exponent", -9, 9) ?? (volume ? -3 : 0),
            item.OptionalLong("start", 0, long.MaxValue),
            item.OptionalLong("end", 0, long.MaxValue),
            item.OptionalLong("maxAdvancePerHour", 1, long.MaxValue) ?? total?.MaxAdvancePerHour);
    }

    private static Fraction Multiplier(JsonObjectReader item, Fraction otherwise)
    {
        if (item.OptionalText("multiplier") is not { } text)
        {
            return otherwise;
        }

        var parts = text.Split('/');
        if (parts.Length <= 2 && long.TryParse(parts[0], out var numerator) && numerator > 0)
        {
            if (parts.Length == 1)
            {
                return new Fraction(numerator, 1);
            }

            if (long.TryParse(parts[1], out var denominator) && denominator > 0)
            {
                return new Fraction(numerator, denominator);
            }
        }

        item.Problem("multiplier", $"'{text}' must be a fraction like 80 or 1/1000");
        return Fraction.One;
    }

    private static Address Address(JsonObjectReader item) =>
        item.Object("address", a => new Address(a.Text("street"), a.Text("postalCode"), a.Text("city"), Country(a))) ?? new Address("", "", "", "");

    private static string Country(JsonObjectReader item) => item.Matching("country", "a country code of two capital letters, like DE", s => s.Length == 2 && s.All(char.IsAsciiLetterUpper));

    private static string Currency(JsonObjectReader item) => item.Matching("currency", "a currency code of three capital letters, like EUR", s => s.Length == 3 && s.All(char.IsAsciiLetterUpper));

    private static bool IsVatId(string text) => text.Length is >= 4 and <= 16 && char.IsAsciiLetterUpper(text[0]) && char.IsAsciiLetterUpper(text[1]);

    // ISO 13616: the country and check digits go to the end, letters count from 10, and the whole is 1 modulo 97.
    private static bool IsIban(string text)
    {
        if (text.Length is < 15 or > 34 || !text.All(c => char.IsAsciiDigit(c) || char.IsAsciiLetterUpper(c)))
        {
            return false;
        }

        var rest = 0;
        foreach (var c in text[4..] + text[..4])
        {
            rest = char.IsAsciiDigit(c) ? ((rest * 10) + (c - '0')) % 97 : ((rest * 100) + (c - 'A' + 10)) % 97;
        }

        return rest == 1;
    }
}
