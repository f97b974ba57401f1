"""Captures of one TCP segment, an ACK in mid-flow, of each of many connections to wire's service: those of the clients,
and what the backends answer."""

import socket
import struct
from pathlib import Path

from support import memif

FLOWS = 1000
VIP = ("192.0.2.10", 80)
SMALLEST_BYTES = 60  # without the checksum, which a capture has not
PORTS = 1024         # the first client port


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def client(flow: int) -> tuple[str, int]:
    """Of 250 clients, each with as many connections as it takes."""
    return f"203.0.113.{flow % 250 + 1}", PORTS + flow // 250


def segment(macs: tuple[str, str], source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """`macs`: to and from. Padded to the smallest frame."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0) + addresses
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], 1, 1, 0x50, 0x10, 0xffff, 0, 0)
    pseudo = addresses + struct.pack("!HH", 6, len(tcp) + len(payload))
    total = checksum(pseudo + tcp + payload + bytes(len(payload) % 2))
    frame = (mac(macs[0]) + mac(macs[1]) + b"\x08\x00" + ip + tcp[:16] + struct.pack("!H", total) + tcp[18:] + payload)
    return frame.ljust(SMALLEST_BYTES, b"\0")


def requests(payload_bytes: int = 0) -> list[bytes]:
    macs = memif.FRONT_MAC, memif.GATEWAY_MAC
    return [segment(macs, client(flow), VIP, bytes(payload_bytes)) for flow in range(FLOWS)]


def answers(payload_bytes: int = 0) -> list[bytes]:
    """To each connection one from every backend, as only limpetd knows which of them has it."""
    return [segment((memif.BACK_MAC, sender), (address, VIP[1]), client(flow), bytes(payload_bytes))
            for flow in range(FLOWS) for address, sender in memif.backends_of().values()]


def write(path: Path, frames: list[bytes]) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return path
