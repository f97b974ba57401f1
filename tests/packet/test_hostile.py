"""Frames that no honest host sends: Limpet ends each for a counted reason (replay() checks that none is lost), does
not crash, and serves honest clients meanwhile. Many frames go through one run."""

import random
import socket

import pytest
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.utils6 import in6_getnsma, in6_getnsmac
from support import packets as p
from support import replay as r

CLIENT4, CLIENT6 = "203.0.113.1", "2001:db8:99::1"
WORKERS = pytest.mark.parametrize("workers", [1, 4])


def on_front(payload, vlans=()):
    return p.frame(p.ROUTER_MAC, p.FRONT_MAC, payload, vlans)


def solicitation() -> p.Packet:
    group = in6_getnsma(socket.inet_pton(socket.AF_INET6, r.VIP6))
    return p.frame(p.ROUTER_MAC, in6_getnsmac(group),
                   p.IPv6(src="2001:db8:1::77", dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255) /
                   ICMPv6ND_NS(tgt=r.VIP6) / ICMPv6NDOptSrcLLAddr(lladdr=p.ROUTER_MAC))


def with_options() -> p.Packet:
    packet = p.from_client(CLIENT4, 40000, r.VIP4, 80, payload=b"options")
    packet[p.IP].options = b"\x07\x07\x04\x00\x00\x00\x00\x00"
    packet[p.TCP].options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    return packet


HEADERS = IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt()
VALID = {
    "tcp4": (p.from_client(CLIENT4, 40000, r.VIP4, 80, payload=b"tcp"), "front"),
    "tcp4 with options": (with_options(), "front"),
    "udp4": (p.from_client(CLIENT4, 40001, r.VIP4, 80, "udp"), "front"),
    "tcp6": (p.from_client(CLIENT6, 40000, r.VIP6, 80, payload=b"tcp"), "front"),
    "udp6": (p.from_client(CLIENT6, 40001, r.VIP6, 80, "udp"), "front"),
    "tcp6 behind headers": (on_front(p.ip(CLIENT6, r.VIP6) / HEADERS / p.l4("tcp", 40002, 80)), "front"),
    "tcp6 in an atomic fragment": (on_front(p.ip(CLIENT6, r.VIP6) / IPv6ExtHdrFragment() / p.l4("tcp", 40003, 80)),
                                   "front"),
    "priority-tagged": (p.from_client(CLIENT4, 40004, r.VIP4, 80, vlans=(0,)), "front"),
    "arp": (p.frame(p.ROUTER_MAC, "ff:ff:ff:ff:ff:ff", p.ARP(hwsrc=p.ROUTER_MAC, psrc="192.0.2.77", pdst=r.VIP4)),
            "front"),
    "solicitation": (solicitation(), "front"),
    "ping": (on_front(p.ip(CLIENT4, r.VIP4) / p.ICMP(type=8) / p.Raw(b"ping")), "front"),
    "ping6": (on_front(p.ip(CLIENT6, r.VIP6) / ICMPv6EchoRequest(data=b"ping")), "front"),
    "ttl used up": (p.from_client(CLIENT4, 40005, r.VIP4, 80, ttl=1), "front"),
    "answer": (p.from_backend("b1", r.ADDRESSES4["b1"], 8080, CLIENT4, 40000, flags="A", payload=b"answer"), "back"),
    "answer6": (p.from_backend("b1", r.ADDRESSES6["b1"], 8080, CLIENT6, 40000, flags="A", payload=b"answer"), "back"),
}


def settings() -> dict:
    """Answers to nobody have a VIP: one listener a family and protocol."""
    return r.config(services={"web": {"listen": [f"{r.VIP4}:80/tcp", f"[{r.VIP6}]:80/tcp", f"{r.VIP4}:80/udp",
                                                 f"[{r.VIP6}]:80/udp"]}})


def served_among(scenario: r.Scenario, workers: int) -> r.Outcome:
    """Runs it with an honest connection at the end, whose packets must arrive."""
    for client, vip in (("203.0.113.200", r.VIP4), ("2001:db8:99::200", r.VIP6)):
        scenario.front(p.from_client(client, 41000, vip, 80, payload=b"still here"))
    outcome = r.replay(settings(), scenario, workers=workers)
    assert [bytes(packet).endswith(b"still here") for packet in outcome.back[-2:]] == [True, True]
    return outcome


