"""Full NAT: a local address stands for the client, and either side may speak either IP version (RFC 7915)."""

import pytest
from support import packets as p
from support import replay as r

LOCAL4, LOCAL6 = "198.51.100.200", "2001:db8:2::200"
PAIRS = [(4, 4), (6, 6), (4, 6), (6, 4)]  # of the client, of the backend


def vip(family: int) -> str:
    return r.VIP4 if family == 4 else r.VIP6


def addresses(family: int) -> dict[str, str]:
    return r.ADDRESSES4 if family == 4 else r.ADDRESSES6


def settings(family: int, **changes) -> dict:
    """Backends of one family only."""
    table = addresses(family)
    pool = {"backends": {name: {"address": [f"{table[name]}:8080" if family == 4 else f"[{table[name]}]:8080"]}
                         for name in ("b1", "b2", "b3")}}
    local = LOCAL4 if family == 4 else LOCAL6
    service = {"forwarding": "full_nat", "local_addresses": [local]}
    return r.merged(r.config(pools={"web": pool}, services={"web": service}), changes)


def tagged(front: dict) -> dict:
    moved = {key: front[key] for key in ("addresses", "neighbors", "routes")}
    return {"front": {"vlans": {100: moved}, **dict.fromkeys(moved)}}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("vlans", [(), (100,), (100, 7)])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("ours, theirs", PAIRS)
def test_there_and_back(ours, theirs, protocol, vlans, workers):
    config = settings(theirs, **({"ports": tagged(r.config()["ports"]["front"])} if vlans else {}))
    client = r.clients(1, ours)[0]
    sent = p.from_client(client, 40000, vip(ours), 80, protocol, payload=b"hello", vlans=vlans)
    (got,) = r.replay(config, r.Scenario().front(sent), workers=workers).back
    name = r.backend_of(got)
    local = (p.network(got).src, p.transport(got).sport)
    assert local[0] == (LOCAL4 if theirs == 4 else LOCAL6) and local[1] >= 1024
    assert (p.network(got).dst, p.transport(got).dport) == (addresses(theirs)[name], 8080)
    assert p.ttl_of(got) == 63 and p.payload_of(got) == b"hello" and p.vlans_of(got) == []
    p.assert_checksums([got])

    answer = p.from_backend(name, addresses(theirs)[name], 8080, *local, protocol, payload=b"answer")
    outcome = r.replay(config, r.Scenario().front(sent).back(answer), workers=workers)
    (back,) = outcome.front
    assert (p.network(back).src, p.transport(back).sport) == (vip(ours), 80)
    assert (p.network(back).dst, p.transport(back).dport) == (client, 40000)
    assert p.ttl_of(back) == 63 and p.payload_of(back) == b"answer" and p.vlans_of(back) == list(vlans[:1])
    assert outcome.drops == {}
    p.assert_checksums([back])


@pytest.mark.parametrize("ours, theirs", PAIRS)
def test_a_long_talk(ours, theirs):
    """A connection's packets go one way and back whatever their number, after a pause too."""
    config = settings(theirs)
    client = r.clients(1, ours)[0]
    first = p.from_client(client, 40000, vip(ours), 80)
    (got,) = r.replay(config, r.Scenario().front(first)).back
    name, local = r.backend_of(got), (p.network(got).src, p.transport(got).sport)

    def answer(**segment):
        return p.from_backend(name, addresses(theirs)[name], 8080, *local, **segment)

    scenario = r.Scenario().front(first).back(answer())
    for second in range(1, 8):
        scenario.front(p.from_client(client, 40000, vip(ours), 80, flags="A", payload=bytes(1200)), at_s=second / 2)
        scenario.back(answer(flags="A", payload=bytes(1200)))
    outcome = r.replay(config, scenario)
    assert (len(outcome.back), len(outcome.front), outcome.counters["flow_new"]) == (8, 8, 1)
    assert {(p.network(q).src, p.transport(q).sport) for q in outcome.back} == {local}
    assert outcome.drops == {}
    p.assert_checksums(outcome.out)


