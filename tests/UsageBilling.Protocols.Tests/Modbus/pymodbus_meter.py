"""A meter by another hand: pymodbus serves one value of every type in every byte order, over TCP or over a serial line.

usage: pymodbus_meter.py tcp PORT | rtu
Prints one line "TYPE ORDER ADDRESS VALUE" per value, for rtu a line "LINE DEVICE", then "READY", and serves until its input ends.
"""
import os
import sys
import threading
import tty

from pymodbus.constants import Endian
from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.payload import BinaryPayloadBuilder

ORDERS = {
    "ABCD": (Endian.Big, Endian.Big),
    "CDAB": (Endian.Big, Endian.Little),
    "BADC": (Endian.Little, Endian.Big),
    "DCBA": (Endian.Little, Endian.Little),
}
VALUES = {
    "U16": ("add_16bit_uint", [0, 1, 0x1234, 65535]),
    "I16": ("add_16bit_int", [-1, -32768, 4660]),
    "U32": ("add_32bit_uint", [1, 0x12345678, 4294967295]),
    "I32": ("add_32bit_int", [-2, 305419896, -2147483648]),
    "U64": ("add_64bit_uint", [1, 0x0123456789ABCDEF, 9223372036854775807]),
    "I64": ("add_64bit_int", [-2, 1057673143, -9223372036854775808]),
    "F32": ("add_32bit_float", [0.5, -0.125, 20330.76, 1234.565]),
    "F64": ("add_64bit_float", [0.125, -12345678.005, 999999999999.99]),
}


def lay_out():
    registers, address = {}, 100
    for order, (byteorder, wordorder) in ORDERS.items():
        for kind, (add, values) in VALUES.items():
            for value in values:
                builder = BinaryPayloadBuilder(byteorder=byteorder, wordorder=wordorder)
                getattr(builder, add)(value)
                words = builder.to_registers()
                registers.update({address + i: word for i, word in enumerate(words)})
                print(kind, order, address, repr(value))
                address += len(words)
    return registers


def bridge(a, b):
    while True:
        os.write(b, os.read(a, 256))


def serial_line():
    """Two pseudo terminals, back to back: one end for the server, one for the client."""
    ours, server = os.openpty()
    theirs, client = os.openpty()
    for fd in (ours, server, theirs, client):
        tty.setraw(fd)
    for a, b in ((ours, theirs), (theirs, ours)):
        threading.Thread(target=bridge, args=(a, b), daemon=True).start()
    return os.ttyname(server), os.ttyname(client)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    block = ModbusSparseDataBlock(lay_out())
    unit = ModbusSlaveContext(hr=block, ir=block, zero_mode=True)
    context = ModbusServerContext(slaves={17: unit}, single=False)
    threading.Thread(target=end_with_input, daemon=True).start()
    if sys.argv[1] == "tcp":
        from pymodbus.server import StartTcpServer

        print("READY", flush=True)
        StartTcpServer(context=context, address=("127.0.0.1", int(sys.argv[2])))
    else:
        from pymodbus.server import StartSerialServer
        from pymodbus.transaction import ModbusRtuFramer

        server, client = serial_line()
        print("LINE", client)
        print("READY", flush=True)
        StartSerialServer(context=context, framer=ModbusRtuFramer, port=server, baudrate=38400)


main()
