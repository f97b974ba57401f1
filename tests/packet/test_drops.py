"""What ends at Limpet, each for a reason of its own that is counted; and what must not disturb it."""

import random

import pytest
from scapy.layers.inet import fragment
from scapy.layers.inet6 import IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from support import packets as p
from support import replay as r

GOOD4 = p.from_client("203.0.113.1", 40000, r.VIP4, 80, payload=b"0123456789")
GOOD6 = p.from_client("2001:db8:99::1", 40000, r.VIP6, 80, payload=b"0123456789")


def drops_of(*frames, port="front", **changes) -> dict[str, int]:
    scenario = r.Scenario()
    for packet in frames:
        scenario.add(port, packet)
    return r.replay(r.config(**changes), scenario).drops


def changed(packet, **fields):
    """A copy with fields of its IP layer set and nothing recomputed that was set."""
    copy = packet.copy()
    for name, value in fields.items():
        setattr(p.network(copy), name, value)
    return copy


def to(mac: str, source="02:00:00:00:01:fe"):
    copy = GOOD4.copy()
    copy.dst, copy.src = mac, source
    return copy


ONE_FRAME = [
    ("no service at that port", p.from_client("203.0.113.1", 40000, r.VIP4, 81), "drop_no_service"),
    ("no service at that address", p.from_client("203.0.113.1", 40000, "192.0.2.99", 80), "drop_no_service"),
    ("no service at that address, v6", p.from_client("2001:db8:99::1", 40000, "2001:db8:1::99", 80), "drop_no_service"),
    ("another station's frame", to("02:00:00:00:00:99"), "drop_not_ours"),
    ("our own frame come back", to(p.FRONT_MAC, p.FRONT_MAC), "drop_not_ours"),
    ("source is the VIP", p.from_client(r.VIP4, 40000, r.VIP4, 80), "drop_bad_source"),
    ("source is multicast", p.from_client("224.0.0.5", 40000, r.VIP4, 80), "drop_bad_source"),
    ("source is no address", p.from_client("::", 40000, r.VIP6, 80), "drop_bad_source"),
    ("neither IP nor ARP", p.Ether(src=p.ROUTER_MAC, dst=p.FRONT_MAC, type=0x88CC) / p.Raw(b"\0" * 50), "drop_not_ip"),
    ("IPv4 of version 5", changed(GOOD4, version=5), "drop_malformed"),
    ("IPv4 header of 16 bytes", changed(GOOD4, ihl=4), "drop_malformed"),
    ("IPv4 length below its header", changed(GOOD4, len=19), "drop_malformed"),
    ("IPv4 length beyond the frame", changed(GOOD4, len=1400), "drop_truncated"),
    ("IPv6 length beyond the frame", changed(GOOD6, plen=1400), "drop_truncated"),
    ("Ethernet header cut short", bytes(GOOD4)[:13], "drop_truncated"),
    ("IPv4 header cut short", bytes(GOOD4)[:14 + 19], "drop_truncated"),
    ("IPv6 header cut short", bytes(GOOD6)[:14 + 39], "drop_truncated"),
    ("TCP header cut short", bytes(GOOD4)[:14 + 20 + 12], "drop_truncated"),
    ("20 extension headers", p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.IPv6(src="2001:db8:99::1", dst=r.VIP6, nh=60) /
                                     p.Raw(bytes([60, 0, 1, 4, 0, 0, 0, 0]) * 20)), "drop_extension_headers"),
]


@pytest.mark.parametrize("packet, reason", [row[1:] for row in ONE_FRAME], ids=[row[0] for row in ONE_FRAME])
def test_one_frame(packet, reason):
    assert drops_of(packet) == {reason: 1}


def test_fragments_for_limpet_itself_are_dropped_and_counted():
    whole = p.ip("203.0.113.1", "192.0.2.1") / p.l4("udp", 40000, 80, payload=b"x" * 3000)
    parts = [p.frame(p.ROUTER_MAC, p.FRONT_MAC, part) for part in fragment(whole, fragsize=1400)]
    assert len(parts) == 3
    assert drops_of(*parts) == {"drop_fragment": 3}


def test_ipv6_fragments_for_limpet_itself_are_dropped_and_counted():
    def part(offset, more):
        return p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("2001:db8:99::1", "2001:db8:1::1") /
                       IPv6ExtHdrFragment(offset=offset, m=more, id=9, nh=17) / p.Raw(b"\x9c\x40\0\x50" + b"x" * 60))
    assert drops_of(part(0, 1), part(8, 0)) == {"drop_fragment": 2}


def test_atomic_fragment_passes():
    """RFC 6946: a fragment header that splits nothing."""
    packet = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("2001:db8:99::1", r.VIP6) /
                     IPv6ExtHdrFragment(offset=0, m=0, id=9) / p.l4("tcp", 40000, 80))
    outcome = r.replay(r.config(), r.Scenario().front(packet))
    assert len(outcome.back) == 1 and outcome.drops == {}


def test_hop_by_hop_passes():
    packet = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("2001:db8:99::1", r.VIP6) / IPv6ExtHdrHopByHop() /
                     p.l4("tcp", 40000, 80))
    assert len(r.replay(r.config(), r.Scenario().front(packet)).back) == 1


def test_larger_than_the_way_out():
    packet = p.from_client("203.0.113.1", 40000, r.VIP4, 80, payload=b"x" * 1400)
    outcome = r.replay(r.config(ports={"back": {"mtu": 1300}}), r.Scenario().front(packet))
    assert outcome.back == []


def test_backend_without_an_address_of_the_family():
    pools = {"web": {"backends": {name: {"address": f"{r.ADDRESSES4[name]}:8080"} for name in ("b1", "b2", "b3")}}}
    outcome = r.replay(r.config(pools=pools), r.Scenario().front(GOOD6))
    assert outcome.back == [] and set(outcome.drops) <= {"drop_no_address_family", "drop_no_backend"}
    assert sum(outcome.drops.values()) == 1


@pytest.mark.parametrize("good", [GOOD4, GOOD6], ids=["v4", "v6"])
def test_every_truncation(good):
    """All prefixes of a frame on both ports: nothing but drops of the two reasons (a short IP packet is no packet)."""
    data = bytes(good)
    scenario = r.Scenario()
    for size in range(1, len(data)):
        scenario.add("front", data[:size])
        scenario.add("back", data[:size])
    outcome = r.replay(r.config(), scenario)
    assert outcome.out == []
    assert set(outcome.drops) <= {"drop_truncated", "drop_malformed", "drop_not_ours"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("workers", [1, 4])
def test_random_damage(seed, workers):
    """Frames with random bytes changed: all accounted for, and a good connection in between is served."""
    generator = random.Random(seed)
    bases = [bytes(GOOD4), bytes(GOOD6), bytes(p.from_client("203.0.113.1", 40000, r.VIP4, 80, "udp", vlans=(0, 5)))]
    scenario = r.Scenario()
    for _ in range(500):
        data = bytearray(generator.choice(bases))
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        scenario.add(generator.choice(["front", "back"]), bytes(data[:generator.randint(14, len(data))]))
    good = p.from_client("203.0.113.200", 41000, r.VIP4, 80, payload=b"still here")
    scenario.front(good)
    outcome = r.replay(r.config(), scenario, workers=workers)
    assert any(p.payload_of(packet) == b"still here" for packet in outcome.back if p.TCP in packet)


def test_reasons_are_in_the_list():
    """The test's own view of the list of reasons is not empty and knows the ones used here."""
    assert {"drop_no_service", "drop_fragment", "drop_not_ours", "drop_truncated"} <= set(r.drop_names())