def test_whole_frames_do_something():
    """Else the truncations below would prove nothing."""
    for name, (packet, port) in VALID.items():
        outcome = r.replay(settings(), r.Scenario().add(port, packet))
        assert len(outcome.out) == 1, f"{name}: {outcome.drops}"


@WORKERS
def test_every_truncation_of_every_kind(workers):
    """A frame cut anywhere before its last byte does nothing: no packet leaves."""
    scenario = r.Scenario()
    for packet, port in VALID.values():
        data = bytes(packet)
        for size in range(len(data)):
            scenario.add(port, data[:size])
    outcome = served_among(scenario, workers)
    assert len(outcome.out) == 2
    assert set(outcome.drops) <= {"drop_truncated", "drop_malformed"}


@WORKERS
def test_noise(workers):
    """Random bytes of all sizes, and random bytes as the payload of an IP packet for the VIP, with every protocol."""
    generator = random.Random(1)
    scenario = r.Scenario()
    for _ in range(2000):
        size = generator.choice([generator.randrange(1, 80), generator.randrange(1600)])
        scenario.add("front", generator.randbytes(size))
    for n in range(2000):
        protocol = generator.choice([1, 6, 17, 58, 0, 43, 44, 51, 60, n % 256])
        noise = p.Raw(generator.randbytes(generator.randrange(200)))
        v4 = p.IP(src=CLIENT4, dst=r.VIP4, proto=protocol)
        scenario.add("front", on_front((v4 if n % 2 else p.IPv6(src=CLIENT6, dst=r.VIP6, nh=protocol)) / noise))
    outcome = served_among(scenario, workers)
    assert set(outcome.drops) >= {"drop_not_ours", "drop_malformed", "drop_truncated", "drop_no_service",
                                  "drop_fragment_timeout"}


@WORKERS
def test_every_byte_changed(workers):
    """Each byte of each kind of frame set to 0, 255, and its own with a bit flipped: what leaves is well-formed
    Ethernet for a neighbour of ours."""
    scenario = r.Scenario()
    for packet, port in VALID.values():
        data = bytes(packet)
        for at in range(len(data)):
            for value in {0, 0xFF, data[at] ^ 1, data[at] ^ 0x80} - {data[at]}:
                scenario.add(port, data[:at] + bytes([value]) + data[at + 1:])
    outcome = served_among(scenario, workers)
    assert {packet.src for packet in outcome.back} == {p.BACK_MAC}
    assert {packet.src for packet in outcome.front} == {p.FRONT_MAC}


@WORKERS
def test_every_length_field(workers):
    """Lengths that lie: none makes Limpet send more than it was given (answers to pings and errors included)."""
    scenario = r.Scenario()
    longest = 0
    for packet, port in VALID.values():
        for layer in (p.IP, p.IPv6, p.UDP, p.TCP):
            if layer not in packet:
                continue
            name = {p.IP: "len", p.IPv6: "plen", p.UDP: "len", p.TCP: "dataofs"}[layer]
            for value in range(16) if layer is p.TCP else (0, 1, 7, 8, 19, 20, 21, 28, 39, 40, 60, 1500, 65535):
                copy = packet.copy()
                setattr(copy[layer], name, value)
                scenario.add(port, copy)
                longest = max(longest, len(bytes(copy)))
    outcome = served_among(scenario, workers)
    assert all(len(bytes(packet)) <= longest + 48 for packet in outcome.out)  # an ICMP error's own headers


def test_chains_of_extension_headers():
    """As many as allowed pass, more are dropped; headers that point past the end are truncated."""
    link = bytes([60, 0, 1, 4, 0, 0, 0, 0])
    last = bytes([6]) + link[1:]
    syn = bytes(p.l4("tcp", 40000, 80))

    def chain(count):
        return on_front(p.IPv6(src=CLIENT6, dst=r.VIP6, nh=60) / p.Raw(link * (count - 1) + last + syn))
    counts = range(1, 64)
    outcome = r.replay(settings(), r.Scenario().front(*(chain(count) for count in counts)))
    passed = len(outcome.back)
    assert 4 <= passed <= 16
    assert outcome.drops == {"drop_extension_headers": len(counts) - passed}
    beyond = on_front(p.IPv6(src=CLIENT6, dst=r.VIP6, nh=60) / p.Raw(bytes([6, 255]) + bytes(6) + syn))
    assert r.replay(settings(), r.Scenario().front(beyond)).drops == {"drop_truncated": 1}


