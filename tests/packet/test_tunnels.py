"""Tunnels: every packet inside every tunnel, what its headers say, and what happens where it does not fit."""

import itertools

import pytest
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6ExtHdrFragment
from scapy.layers.l2 import GRE
from support import packets as p
from support import replay as r

ENCAPS = ("ipip", "gre", "gue")
OVERHEAD = {("ipip", 4): 20, ("ipip", 6): 40, ("gre", 4): 24, ("gre", 6): 44, ("gue", 4): 32, ("gue", 6): 52}
OWN = {4: "198.51.100.1", 6: "2001:db8:2::1"}
PORT = 6080


def vip(family: int) -> str:
    return r.VIP4 if family == 4 else r.VIP6


def settings(encap: str, outer: int | None = None, **changes) -> dict:
    """Backends with an address of the outer family alone; without one, of both."""
    tables = {4: [r.ADDRESSES4], 6: [r.ADDRESSES6], None: [r.ADDRESSES4, r.ADDRESSES6]}[outer]
    pool = {"backends": {name: {"address": [table[name] for table in tables]} for name in ("b1", "b2", "b3")}}
    return r.merged(r.direct(pools={"web": pool}, services={"web": {"forwarding": encap}}), changes)


def ip_bytes(packet) -> bytes:
    """All behind Ethernet and tags."""
    return bytes(packet)[14 + 4 * len(p.vlans_of(packet)):]


def split(packet, encap: str):
    """The outer IP layer of a tunnel packet, and the packet inside as it would lie in a frame of its own."""
    body = ip_bytes(packet)
    outer = (p.IP if body[0] >> 4 == 4 else p.IPv6)(body)
    header = outer.ihl * 4 if outer.version == 4 else 40
    protocol = outer.proto if outer.version == 4 else outer.nh
    shim = {"ipip": 0, "gre": 4, "gue": 12}[encap]
    inner = body[header + shim:]
    version = inner[0] >> 4
    number = 4 if version == 4 else 41
    if encap == "ipip":
        assert protocol == number
    elif encap == "gre":
        assert protocol == 47
        assert body[header:header + 4] == bytes.fromhex("00000800" if version == 4 else "000086dd")
    else:
        assert protocol == 17
        udp = body[header:header + 8]
        assert int.from_bytes(udp[2:4], "big") == PORT and int.from_bytes(udp[4:6], "big") == len(body) - header
        assert udp[6:8] != b"\0\0", "always summed"
        assert body[header + 8:header + 12] == bytes([0, number, 0, 0])
    return outer, (p.IP if version == 4 else p.IPv6)(inner)


def assert_right(packet, encap: str):
    """Checksums and lengths of the outer headers and of the packet inside."""
    assert_right_outside(packet, encap)
    p.assert_checksums([p.Ether(src=p.BACK_MAC, dst=p.FRONT_MAC) / split(packet, encap)[1]])


def assert_right_outside(packet, encap: str):
    outer, _ = split(packet, encap)
    body = bytes(outer)
    if outer.version == 4:
        assert p.internet_sum(body[:20]) == 0 and outer.len == len(body)
    else:
        assert outer.plen == len(body) - 40
    if encap == "gue":
        message = body[20 if outer.version == 4 else 40:]
        assert p.internet_sum(pseudo(outer, 17, len(message)) + message) == 0, "outer UDP checksum"


def pseudo(layer, protocol: int, size: int) -> bytes:
    import socket

    family = socket.AF_INET if layer.version == 4 else socket.AF_INET6
    ends = socket.inet_pton(family, layer.src) + socket.inet_pton(family, layer.dst)
    return ends + size.to_bytes(4, "big") + protocol.to_bytes(4, "big")


CASES = list(itertools.product(ENCAPS, (4, 6), (4, 6), ("tcp", "udp")))


