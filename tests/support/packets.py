"""Frames built and judged with scapy. Names as in the lab; clients sit behind a router on the front network."""

import os

os.environ.setdefault("SCAPY_USE_LIBPCAP", "no")
import logging

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import NoPayload, Packet, Raw  # noqa: E402

FRONT_MAC, BACK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
ROUTER_MAC = "02:00:00:00:01:fe"
BACKEND_MACS = {f"b{i}": f"02:00:00:00:00:{0x10 + i:02x}" for i in range(1, 5)}



def frame(source_mac: str, destination_mac: str, payload: Packet, vlans=()) -> Packet:
    packet = Ether(src=source_mac, dst=destination_mac)
    for vlan in vlans:
        packet /= Dot1Q(vlan=vlan)
    return packet / payload


def ip(source: str, destination: str, ttl=64) -> Packet:
    if ":" in source:
        return IPv6(src=source, dst=destination, hlim=ttl)
    return IP(src=source, dst=destination, ttl=ttl, id=1)


def l4(protocol: str, source_port: int, destination_port: int, flags="S", payload=b"", seq=1000, ack=0) -> Packet:
    if protocol == "udp":
        return UDP(sport=source_port, dport=destination_port) / Raw(payload or b"question")
    segment = TCP(sport=source_port, dport=destination_port, flags=flags, seq=seq, ack=ack, window=65535)
    return segment / Raw(payload) if payload else segment


def from_client(client: str, client_port: int, vip: str, vip_port: int, protocol="tcp", *, ttl=64, vlans=(),
                **segment) -> Packet:
    """A packet from a client as it arrives on the front port."""
    return frame(ROUTER_MAC, FRONT_MAC, ip(client, vip, ttl) / l4(protocol, client_port, vip_port, **segment), vlans)


def from_backend(backend: str, address: str, port: int, client: str, client_port: int, protocol="tcp", *, ttl=64,
                 vlans=(), **segment) -> Packet:
    """A backend's answer as it arrives on the back port; `backend` is its name (for the MAC address)."""
    segment.setdefault("flags", "SA")
    return frame(BACKEND_MACS[backend], BACK_MAC, ip(address, client, ttl) / l4(protocol, port, client_port, **segment),
                 vlans)


def network(packet: Packet) -> Packet:
    """The IP layer, whichever."""
    return packet[IPv6] if IPv6 in packet else packet[IP]


def transport(packet: Packet) -> Packet:
    return packet[TCP] if TCP in packet else packet[UDP]


def ttl_of(packet: Packet) -> int:
    layer = network(packet)
    return layer.hlim if IPv6 in packet else layer.ttl


def vlans_of(packet: Packet) -> list[int]:
    found, layer = [], packet.payload
    while isinstance(layer, Dot1Q):
        found.append(layer.vlan)
        layer = layer.payload
    return found


def payload_of(packet: Packet) -> bytes:
    return bytes(transport(packet).payload)


def recomputed(packet: Packet) -> bytes:
    """The frame with every checksum and length worked out anew by scapy."""
    fresh = Ether(bytes(packet))
    layer = fresh
    while not isinstance(layer, NoPayload):
        for name in ("chksum", "cksum", "len", "plen"):
            if name in layer.fields and not isinstance(layer, Raw):
                delattr(layer, name)
        layer = layer.payload
    return bytes(fresh)


def assert_checksums(packets):
    """Every checksum (and length) in these frames is what scapy makes of the same content. The packet quoted in an
    ICMP error is not looked into: it may be cut short."""
    for packet in packets:
        if (ICMP in packet and packet[ICMP].type in (3, 11)) or ICMPv6TimeExceeded in packet:
            assert_outer_checksum(packet)
        else:
            assert bytes(packet) == recomputed(packet), f"checksum or length:\n{packet.show(dump=True)}"


def internet_sum(data: bytes) -> int:
    """RFC 1071; 0 over data that holds its right checksum."""
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def assert_outer_checksum(packet):
    layer = network(packet)
    body = bytes(layer.payload)
    if IPv6 in packet:
        import socket

        pseudo = (socket.inet_pton(socket.AF_INET6, layer.src) + socket.inet_pton(socket.AF_INET6, layer.dst) +
                  len(body).to_bytes(4, "big") + bytes([0, 0, 0, 58]))
        assert internet_sum(pseudo + body) == 0, "ICMPv6 checksum"
    else:
        assert internet_sum(bytes(layer)[:layer.ihl * 4]) == 0, "IPv4 header checksum"
        assert internet_sum(body) == 0, "ICMP checksum"