@pytest.mark.parametrize("ours, theirs", [(4, 6), (6, 4)])
def test_traffic_class_crosses(ours, theirs):
    sent = p.from_client(r.clients(1, ours)[0], 40000, vip(ours), 80)
    if ours == 4:
        sent[p.IP].tos = 0xB9
    else:
        sent[p.IPv6].tc = 0xB9
    (got,) = r.replay(settings(theirs), r.Scenario().front(sent)).back
    assert (got[p.IPv6].tc if theirs == 6 else got[p.IP].tos) == 0xB9
    if theirs == 6:
        assert got[p.IPv6].fl == 0
    p.assert_checksums([got])


@pytest.mark.parametrize("size, flags", [(100, 0), (1220, 0), (1221, 2), (1400, 2)])
def test_dont_fragment_of_what_was_ipv6(size, flags):
    """RFC 7915, section 5.1: up to 1260 bytes a router may cut it, and it has an identification."""
    sent = p.from_client(r.clients(1, 6)[0], 40000, r.VIP6, 80, flags="A", payload=bytes(size))
    (got,) = r.replay(settings(4), r.Scenario().front(sent)).back
    assert int(got[p.IP].flags) == flags
    assert (got[p.IP].id != 0) == (flags == 0)
    p.assert_checksums([got])


def test_ipv4_options_end_here():
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, payload=b"x")
    sent[p.IP].options = b"\x01\x01\x01\x00"
    (got,) = r.replay(settings(6), r.Scenario().front(sent)).back
    assert p.payload_of(got) == b"x" and got[p.IPv6].nh == 6
    p.assert_checksums([got])


def test_a_source_route_is_not_followed():
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80)
    sent[p.IP].options = b"\x83\x07\x04\xc0\x00\x02\x01\x00"
    assert r.replay(settings(6), r.Scenario().front(sent)).drops == {"drop_not_translatable": 1}


def test_extension_headers_end_here():
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrRouting

    client = r.clients(1, 6)[0]
    plain = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip(client, r.VIP6) / IPv6ExtHdrDestOpt() / p.l4("tcp", 40000, 80))
    (got,) = r.replay(settings(4), r.Scenario().front(plain)).back
    assert got[p.IP].ihl == 5 and got[p.IP].proto == 6
    p.assert_checksums([got])
    routed = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip(client, r.VIP6)
                     / IPv6ExtHdrRouting(addresses=["2001:db8::1"], segleft=1) / p.l4("tcp", 40000, 80))
    assert r.replay(settings(4), r.Scenario().front(routed)).drops == {"drop_not_translatable": 1}


def test_udp_without_checksum_gets_one():
    """RFC 7915, section 4.5: IPv6 has none without."""
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, "udp")
    sent[p.UDP].chksum = 0
    (got,) = r.replay(settings(6), r.Scenario().front(sent)).back
    assert got[p.UDP].chksum != 0
    p.assert_checksums([got])


@pytest.mark.parametrize("ours, theirs", PAIRS)
def test_a_damaged_packet_stays_damaged(ours, theirs):
    sent = p.from_client(r.clients(1, ours)[0], 40000, vip(ours), 80, payload=b"hello")
    sent = type(sent)(bytes(sent)[:-1] + b"X")
    (got,) = r.replay(settings(theirs), r.Scenario().front(sent)).back
    with pytest.raises(AssertionError):
        p.assert_checksums([got])


def test_ipv6_client_of_a_smaller_link_is_told():
    """What is 20 bytes too large as IPv6 is told to the IPv4 client as its own limit."""
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, flags="A", payload=bytes(1460))
    sent[p.IP].flags = "DF"
    outcome = r.replay(settings(6), r.Scenario().front(sent))
    (told,) = outcome.front
    assert (told[p.ICMP].type, told[p.ICMP].code, told[p.ICMP].nexthopmtu) == (3, 4, 1480)
    assert outcome.back == []


