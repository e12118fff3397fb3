using System.Xml.Linq;

namespace UsageBilling.Invoicing.Documents.Ubl;

/// <summary>Namespaces and code values of UBL 2.1 in its EN 16931 use.</summary>
internal static class UblNames
{
    public const string Customization = "urn:cen.eu:en16931:2017";

    public static readonly XNamespace InvoiceNs = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2";

    public static readonly XNamespace CreditNoteNs = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2";

    public static readonly XNamespace Cac = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";

    public static readonly XNamespace Cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
}