@pytest.mark.parametrize("vlans", [(), (100,), (100, 7)], ids=["untagged", "tag", "tags"])
@pytest.mark.parametrize("encap, outer, inner, protocol", CASES)
def test_whole_packet_inside(encap, outer, inner, protocol, vlans):
    """Tags of the client's link end here; the packet inside is the client's, but for one hop."""
    front = r.config()["ports"]["front"]
    tagged = {key: front[key] for key in ("addresses", "neighbors", "routes")}
    ports = {"front": {"vlans": {100: tagged}, **dict.fromkeys(tagged)}} if vlans else {}
    config = settings(encap, outer, ports=ports)
    client = r.clients(1, inner)[0]
    sent = p.from_client(client, 40000, vip(inner), 80, protocol, payload=b"hello", vlans=vlans)
    outcome = r.replay(config, r.Scenario().front(sent, sent))
    assert outcome.front == [] and outcome.counters["encapsulated"] == 2 and outcome.counters["flow_hit"] == 1
    for got in outcome.back:
        headers, packet = split(got, encap)
        name = r.backend_of(got)
        assert (headers.src, headers.dst) == (OWN[outer], (r.ADDRESSES4 if outer == 4 else r.ADDRESSES6)[name])
        assert (headers.ttl if outer == 4 else headers.hlim) == 64
        expected = p.network(p.Ether(bytes(sent))).copy()
        if inner == 4:
            expected.ttl, expected.chksum = 63, None
        else:
            expected.hlim = 63
        assert bytes(packet) == bytes(expected)
        assert p.vlans_of(got) == [] and got.src == p.BACK_MAC
        assert_right(got, encap)
    assert bytes(outcome.back[0]) == bytes(outcome.back[1])


@pytest.mark.parametrize("front, back", [(0, 200), (100, 200), (100, 100)], ids=["push", "change", "keep"])
@pytest.mark.parametrize("encap", ENCAPS)
def test_tags_of_the_way_out(encap, front, back):
    base, changes = settings(encap), {}
    for name, vlan in (("front", front), ("back", back)):
        link = {key: base["ports"][name][key] for key in ("addresses", "neighbors", "routes")
                if key in base["ports"][name]}
        if vlan:
            changes[name] = {**dict.fromkeys(link), "vlans": {vlan: link}}
    scenario = r.Scenario()
    for family, protocol in itertools.product((4, 6), ("tcp", "udp")):
        scenario.front(p.from_client(r.clients(1, family)[0], 40000, vip(family), 80, protocol,
                                     vlans=[front] if front else []))
    outcome = r.replay(settings(encap, ports=changes), scenario)
    assert [p.vlans_of(packet) for packet in outcome.back] == [[back]] * 4
    for packet in outcome.back:
        assert_right(packet, encap)


@pytest.mark.parametrize("encap", ENCAPS)
def test_the_clients_family_is_preferred(encap):
    scenario = r.Scenario()
    for family in (4, 6):
        scenario.front(p.from_client(r.clients(1, family)[0], 40000, vip(family), 80))
    outcome = r.replay(settings(encap), scenario)
    assert [split(packet, encap)[0].version for packet in outcome.back] == [4, 6]


def test_other_modes_need_the_clients_family():
    only6 = {name: {"address": [r.ADDRESSES6[name]]} for name in ("b1", "b2", "b3")}
    outcome = r.replay(r.direct(pools={"web": {"backends": only6}}),
                       r.Scenario().front(p.from_client("203.0.113.1", 40000, r.VIP4, 80)))
    assert outcome.drops == {"drop_no_backend": 1}


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("encap", ENCAPS)
def test_headers_as_configured(encap, outer):
    """TTL, DF, the traffic class of the packet inside, and sources that Limpet answers for."""
    sources = {4: ["198.51.100.70", "198.51.100.71"], 6: ["2001:db8:2::70", "2001:db8:2::71"]}[outer]
    config = settings(encap, outer, services={"web": {"tunnel": {
        "sources": sources, "ttl": 9, "dont_fragment": "copy"}}})
    scenario = r.Scenario()
    for number, flags in itertools.product(range(40), (0, "DF")):
        sent = p.from_client("203.0.113.9", 40000 + number, r.VIP4, 80, payload=b"x")
        sent[p.IP].flags, sent[p.IP].tos = flags, 0xB9
        scenario.front(sent)
    scenario.back(p.frame(p.BACKEND_MACS["b1"], "ff:ff:ff:ff:ff:ff", p.ARP(
        hwsrc=p.BACKEND_MACS["b1"], psrc=r.ADDRESSES4["b1"], pdst=sources[0] if outer == 4 else "198.51.100.1")))
    outcome = r.replay(config, scenario)
    *sent, answer = outcome.back
    assert answer[p.ARP].op == 2 and answer[p.ARP].hwsrc == p.BACK_MAC
    used, of_flow = set(), {}
    for packet in sent:
        headers, inner = split(packet, encap)
        used.add(headers.src)
        assert of_flow.setdefault(inner.sport, headers.src) == headers.src
        assert (headers.ttl if outer == 4 else headers.hlim) == 9
        assert (headers.tos if outer == 4 else headers.tc) == 0xB9
        if outer == 4:
            assert headers.flags == inner.flags
        assert_right(packet, encap)
    assert used == set(sources)
    if outer == 4:
        numbers = [split(packet, encap)[0].id for packet in sent if not split(packet, encap)[1].flags]
        assert len(set(numbers)) == len(numbers), "what may be cut has a number of its own"


