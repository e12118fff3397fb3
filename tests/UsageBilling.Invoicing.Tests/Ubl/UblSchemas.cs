using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;
using UsageBilling.Testing;

namespace UsageBilling.Invoicing.Tests.Ubl;

/// <summary>The official UBL 2.1 schemas, read once.</summary>
internal static class UblSchemas
{
    private static readonly Lazy<XmlSchemaSet> Schemas = new(Load);

    /// <summary>The last thing a test does: it is skipped here where the schemas are not to be had.</summary>
    public static void Validate(byte[] document)
    {
        Assert.SkipWhen(SharedCases.Root is null, SharedCases.Absent);
        var problems = new List<string>();
        var parsed = XDocument.Load(new MemoryStream(document));
        parsed.Validate(Schemas.Value, (_, e) => problems.Add(e.Message));
        Assert.Empty(problems);
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