def test_checksums_that_were_wrong_stay_wrong():
    """What the client sent damaged does not arrive as if whole (RFC 1624: updates keep what was there)."""
    sent = p.from_client(CLIENT4, 40000, r.VIP4, 80, payload=b"damaged")
    sent[p.TCP].chksum = 0x1234
    (got,) = r.replay(settings(), r.Scenario().front(sent)).back
    assert bytes(got) != p.recomputed(got)
    right = p.Ether(p.recomputed(got))[p.TCP].chksum
    wrong_by = (got[p.TCP].chksum - right) % 0xFFFF
    sent_right = p.Ether(p.recomputed(sent))[p.TCP].chksum
    assert wrong_by == (0x1234 - sent_right) % 0xFFFF


@pytest.mark.parametrize("family", [4, 6])
def test_sources_that_no_host_may_have(family):
    """Sources that no host may have: nobody, loopback, groups, broadcast, and the VIP itself."""
    vip = r.VIP4 if family == 4 else r.VIP6
    sources = (["0.0.0.0", "127.0.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255", vip] if family == 4 else
               ["::", "::1", "ff02::1", "ff0e::77", vip])
    frames = [p.from_client(source, 80, vip, 80) for source in sources]
    outcome = r.replay(settings(), r.Scenario().front(*frames))
    assert outcome.out == [] and outcome.drops == {"drop_bad_source": len(sources)}


def test_frames_of_all_sizes():
    """From an empty one to the largest a capture holds: nothing is cut, nothing above the MTU leaves."""
    scenario = r.Scenario()
    sizes = [0, 1, 13, 14, 60, 1400, 1460, 1461, 1500, 2000, 8946, 9000, 30000, 65000]
    for size in sizes:
        data = b"x" * size
        scenario.add("front", data if size < 61 else p.from_client(CLIENT4, 40000, r.VIP4, 80, flags="A", payload=data))
    outcome = r.replay(settings(), scenario)
    sent = [len(bytes(packet)) for packet in outcome.back]
    assert sent == [14 + 40 + size for size in (1400, 1460)]
    p.assert_checksums(outcome.back)
    assert outcome.counters["drop_too_big"] == len([size for size in sizes if size > 1460])


def at_address(template: bytes, n: int) -> bytes:
    """The frame with a source address of its own, 198.18.0.0 + n; checksums follow."""
    packet = bytearray(template)
    packet[26:30] = (0xC6120000 + n).to_bytes(4, "big")
    packet[24:26] = packet[50:52] = b"\0\0"
    packet[24:26] = p.internet_sum(bytes(packet[14:34])).to_bytes(2, "big")
    pseudo = bytes(packet[26:34]) + b"\0\x06" + (len(packet) - 34).to_bytes(2, "big")
    packet[50:52] = p.internet_sum(pseudo + bytes(packet[34:])).to_bytes(2, "big")
    return bytes(packet)


@WORKERS
def test_syn_flood_leaves_established_connections_alone(workers):
    """3000 SYNs of as many addresses through tables of 1000 flows; the connection made before stays, and no record
    of a client that never came back is kept."""
    honest = ("203.0.113.200", 41000, r.VIP4, 80)
    first = p.from_client(*honest)
    config = r.config(limits={"flows_max": 1000, "records_max": 1000})
    name = r.backend_of(r.replay(config, r.Scenario().front(first)).back[0])
    scenario = r.Scenario().front(first)
    scenario.back(p.from_backend(name, r.ADDRESSES4[name], 8080, honest[0], honest[1]))
    scenario.front(p.from_client(*honest, flags="A", ack=1))
    template = bytes(p.from_client("198.18.0.1", 40000, r.VIP4, 80))
    for n in range(3000):
        scenario.front(at_address(template, n))
    scenario.front(p.from_client(*honest, flags="PA", payload=b"GET", ack=1))
    scenario.back(p.from_backend(name, r.ADDRESSES4[name], 8080, honest[0], honest[1], flags="PA", payload=b"200"))
    outcome = r.replay(config, scenario, workers=workers)
    assert len(outcome.back) == scenario.count - 2  # the flood is served, too
    assert r.choices(outcome)[honest[0]] == {name}
    assert outcome.counters["flow_midstream"] == 0 and outcome.counters["flow_return_guessed"] == 0
    assert outcome.counters["record_new"] == 1
    assert [p.payload_of(packet) for packet in outcome.front][-1] == b"200"