@pytest.mark.parametrize("outer", [4, 6])
def test_flows_differ_outside(outer):
    """So that routers and NICs spread them: by UDP source port, in IPv6 by flow label, too."""
    scenario = r.Scenario()
    for number in range(200):
        for _ in range(2):
            scenario.front(p.from_client("203.0.113.9", 40000 + number, r.VIP4, 80, payload=b"x"))
    outcome = r.replay(settings("gue", outer), scenario)
    seen: dict[int, set] = {}
    for packet in outcome.back:
        headers, inner = split(packet, "gue")
        seen.setdefault(inner.sport, set()).add((headers[p.UDP].sport, 0 if outer == 4 else headers.fl))
    assert all(len(values) == 1 for values in seen.values())
    ports = [port for values in seen.values() for port, _ in values]
    assert len(set(ports)) > 190 and min(ports) >= 49152
    if outer == 6:
        assert len({label for values in seen.values() for _, label in values}) > 190


def error_of(packet):
    """Type and code, the number in the body, and the packet quoted."""
    message = bytes(p.network(packet).payload)
    return message[:2], int.from_bytes(message[4:8], "big"), message[8:]


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("encap", ENCAPS)
def test_what_just_fits(encap, outer):
    """To the byte; with larger ones the client is told what would fit."""
    room = 1400 - OVERHEAD[encap, outer]
    config = settings(encap, outer, ports={"back": {"mtu": 1400}})
    for family in (4, 6):
        payload = room - (20 if family == 4 else 40) - 20
        fits, over = (p.from_client(r.clients(1, family)[0], 40000, vip(family), 80, flags="A", payload=b"x" * size)
                      for size in (payload, payload + 1))
        if family == 4:
            fits[p.IP].flags = over[p.IP].flags = "DF"
        outcome = r.replay(config, r.Scenario().front(fits, over))
        (got,) = outcome.back
        assert len(bytes(got)) == 1414
        (error,) = outcome.front
        kind, mtu, quoted = error_of(error)
        assert kind == (b"\x03\x04" if family == 4 else b"\x02\0") and mtu == room
        assert bytes(p.network(over)).startswith(quoted) and len(quoted) >= 28
        assert p.network(error).dst == r.clients(1, family)[0]
        p.assert_outer_checksum(error)


@pytest.mark.parametrize("encap", ENCAPS)
def test_what_may_be_cut_is_dropped(encap):
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, flags="A", payload=b"x" * 1450)
    outcome = r.replay(settings(encap), r.Scenario().front(sent))
    assert outcome.out == [] and outcome.drops == {"drop_too_big": 1}


def test_nobody_is_told_less_than_ipv6_demands():
    sent = p.from_client(r.clients(1, 6)[0], 40000, r.VIP6, 80, flags="A", payload=b"x" * 1210)
    outcome = r.replay(settings("gue", 6, ports={"back": {"mtu": 1300}}), r.Scenario().front(sent))
    (error,) = outcome.front
    assert error_of(error)[1] == 1280


# errors of routers between Limpet and a backend


def router_error(tunnel_packet, kind: str, *, mtu=1300, quote=500, source=None):
    """What a router makes of a tunnel packet that it got, as it arrives at Limpet."""
    body = ip_bytes(tunnel_packet)
    v4 = body[0] >> 4 == 4
    to = p.IP(body).src if v4 else p.IPv6(body).src
    router = source or ("198.51.100.77" if v4 else "2001:db8:2::77")
    if v4:
        kinds = {"too_big": p.ICMP(type=3, code=4, nexthopmtu=mtu), "host": p.ICMP(type=3, code=1),
                 "protocol": p.ICMP(type=3, code=2), "ttl": p.ICMP(type=11), "route_failed": p.ICMP(type=3, code=5),
                 "quench": p.ICMP(type=4), "parameter": p.ICMP(type=12)}
    else:
        kinds = {"too_big": ICMPv6PacketTooBig(mtu=mtu), "host": ICMPv6DestUnreach(code=3),
                 "protocol": ICMPv6DestUnreach(code=4), "ttl": ICMPv6TimeExceeded()}
    return p.frame(p.BACKEND_MACS["b4"], p.BACK_MAC, p.ip(router, to) / kinds[kind] / p.Raw(body[:quote]))


