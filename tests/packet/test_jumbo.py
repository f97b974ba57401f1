"""Frames of 9000 bytes, whole and in segments: every way of forwarding, what an answer or an error makes of them, and
links of different size."""

import itertools

import pytest
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6ExtHdrFragment
from support import packets as p
from support import replay as r

SIZE = 9000  # of the IP packet, tunnel included
SEGMENTS = pytest.mark.parametrize("segment_bytes", [0, 256, 2048])
OVERHEAD = {"nat": 0, "dr": 0, "full_nat": 0, "ipip": 40, "gre": 44, "gue": 52}
LARGE = {"front": {"mtu": SIZE}, "back": {"mtu": SIZE}}


def vip(family: int) -> str:
    return r.VIP4 if family == 4 else r.VIP6


def addresses(family: int) -> dict[str, str]:
    return r.ADDRESSES4 if family == 4 else r.ADDRESSES6


def settings(forwarding: str, *, outer=0, ports=LARGE) -> dict:
    """`outer`: the family of backends' addresses; 0: both."""
    wanted = [family for family in (4, 6) if outer in (0, family)]
    keeps_port = forwarding not in ("nat", "full_nat")
    pool = {"backends": {name: {"address": [
        (addresses(family)[name] if keeps_port else f"{addresses(family)[name]}:8080" if family == 4 else
         f"[{addresses(family)[name]}]:8080") for family in wanted]} for name in ("b1", "b2", "b3")}}
    service = {"forwarding": forwarding}
    if forwarding == "full_nat":
        service["local_addresses"] = ["198.51.100.200", "2001:db8:2::200"]
    return r.config(pools={"web": pool}, services={"web": service}, ports=ports)