def test_one_arm():
    """Clients and backends behind one port."""
    front = r.config()["ports"]["front"]
    back = r.config()["ports"]["back"]
    ports = {"back": None, "front": {"addresses": front["addresses"] + back["addresses"], "side": "both",
                                     "neighbors": {**front["neighbors"], **back["neighbors"]}}}
    config = r.merged(settings(4), {"ports": ports})
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80)
    scenario = r.Scenario(frames={"front": []}).front(sent)
    (got,) = replay_one_port(config, scenario)
    name, local = r.backend_of(got), (p.network(got).src, p.transport(got).sport)
    assert got.src == p.FRONT_MAC and local[0] == LOCAL4
    answer = p.from_backend(name, addresses(4)[name], 8080, *local)
    answer.dst = p.FRONT_MAC
    scenario = r.Scenario(frames={"front": []}).front(sent, answer)
    got, back = replay_one_port(config, scenario)
    assert (p.network(back).src, p.network(back).dst) == (r.VIP4, "203.0.113.1")
    p.assert_checksums([got, back])


def replay_one_port(config: dict, scenario: r.Scenario) -> list[p.Packet]:
    return r.replay(config, scenario).front


def test_local_addresses_answer_arp_and_ping():
    ask = p.frame(p.BACKEND_MACS["b1"], "ff:ff:ff:ff:ff:ff",
                  p.ARP(op=1, hwsrc=p.BACKEND_MACS["b1"], psrc=r.ADDRESSES4["b1"], pdst=LOCAL4))
    ping = p.frame(p.BACKEND_MACS["b1"], p.BACK_MAC, p.ip(r.ADDRESSES4["b1"], LOCAL4) / p.ICMP(type=8))
    told, pong = r.replay(settings(4), r.Scenario().back(ask, ping)).back
    assert (told[p.ARP].psrc, told[p.ARP].hwsrc) == (LOCAL4, p.BACK_MAC)
    assert pong[p.ICMP].type == 0


class Talk:
    """A client's packet and the backend's answer have passed."""

    def __init__(self, family: int, protocol: str, workers: int):
        self.config, self.workers = settings(family), workers
        self.client = r.clients(1, family)[0]
        self.scenario = r.Scenario().front(p.from_client(self.client, 40000, vip(family), 80, protocol))
        (self.at_backend,) = r.replay(self.config, self.scenario, workers=workers).back
        self.backend = r.backend_of(self.at_backend)
        self.local = (p.network(self.at_backend).src, p.transport(self.at_backend).sport)
        self.answer = p.from_backend(self.backend, addresses(family)[self.backend], 8080, *self.local, protocol,
                                     payload=b"answer" * 20)
        self.scenario.back(self.answer)
        (self.at_client,) = r.replay(self.config, self.scenario, workers=workers).front

    def run(self) -> r.Outcome:
        return r.replay(self.config, self.scenario, workers=self.workers)


def unreachable(source: str, destination: str, quoted: p.Packet) -> p.Packet:
    from scapy.layers.inet6 import ICMPv6DestUnreach

    error = p.ICMP(type=3, code=3) if ":" not in source else ICMPv6DestUnreach(code=4)
    return p.ip(source, destination) / error / p.Raw(bytes(p.network(quoted)))


def quote_of(packet: p.Packet) -> p.Packet:
    return type(p.network(packet))(bytes(p.network(packet).payload)[8:])


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_icmp_errors_reach_both_ends(family, protocol, workers):
    talk = Talk(family, protocol, workers)
    backend = addresses(family)[talk.backend]
    talk.scenario.back(p.frame(p.BACKEND_MACS[talk.backend], p.BACK_MAC,
                               unreachable(backend, talk.local[0], talk.at_backend)))
    told = talk.run().front[-1]
    quoted = quote_of(told)
    assert (p.network(told).src, p.network(told).dst) == (vip(family), talk.client)
    assert (quoted.src, p.transport(quoted).sport) == (talk.client, 40000)
    assert (quoted.dst, p.transport(quoted).dport) == (vip(family), 80)
    p.assert_outer_checksum(told)

    talk = Talk(family, protocol, workers)
    talk.scenario.front(p.frame(p.ROUTER_MAC, p.FRONT_MAC,
                                unreachable(talk.client, vip(family), talk.at_client)))
    told = talk.run().back[-1]
    quoted = quote_of(told)
    assert (p.network(told).src, p.network(told).dst) == (talk.local[0], backend)
    assert (quoted.src, p.transport(quoted).sport) == (backend, 8080)
    assert (quoted.dst, p.transport(quoted).dport) == talk.local
    p.assert_outer_checksum(told)