def tunnel_packet(encap: str, outer: int, inner: int, protocol="tcp", **fields):
    sent = p.from_client(r.clients(1, inner)[0], 40000, vip(inner), 80, protocol, payload=b"x" * 600, **fields)
    (got,) = r.replay(settings(encap, outer), r.Scenario().front(sent)).back
    return sent, got


@pytest.mark.parametrize("encap, outer, inner, protocol", CASES)
def test_too_big_on_the_way(encap, outer, inner, protocol):
    """The client is told, from Limpet, what fits within the tunnel."""
    sent, got = tunnel_packet(encap, outer, inner, protocol)
    outcome = r.replay(settings(encap, outer), r.Scenario().back(router_error(got, "too_big", mtu=1400)))
    (error,) = outcome.front
    assert outcome.back == [] and outcome.counters["tunnel_errors"] == 1
    kind, mtu, quoted = error_of(error)
    assert kind == (b"\x03\x04" if inner == 4 else b"\x02\0")
    assert mtu == 1400 - OVERHEAD[encap, outer]
    assert (p.network(error).src, p.network(error).dst) == (
        "192.0.2.1" if inner == 4 else "2001:db8:1::1", r.clients(1, inner)[0])
    assert (error.src, error.dst) == (p.FRONT_MAC, p.ROUTER_MAC)
    assert quoted == bytes(split(got, encap)[1])[:len(quoted)] and len(quoted) > 300
    p.assert_outer_checksum(error)


@pytest.mark.parametrize("inner", [4, 6])
def test_too_big_on_the_way_for_the_first_fragment(inner):
    """Outside nothing tells ports, as later fragments have none."""
    whole = p.from_client(r.clients(1, inner)[0], 40000, vip(inner), 80, "udp", payload=b"x" * 1600)
    packet = p.network(whole)
    body = p.Raw(bytes(packet.payload)[:1200])
    first = p.frame(p.ROUTER_MAC, p.FRONT_MAC,
                    p.IP(src=packet.src, dst=packet.dst, id=7, flags="MF", proto=17) / body if inner == 4 else
                    p.IPv6(src=packet.src, dst=packet.dst) / IPv6ExtHdrFragment(m=1, id=7, nh=17) / body)
    (got,) = r.replay(settings("gue", 4), r.Scenario().front(first)).back
    outcome = r.replay(settings("gue", 4), r.Scenario().back(router_error(got, "too_big", mtu=1000)))
    assert len(outcome.front) == 1 and outcome.counters["tunnel_errors"] == 1


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("kind", ["host", "protocol", "ttl"])
def test_no_way_to_the_backend(kind, inner, outer):
    """RFC 2003, section 4: for the client its host can't be reached."""
    sent, got = tunnel_packet("ipip", outer, inner)
    outcome = r.replay(settings("ipip", outer), r.Scenario().back(router_error(got, kind)))
    (error,) = outcome.front
    assert error_of(error)[0] == (b"\x03\x01" if inner == 4 else b"\x01\x03")
    p.assert_outer_checksum(error)


@pytest.mark.parametrize("kind", ["route_failed", "quench", "parameter"])
def test_errors_that_are_not_the_clients(kind):
    _, got = tunnel_packet("ipip", 4, 4)
    outcome = r.replay(settings("ipip", 4), r.Scenario().back(router_error(got, kind)))
    assert outcome.out == [] and outcome.drops == {"drop_tunnel_error": 1}


def test_least_that_is_quoted():
    """Both IP headers and eight bytes tell whose packet it was; less tells nobody."""
    _, got = tunnel_packet("gue", 4, 4)
    enough = 20 + 12 + 20 + 8
    config = settings("gue", 4)
    assert len(r.replay(config, r.Scenario().back(router_error(got, "too_big", quote=enough))).front) == 1
    for less in (1, 19, 20, 27, 31, 32, 51, 52, enough - 1):
        outcome = r.replay(config, r.Scenario().back(router_error(got, "too_big", quote=less)))
        assert outcome.out == [] and sum(outcome.drops.values()) == 1


