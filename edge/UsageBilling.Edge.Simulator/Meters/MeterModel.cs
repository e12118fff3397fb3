using System.Collections.Immutable;
using UsageBilling.Modbus;
using UsageBilling.Protocols;

namespace UsageBilling.Edge.Simulator.Meters;

/// <summary>What a register of a model holds.</summary>
public enum RegisterContent
{
    /// <summary>Active energy from the grid.</summary>
    Import,

    /// <summary>Active energy to the grid.</summary>
    Export,

    /// <summary>Import and export added up.</summary>
    Total,

    /// <summary>Active power now, negative when exporting.</summary>
    Power,

    /// <summary>Serial number as an integer.</summary>
    SerialNumber,

    /// <summary>Serial number as ASCII, two characters a word.</summary>
    SerialText,

    /// <summary>Name of the model as ASCII, two characters a word.</summary>
    ModelText,

    /// <summary>Always the same number: the grid's frequency, an identification code.</summary>
    Constant,
}

/// <summary>A register in a maker's document.</summary>
/// <param name="Content">What it holds.</param>
/// <param name="Table">Where.</param>
/// <param name="Address">Protocol address, from 0.</param>
/// <param name="Format">How it lies there; null for text.</param>
/// <param name="Number">Thousandths of a Wh, or of a W, that one count stands for; the words of a text; the number of a constant.</param>
public sealed record ModelRegister(RegisterContent Content, ModbusTable Table, ushort Address, RegisterFormat? Format, long Number)
{
    /// <summary>How many words it takes.</summary>
    public ushort Count => Format?.Count ?? (ushort)Number;
}

/// <summary>A model of meter as its maker documents it. Addresses are from zero; documents print some of them one higher.</summary>
/// <param name="Name">As in a site file.</param>
/// <param name="Manufacturer">As in register keys.</param>
/// <param name="Scale">Power of ten of its energy registers in Wh.</param>
/// <param name="Digits">Digits of its energy registers before they roll over, unless a site says otherwise.</param>
/// <param name="Registers">Its registers.</param>
public sealed record MeterModel(string Name, string Manufacturer, int Scale, int Digits, ImmutableArray<ModelRegister> Registers)
{
    private const ModbusTable Input = ModbusTable.InputRegisters;
    private const ModbusTable Holding = ModbusTable.HoldingRegisters;

    /// <summary>All models.</summary>
    public static ImmutableArray<MeterModel> All { get; } =
    [
        // kWh as single precision: 0.01 kWh is exact up to 131,072 kWh.
        new("SDM630", "eastron", 1, 9,
        [
            new(RegisterContent.Power, Input, 0x0034, new RegisterFormat(RegisterType.F32), 1_000),
            new(RegisterContent.Constant, Input, 0x0046, new RegisterFormat(RegisterType.F32, Decimals: 1), 500),
            new(RegisterContent.Import, Input, 0x0048, new RegisterFormat(RegisterType.F32, Decimals: 2), 10_000),
            new(RegisterContent.Export, Input, 0x004A, new RegisterFormat(RegisterType.F32, Decimals: 2), 10_000),
            new(RegisterContent.Total, Input, 0x0156, new RegisterFormat(RegisterType.F32, Decimals: 2), 10_000),
            new(RegisterContent.SerialNumber, Holding, 0xFC00, new RegisterFormat(RegisterType.U32), 0),
        ]),
        new("iEM3155", "schneider", 0, 12,
        [
            new(RegisterContent.ModelText, Holding, 0x0031, null, 20),
            new(RegisterContent.SerialNumber, Holding, 0x0081, new RegisterFormat(RegisterType.U32), 0),
            new(RegisterContent.Power, Holding, 0x0BF3, new RegisterFormat(RegisterType.F32, Decimals: 3), 1_000),
            new(RegisterContent.Import, Holding, 0x0C83, new RegisterFormat(RegisterType.I64), 1_000),
            new(RegisterContent.Export, Holding, 0x0C87, new RegisterFormat(RegisterType.I64), 1_000),
        ]),
        new("EM340", "carlo-gavazzi", 2, 8,
        [
            new(RegisterContent.Constant, Input, 0x000B, new RegisterFormat(RegisterType.U16), 341),
            new(RegisterContent.Power, Input, 0x0028, new RegisterFormat(RegisterType.I32, WordOrder.CDAB), 100),
            new(RegisterContent.Import, Input, 0x0034, new RegisterFormat(RegisterType.I32, WordOrder.CDAB), 100_000),
            new(RegisterContent.Export, Input, 0x004E, new RegisterFormat(RegisterType.I32, WordOrder.CDAB), 100_000),
            new(RegisterContent.SerialText, Input, 0x5000, null, 7),
        ]),
        new("B23", "abb", 1, 9,
        [
            new(RegisterContent.Import, Holding, 0x5000, new RegisterFormat(RegisterType.U64), 10_000),
            new(RegisterContent.Export, Holding, 0x5004, new RegisterFormat(RegisterType.U64), 10_000),
            new(RegisterContent.Power, Holding, 0x5B14, new RegisterFormat(RegisterType.I32), 10),
            new(RegisterContent.SerialNumber, Holding, 0x8900, new RegisterFormat(RegisterType.U32), 0),
        ]),
    ];

    /// <summary>The model of a name, or null.</summary>
    public static MeterModel? Find(string name) => All.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The model's energy register for an OBIS code, or null.</summary>
    public ModelRegister? Energy(ObisCode obis) => obis == ObisCode.ActiveImport ? Of(RegisterContent.Import)
        : obis == ObisCode.ActiveExport ? Of(RegisterContent.Export)
        : null;

    private ModelRegister? Of(RegisterContent content) => Registers.FirstOrDefault(r => r.Content == content);
}