def test_icmp_errors_do_not_cross():
    config = settings(6)
    client = r.clients(1, 4)[0]
    scenario = r.Scenario().front(p.from_client(client, 40000, r.VIP4, 80))
    (got,) = r.replay(config, scenario).back
    name = r.backend_of(got)
    scenario.back(p.frame(p.BACKEND_MACS[name], p.BACK_MAC,
                          unreachable(addresses(6)[name], p.network(got).src, got)))
    outcome = r.replay(config, scenario)
    assert outcome.drops == {"drop_not_translatable": 1} and outcome.front == []


def pieces(packet: p.Packet) -> list[p.Packet]:
    """The packet in three fragments."""
    from scapy.layers.inet import fragment
    from scapy.layers.inet6 import IPv6ExtHdrFragment, fragment6

    link, layer = p.Ether(src=packet.src, dst=packet.dst), p.network(packet)
    whole = type(layer)(bytes(layer))
    if p.IP in packet:
        return [link / part for part in fragment(whole, 1000)]
    split = p.IPv6(src=whole.src, dst=whole.dst, hlim=whole.hlim) / IPv6ExtHdrFragment(nh=17, id=77) / whole.payload
    return [link / p.IPv6(bytes(part)) for part in fragment6(split, 1100)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("family", [4, 6])
def test_answers_in_fragments(family, workers, order):
    """All of a datagram's fragments reach the client, though only the first one has the local port."""
    for client_port in (40000, 40001, 40002):
        config = settings(family)
        client = r.clients(1, family)[0]
        scenario = r.Scenario().front(p.from_client(client, client_port, vip(family), 80, "udp"))
        (got,) = r.replay(config, scenario, workers=workers).back
        name = r.backend_of(got)
        local = (p.network(got).src, p.transport(got).sport)
        payload = bytes(range(256)) * 10
        parts = pieces(p.from_backend(name, addresses(family)[name], 8080, *local, "udp", payload=payload))
        assert len(parts) == 3
        scenario.back(*(parts[i] for i in order))
        outcome = r.replay(config, scenario, workers=workers)
        assert outcome.drops == {} and len(outcome.front) == 3
        assert {(p.network(part).src, p.network(part).dst) for part in outcome.front} == {(vip(family), client)}
        whole = b"".join(sorted_payloads(outcome.front))
        assert whole[8:] == payload and whole[:4] == (80).to_bytes(2, "big") + client_port.to_bytes(2, "big")
        assert p.internet_sum(pseudo_header(outcome.front[0], len(whole)) + whole) == 0


def sorted_payloads(parts: list[p.Packet]) -> list[bytes]:
    from scapy.layers.inet6 import IPv6ExtHdrFragment

    offset = (lambda part: part[p.IP].frag) if p.IP in parts[0] else (lambda part: part[IPv6ExtHdrFragment].offset)
    header = (lambda part: bytes(part[p.IP].payload)) if p.IP in parts[0] else (
        lambda part: bytes(part[IPv6ExtHdrFragment].payload))
    return [header(part) for part in sorted(parts, key=offset)]


def pseudo_header(packet: p.Packet, size: int) -> bytes:
    import socket

    family = socket.AF_INET if p.IP in packet else socket.AF_INET6
    ends = b"".join(socket.inet_pton(family, end) for end in (p.network(packet).src, p.network(packet).dst))
    return ends + size.to_bytes(4, "big") + (17).to_bytes(4, "big")