def changed(packet, **fields):
    """The tunnel packet with fields of its outer header changed."""
    headers = p.IP(ip_bytes(packet))
    for name, value in fields.items():
        setattr(headers, name, value)
    headers.chksum = None
    return p.Ether(src=p.BACK_MAC, dst=p.FRONT_MAC) / headers


def test_forged_errors_tell_nothing():
    """What is quoted must be as Limpet sends it: to a backend of the service, by that tunnel, from that port."""
    _, got = tunnel_packet("gue", 4, 4)
    other = split(got, "gue")[1]
    other.dport = 81
    whole = ip_bytes(got)
    other_port = bytes([*whole[:21], whole[21] ^ 1, *whole[22:]])
    forged = [changed(got, dst="198.51.100.99"), *(p.frame(p.BACK_MAC, p.FRONT_MAC, p.IP(packet))
                                                   for packet in (other_port, whole[:32] + bytes(other)))]
    for packet in forged:
        outcome = r.replay(settings("gue", 4), r.Scenario().back(router_error(packet, "too_big")))
        assert outcome.out == [] and outcome.drops == {"drop_tunnel_error": 1}
    outcome = r.replay(settings("ipip", 4), r.Scenario().back(router_error(got, "too_big")))
    assert outcome.drops == {"drop_tunnel_error": 1}, "no service has such tunnels"
    damaged = router_error(got, "too_big")
    damaged[p.ICMP].chksum = 0x1234
    outcome = r.replay(settings("gue", 4), r.Scenario().back(damaged))
    assert outcome.drops == {"drop_tunnel_error": 1}


# the MSS option


def mss_of(packet) -> int:
    return dict(packet[p.TCP].options).get("MSS")


@pytest.mark.parametrize("family", [4, 6])
def test_segments_are_limited_both_ways(family):
    only = {"b2": None, "b3": None}
    config = r.config(pools={"web": {"backends": only}}, services={"web": {"max_mss": 1300}})
    sent = p.from_client(r.clients(1, family)[0], 40000, vip(family), 80)
    sent[p.TCP].options = [("NOP", None), ("MSS", 8960), ("NOP", None)]
    answer = p.from_backend("b1", (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)["b1"], 8080, r.clients(1, family)[0],
                            40000, ack=1001)
    answer[p.TCP].options = [("MSS", 1460)]
    outcome = r.replay(config, r.Scenario().front(sent).back(answer))
    assert [mss_of(packet) for packet in outcome.out] == [1300, 1300]
    p.assert_checksums(outcome.out)


@pytest.mark.parametrize("encap", ENCAPS)
def test_segments_are_limited_inside_tunnels(encap):
    for asked, seen in ((1460, 1300), (1200, 1200)):
        sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80)
        sent[p.TCP].options = [("MSS", asked)]
        (got,) = r.replay(settings(encap, 4, services={"web": {"max_mss": 1300}}), r.Scenario().front(sent)).back
        assert dict(split(got, encap)[1][p.TCP].options)["MSS"] == seen
        assert_right(got, encap)


# what else goes into a tunnel, and the flow's life


@pytest.mark.parametrize("encap", ENCAPS)
def test_a_long_flow(encap):
    """Past the time after which known flows of other modes take the short way; and it ends as with direct return."""
    client, scenario = "203.0.113.1", r.Scenario()
    scenario.front(p.from_client(client, 40000, r.VIP4, 80, flags="S"), at_s=0)
    for second in range(1, 30):
        scenario.front(p.from_client(client, 40000, r.VIP4, 80, flags="A", payload=b"x" * second), at_s=second)
    scenario.front(p.from_client(client, 40000, r.VIP4, 80, flags="FA"), at_s=30)
    outcome = r.replay(settings(encap), scenario)
    assert len(outcome.back) == outcome.counters["encapsulated"] == 31
    assert len({r.backend_of(packet) for packet in outcome.back}) == 1
    for packet in outcome.back:
        assert_right(packet, encap)


def test_answers_may_pass():
    """A backend whose way to the clients leads through Limpet: its answers already come from the VIP."""
    answer = p.from_backend("b1", r.VIP4, 80, "203.0.113.1", 40000)
    outcome = r.replay(settings("gue", ports={"back": {"transit": "route"}}), r.Scenario().back(answer))
    (got,) = outcome.front
    assert p.network(got).src == r.VIP4
