using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;

namespace UsageBilling.Testing;

/// <summary>The official UBL 2.1 schemas of the shared cases, read once.</summary>
public static class UblSchemas
{
    private static readonly Lazy<XmlSchemaSet> Schemas = new(Load);

    /// <summary>What the schemas find wrong with an invoice or a credit note; nothing where the shared cases are absent.</summary>
    public static IReadOnlyList<string> Problems(byte[] document)
    {
        var problems = new List<string>();
        if (SharedCases.Root is not null)
        {
            XDocument.Load(new MemoryStream(document)).Validate(Schemas.Value, (_, e) => problems.Add(e.Message));
        }

        return problems;
    }

    private static XmlSchemaSet Load()
    {
        var folder = SharedCases.Path("schemas", "ubl21", "maindoc")!;
        var set = new XmlSchemaSet { XmlResolver = new XmlUrlResolver() };
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Parse };
        foreach (var file in new[] { "UBL-Invoice-2.1.xsd", "UBL-CreditNote-2.1.xsd" })
        {
            using var reader = XmlReader.Create(Path.Combine(folder, file), settings);
            set.Add(null, reader);
        }

        set.Compile();
        return set;
    }
}
