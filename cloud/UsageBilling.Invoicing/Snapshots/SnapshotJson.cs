using System.Text.Json.Serialization;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;

namespace UsageBilling.Invoicing.Snapshots;

/// <summary>How stored documents are read and written. The order of properties is the order of declaration, so moving one changes bytes and hashes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    Converters =
    [
        typeof(DecimalText), typeof(LocalDateText), typeof(InstantText), typeof(UnitText),
        typeof(RegisterKeyText), typeof(ChannelKeyText), typeof(ChannelIdText), typeof(RatingStateJson),
        typeof(EnumText<IssueSeverity>), typeof(EnumText<ReadKind>), typeof(EnumText<Rating.Charges.ChargeKind>),
    ])]
[JsonSerializable(typeof(Bill))]
[JsonSerializable(typeof(Invoice))]
[JsonSerializable(typeof(CreditNote))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
