"""Two meters by another hand: pymodbus serves their registers, each maker with byte and word order of its own.

usage: pymodbus_site.py PORT
Prints "READY", and serves until its input ends.
"""
import os
import sys
import threading

from pymodbus.constants import Endian
from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.payload import BinaryPayloadBuilder
from pymodbus.server import StartTcpServer


def words(byteorder, wordorder, kind, value):
    builder = BinaryPayloadBuilder(byteorder=byteorder, wordorder=wordorder)
    getattr(builder, kind)(value)
    return builder.to_registers()


def block(*laid_out):
    return ModbusSparseDataBlock({address + i: word for address, registers in laid_out for i, word in enumerate(registers)})


def main():
    # Everything backwards: 64 bits of Wh in holding registers, the serial number beside them.
    backwards = block(
        (200, words(Endian.Little, Endian.Little, "add_64bit_uint", 123_456_789_012)),
        (204, words(Endian.Little, Endian.Little, "add_64bit_uint", 98_765_432)),
        (300, words(Endian.Little, Endian.Little, "add_32bit_uint", 4711)),
    )
    # Bytes swapped within words: kWh as double, and as single precision, in input registers.
    swapped = block(
        (40, words(Endian.Little, Endian.Big, "add_64bit_float", 7654321.005)),
        (50, words(Endian.Little, Endian.Big, "add_32bit_float", 20330.76)),
    )
    slaves = {
        3: ModbusSlaveContext(hr=backwards, zero_mode=True),
        9: ModbusSlaveContext(ir=swapped, zero_mode=True),
    }
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print("READY", flush=True)
    StartTcpServer(context=ModbusServerContext(slaves=slaves, single=False), address=("127.0.0.1", int(sys.argv[1])))


main()
