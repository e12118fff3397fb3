namespace UsageBilling.Modbus;

/// <summary>The two tables that meters keep their registers in. The value is the function code that reads it.</summary>
public enum ModbusTable : byte
{
    /// <summary>Holding registers, function code 3.</summary>
    HoldingRegisters = 3,

    /// <summary>Input registers, function code 4.</summary>
    InputRegisters = 4,
}