def payload(family: int, protocol: str, less=0) -> bytes:
    """As much as makes a packet of SIZE - less bytes; no two parts of it are alike."""
    headers = (20 if family == 4 else 40) + (20 if protocol == "tcp" else 8)
    return bytes((i * 31 + i // 251) % 256 for i in range(SIZE - less - headers))


CASES = list(itertools.product(OVERHEAD, (4, 6), ("tcp", "udp")))


@SEGMENTS
@pytest.mark.parametrize("forwarding, family, protocol", CASES)
def test_large_packets_arrive_as_they_were_sent(forwarding, family, protocol, segment_bytes):
    """The first of a flow and a later one; with tunnels inside IPv6, whose checksum GUE derives from the packet's."""
    client, tunnel = r.clients(1, family)[0], OVERHEAD[forwarding]
    data = payload(family, protocol, tunnel)
    sent = p.from_client(client, 40000, vip(family), 80, protocol, flags="A", payload=data)
    config = settings(forwarding, outer=6 if tunnel else 0)
    opened = p.from_client(client, 40000, vip(family), 80, protocol)
    outcome = r.replay(config, r.Scenario().front(opened, sent, sent), segment_bytes=segment_bytes)
    assert outcome.drops == {} and outcome.front == []
    _, got, again = outcome.back
    assert bytes(got) == bytes(again) or forwarding == "ipip"
    assert len(bytes(got)) == 14 + SIZE
    inner = bytes(got)[14 + tunnel:]
    packet = p.Ether(src=p.BACK_MAC, dst=p.FRONT_MAC) / (p.IP if inner[0] >> 4 == 4 else p.IPv6)(inner)
    assert p.payload_of(packet) == data
    p.assert_checksums([packet])
    if forwarding == "gue":
        whole = bytes(got)
        message, ends = whole[54:], whole[22:54]
        assert p.internet_sum(ends + len(message).to_bytes(4, "big") + (17).to_bytes(4, "big") + message) == 0


@SEGMENTS
@pytest.mark.parametrize("forwarding, family, protocol", [row for row in CASES if row[0] in ("nat", "full_nat")])
def test_large_answers(forwarding, family, protocol, segment_bytes):
    client, data = r.clients(1, family)[0], payload(family, protocol)
    config, opened = settings(forwarding), p.from_client(client, 40000, vip(family), 80, protocol)
    (got,) = r.replay(config, r.Scenario().front(opened)).back
    name, peer = r.backend_of(got), (p.network(got).src, p.transport(got).sport)
    answer = p.from_backend(name, addresses(family)[name], 8080, *peer, protocol, flags="A", payload=data)
    outcome = r.replay(config, r.Scenario().front(opened).back(answer, answer), segment_bytes=segment_bytes)
    assert outcome.drops == {} and len(outcome.front) == 2
    for back in outcome.front:
        assert (p.network(back).src, p.transport(back).sport, p.payload_of(back)) == (vip(family), 80, data)
    p.assert_checksums(outcome.front)


@SEGMENTS
@pytest.mark.parametrize("ours, theirs, protocol", [(4, 6, "tcp"), (6, 4, "tcp"), (4, 6, "udp"), (6, 4, "udp")])
def test_large_packets_between_families(ours, theirs, protocol, segment_bytes):
    client, data = r.clients(1, ours)[0], payload(6, protocol)
    sent = p.from_client(client, 40000, vip(ours), 80, protocol, payload=data)
    outcome = r.replay(settings("full_nat", outer=theirs), r.Scenario().front(sent), segment_bytes=segment_bytes)
    (got,) = outcome.back
    assert p.payload_of(got) == data
    p.assert_checksums([got])


@SEGMENTS
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("family", [4, 6])
def test_from_a_large_link_to_a_usual_one(family, workers, segment_bytes):
    """The sender is told what fits; it need not send again to be told."""
    config = settings("nat", ports={"front": {"mtu": SIZE}})
    client = r.clients(1, family)[0]
    sent = p.from_client(client, 40000, vip(family), 80, flags="A", payload=payload(family, "tcp"))
    if family == 4:
        sent[p.IP].flags = "DF"
    outcome = r.replay(config, r.Scenario().front(sent), workers=workers, segment_bytes=segment_bytes)
    assert outcome.back == []
    (error,) = outcome.front
    message = bytes(p.network(error).payload)
    assert message[:2] == (b"\x03\x04" if family == 4 else b"\x02\0")
    assert int.from_bytes(message[4:8], "big") == 1500
    assert bytes(p.network(sent)).startswith(message[8:]) and len(message) >= 8 + 60
    p.assert_outer_checksum(error)


@SEGMENTS
@pytest.mark.parametrize("family", [4, 6])
def test_large_ping(family, segment_bytes):
    data = payload(family, "udp")
    echo = ICMPv6EchoRequest(id=7, seq=3, data=data) if family == 6 else p.ICMP(type=8, id=7, seq=3) / p.Raw(data)
    ping = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip(r.clients(1, family)[0], vip(family)) / echo)
    outcome = r.replay(settings("nat"), r.Scenario().front(ping), segment_bytes=segment_bytes)
    (got,) = outcome.front
    assert (got[ICMPv6EchoReply].data if family == 6 else bytes(got[p.ICMP].payload)) == data
    p.assert_checksums([got])


@SEGMENTS
@pytest.mark.parametrize("family", [4, 6])
def test_large_fragments(family, segment_bytes):
    """Two of a datagram of 17,000 bytes, the later one first."""
    client, name, data = r.clients(1, family)[0], "b1", bytes(i % 253 for i in range(17000))
    config = r.merged(settings("nat"), {"pools": {"web": {"backends": {"b2": None, "b3": None}}}})
    datagram = bytes(p.network(p.Ether(bytes(p.from_client(client, 40000, vip(family), 80, "udp", payload=data)))).payload)
    pieces = [(0, datagram[:8944], 1), (8944, datagram[8944:], 0)]
    frames = []
    for offset, piece, more in pieces:
        if family == 4:
            layer = p.IP(src=client, dst=r.VIP4, proto=17, id=77, flags="MF" if more else 0, frag=offset // 8)
        else:
            layer = p.IPv6(src=client, dst=r.VIP6) / IPv6ExtHdrFragment(nh=17, id=77, offset=offset // 8, m=more)
        frames.append(p.frame(p.ROUTER_MAC, p.FRONT_MAC, layer / p.Raw(piece)))
    outcome = r.replay(config, r.Scenario().front(frames[1], frames[0]), segment_bytes=segment_bytes)
    assert outcome.drops == {} and len(outcome.back) == 2
    skip = 20 if family == 4 else 48
    bodies = [bytes(p.network(got))[skip:] for got in outcome.back]
    assert {p.network(got).dst for got in outcome.back} == {addresses(family)[name]}
    whole = bodies[0] + bodies[1]
    assert whole[8:] == data and whole[2:4] == (8080).to_bytes(2, "big")


def test_what_lies_in_another_segment_is_not_guessed():
    """UDP without a checksum gets one on its way to IPv6: over bytes that have to be in one piece."""
    sent = p.from_client(r.clients(1, 4)[0], 40000, r.VIP4, 80, "udp", payload=payload(6, "udp"))
    sent[p.UDP].chksum = 0
    config = settings("full_nat", outer=6)
    whole = r.replay(config, r.Scenario().front(sent))
    p.assert_checksums(whole.back)
    assert len(whole.back) == 1
    cut = r.replay(config, r.Scenario().front(sent), segment_bytes=2048)
    assert cut.back == [] and cut.drops == {"drop_not_translatable": 1}
