using NodaTime;
using UsageBilling.Invoicing.Bills;
using UsageBilling.Invoicing.Invoices;
using UsageBilling.Protocols;

namespace UsageBilling.Invoicing.Documents.Pdf;

/// <summary>What is printed: an invoice, or a credit note that takes one back.</summary>
internal sealed class Statement
{
    private Statement(Invoice invoice, CreditNote? note)
    {
        Invoice = invoice;
        Note = note;
        Time = new ReadTime(invoice.Bill.Supply.Zone);
        Hash = note is null ? invoice.Hash() : note.Hash();
    }

    public Invoice Invoice { get; }

    public CreditNote? Note { get; }

    public ReadTime Time { get; }

    /// <summary>Hash of the stored document, on every page and in the file's identifier.</summary>
    public string Hash { get; }

    public Bill Bill => Invoice.Bill;

    public string Currency => Invoice.Currency;

    public string Kind => Note is null ? "Invoice" : "Credit note";

    public string Number => Note?.Number ?? Invoice.Number;

    public LocalDate IssueDate => Note?.IssueDate ?? Invoice.IssueDate;

    public string Title => Note is null
        ? $"Your {Commodity} bill for {NumberText.Period(Bill.Charges.From, Bill.Charges.To)}"
        : $"Credit note for invoice {Invoice.Number}";

    /// <summary>The channel that is charted: what the customer takes, or else whatever there is.</summary>
    public ChannelUsage? MainUsage => Bill.Usage.FirstOrDefault(usage => usage.Channel.Measurand.Direction == Direction.Import && usage.Days.Count > 0)
        ?? Bill.Usage.FirstOrDefault(usage => usage.Days.Count > 0);

    /// <summary>Export of the same quantity, drawn below the axis.</summary>
    public ChannelUsage? ExportUsage => MainUsage is { } main && main.Channel.Measurand.Direction == Direction.Import
        ? Bill.Usage.FirstOrDefault(usage => usage.Channel.Measurand.Direction == Direction.Export
            && usage.Channel.Measurand.Quantity == main.Channel.Measurand.Quantity
            && usage.Unit == main.Unit
            && usage.Days.Count > 0)
        : null;

    private string Commodity => (MainUsage?.Channel ?? (Bill.Supply.Meters is [var meter, ..] ? meter.Channel : null))?.Measurand.Quantity switch
    {
        Quantity.ActiveEnergy or Quantity.ReactiveEnergy or Quantity.ApparentEnergy => "electricity",
        Quantity.GasVolume => "gas",
        Quantity.WaterVolume => "water",
        Quantity.HeatEnergy => "heat",
        _ => "usage",
    };

    public static Statement Of(Invoice invoice) => new(invoice, null);

    public static Statement Of(CreditNote note) => new(note.Invoice, note);
}
