"""A capture of one TCP segment of each of many connections to wire's service, an ACK in mid-flow."""

import struct
from pathlib import Path

from support import memif

FLOWS = 1000
HEADERS_BYTES = 14 + 20 + 20
SMALLEST_BYTES = 60  # without the checksum, which a capture has not
PORTS = 1024         # the first client port


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def segment(flow: int, payload: bytes) -> bytes:
    """Of 250 clients, each with as many connections as it takes."""
    client, vip = bytes([203, 0, 113, flow % 250 + 1]), bytes([192, 0, 2, 10])
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, client, vip)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", PORTS + flow // 250, 80, 1, 1, 0x50, 0x10, 0xffff, 0, 0)
    pseudo = client + vip + struct.pack("!HH", 6, len(tcp) + len(payload))
    total = checksum(pseudo + tcp + payload + bytes(len(payload) % 2))
    return (mac(memif.FRONT_MAC) + mac(memif.GATEWAY_MAC) + b"\x08\x00" + ip + tcp[:16] + struct.pack("!H", total)
            + tcp[18:] + payload)


def write(path: Path, payload_bytes: int = 0) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for flow in range(FLOWS):
            frame = segment(flow, bytes(payload_bytes)).ljust(SMALLEST_BYTES, b"\0")
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return path
