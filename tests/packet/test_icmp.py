"""ICMP errors about services' packets: found by the packet they quote, translated, delivered; ping by health."""

import pytest
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)
from support import packets as p
from support import replay as r

FAMILIES = pytest.mark.parametrize("family", [4, 6])
PROTOCOLS = pytest.mark.parametrize("protocol", ["tcp", "udp"])
WORKERS = pytest.mark.parametrize("workers", [1, 4])
VIPS = {4: r.VIP4, 6: r.VIP6}
CLIENTS = {4: "203.0.113.7", 6: "2001:db8:99::7"}
ROUTERS = {4: "203.0.113.254", 6: "2001:db8:98::fe"}       # on the way to the client
INNER_ROUTERS = {4: "198.51.100.200", 6: "2001:db8:2::200"}  # on the way to the backend

# What each error looks like behind the IP header; `quoted`: bytes.
ERRORS = {
    4: {"net unreachable": p.ICMP(type=3, code=0), "port unreachable": p.ICMP(type=3, code=3),
        "fragmentation needed": p.ICMP(type=3, code=4, nexthopmtu=1280), "prohibited": p.ICMP(type=3, code=13),
        "time exceeded": p.ICMP(type=11, code=0), "parameter problem": p.ICMP(type=12, code=0, ptr=5)},
    6: {"no route": ICMPv6DestUnreach(code=0), "port unreachable": ICMPv6DestUnreach(code=4),
        "too big": ICMPv6PacketTooBig(mtu=1280), "time exceeded": ICMPv6TimeExceeded(code=0),
        "parameter problem": ICMPv6ParamProblem(code=0, ptr=6)},
}
ALL_ERRORS = pytest.mark.parametrize("family, name", [(family, name) for family, rows in ERRORS.items()
                                                      for name in rows])


def error(family, name, source, destination, quoted: bytes, *, back="", vlans=()):
    """An ICMP error as it arrives: on the front port, or on the back port from the backend `back`."""
    macs = (p.BACKEND_MACS[back], p.BACK_MAC) if back else (p.ROUTER_MAC, p.FRONT_MAC)
    return p.frame(*macs, p.ip(source, destination, ttl=60) / ERRORS[family][name] / p.Raw(quoted), vlans)


def message_of(packet) -> bytes:
    """The ICMP message: header and quote."""
    return bytes(p.network(packet).payload)


def quote_of(packet):
    """The quoted packet as scapy reads it from its bytes."""
    return (p.IPv6 if p.IPv6 in packet else p.IP)(message_of(packet)[8:])


def assert_quote_sums_up(packet):
    """Outer and quoted checksums; the quoted packet is whole here."""
    p.assert_outer_checksum(packet)
    quoted = quote_of(packet)
    again = type(quoted)(bytes(quoted))
    layer = again
    while not isinstance(layer, p.NoPayload):
        for field in ("chksum", "cksum", "len", "plen"):
            if field in layer.fields and not isinstance(layer, p.Raw):
                delattr(layer, field)
        layer = layer.payload
    assert bytes(again) == bytes(quoted)


class Exchange:
    """A client's packet and the backend's answer have passed; what either side saw last is known."""

    def __init__(self, family, protocol, settings=None, workers=1, client_port=40000):
        self.family, self.protocol, self.workers = family, protocol, workers
        self.settings = settings or r.config()
        self.client, self.vip = CLIENTS[family], VIPS[family]
        self.scenario = r.Scenario().front(p.from_client(self.client, client_port, self.vip, 80, protocol))
        (self.at_backend,) = r.replay(self.settings, self.scenario, workers=workers).back
        self.backend = r.backend_of(self.at_backend)
        to, l4 = p.network(self.at_backend), p.transport(self.at_backend)
        self.answer = p.from_backend(self.backend, to.dst, l4.dport, self.client, l4.sport, protocol,
                                     payload=b"answer" * 100)
        self.scenario.back(self.answer)
        (self.at_client,) = r.replay(self.settings, self.scenario, workers=workers).front

    def run(self, *, front=(), back=()):
        """What came out besides the exchange itself."""
        scenario = r.Scenario({port: list(frames) for port, frames in self.scenario.frames.items()},
                              self.scenario.now_ns).front(*front).back(*back)
        outcome = r.replay(self.settings, scenario, workers=self.workers)
        return outcome, outcome.front[1:], outcome.back[1:]


@WORKERS
@PROTOCOLS
@ALL_ERRORS
def test_error_on_the_way_to_the_client_reaches_the_backend(family, name, protocol, workers):
    """About the backend's answer: its backend gets it as if the quoted packet had gone untranslated."""
    talk = Exchange(family, protocol, workers=workers)
    sent = bytes(p.network(talk.at_client))
    outcome, front, back = talk.run(front=[error(family, name, ROUTERS[family], talk.vip, sent)])
    assert front == []
    (got,) = back
    assert r.backend_of(got) == talk.backend and got.src == p.BACK_MAC
    outer = p.network(got)
    assert (outer.src, outer.dst) == (ROUTERS[family], p.network(talk.answer).src)
    assert p.ttl_of(got) == 59
    original, quoted = p.network(talk.answer), quote_of(got)
    assert (quoted.src, quoted.dst) == (original.src, original.dst)
    assert bytes(quoted.payload) == bytes(original.payload)  # ports, L4 checksum, data: as the backend had sent them
    wanted = bytes(ERRORS[family][name])
    assert message_of(got)[:2] == wanted[:2] and message_of(got)[4:8] == wanted[4:8]  # type, code, MTU or pointer
    assert_quote_sums_up(got)
    assert outcome.counters["icmp_relayed"] == 1 and outcome.drops == {}


@WORKERS
@PROTOCOLS
@ALL_ERRORS
@pytest.mark.parametrize("router", [False, True], ids=["backend", "router"])
def test_error_on_the_way_to_the_backend_reaches_the_client(family, name, protocol, workers, router):
    """About the client's packet as the backend would have seen it; it seems to come from the VIP."""
    talk = Exchange(family, protocol, workers=workers)
    source = INNER_ROUTERS[family] if router else p.network(talk.answer).src
    frame = error(family, name, source, talk.client, bytes(p.network(talk.at_backend)), back=talk.backend)
    outcome, front, back = talk.run(back=[frame])
    assert back == []
    (got,) = front
    outer = p.network(got)
    assert (outer.src, outer.dst, got.dst) == (talk.vip, talk.client, p.ROUTER_MAC)
    original = p.network(p.from_client(talk.client, 40000, talk.vip, 80, protocol))
    quoted = quote_of(got)
    assert (quoted.src, quoted.dst) == (original.src, original.dst)
    assert bytes(quoted.payload) == bytes(original.payload)
    assert_quote_sums_up(got)
    assert outcome.counters["icmp_relayed"] == 1 and outcome.drops == {}


@FAMILIES
@pytest.mark.parametrize("protocol, size", [("tcp", 8), ("tcp", 17), ("tcp", 18), ("udp", 8)])
def test_quotes_cut_short(family, protocol, size):
    """RFC 792 asks for 64 bits behind the header: what is there is translated, checksums as far as they are there."""
    talk = Exchange(family, protocol)
    head = 20 if family == 4 else 40
    outcome, _, back = talk.run(front=[error(family, "time exceeded", ROUTERS[family], talk.vip,
                                             bytes(p.network(talk.at_client))[:head + size])])
    (got,) = back
    whole = size if size >= 18 or protocol == "udp" else min(size, 16)  # half a checksum is nobody's
    assert message_of(got)[8 + head:][:whole] == bytes(p.network(talk.answer))[head:head + whole]
    assert len(message_of(got)) == 8 + head + size
    p.assert_outer_checksum(got)


def test_unsummed_udp_stays_unsummed():
    talk = Exchange(4, "udp")
    quoted = p.network(talk.at_client).copy()
    quoted[p.UDP].chksum = 0
    _, _, (got,) = talk.run(front=[error(4, "port unreachable", ROUTERS[4], talk.vip, bytes(quoted))])
    assert quote_of(got)[p.UDP].chksum == 0
    p.assert_outer_checksum(got)


def test_damage_stays_visible():
    """A checksum that was wrong before Limpet is wrong behind it."""
    talk = Exchange(4, "tcp")
    frame = error(4, "port unreachable", ROUTERS[4], talk.vip, bytes(p.network(talk.at_client)))
    frame = p.Ether(bytes(frame))
    frame[p.ICMP].chksum ^= 0x0101
    _, _, (got,) = talk.run(front=[frame])
    assert p.internet_sum(message_of(got)) != 0


@FAMILIES
def test_first_fragments_and_headers_in_quotes(family):
    """What tells a sender of large datagrams about a narrow way quotes a first fragment."""
    talk = Exchange(family, "udp")
    sent = p.network(talk.at_client).copy()
    if family == 4:
        sent.flags = "MF"
        quoted = bytes(type(sent)(bytes(sent)))
    else:
        quoted = bytes(p.IPv6(src=sent.src, dst=sent.dst) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1, id=5, nh=17) /
                       bytes(sent.payload))
    name = "fragmentation needed" if family == 4 else "too big"
    _, _, (got,) = talk.run(front=[error(family, name, ROUTERS[family], talk.vip, quoted)])
    assert bytes(p.network(talk.answer).payload)[:8] in message_of(got)
    p.assert_outer_checksum(got)


@WORKERS
def test_rewritten_client_port(workers):
    """Two services share backends: the client's port is another towards the second, and errors follow that."""
    settings = r.config(services={"other": {"listen": "192.0.2.11:80/udp", "forwarding": "nat", "pool": "web",
                                            "persist": ["client"]}})
    first = p.from_client(CLIENTS[4], 40000, r.VIP4, 80, "udp")
    second = p.from_client(CLIENTS[4], 40000, "192.0.2.11", 80, "udp")
    scenario = r.Scenario().front(*([first, second] * 2))
    outcome = r.replay(settings, scenario, workers=workers)
    seen = outcome.back[1]
    if outcome.counters["flow_port_rewritten"] == 0:
        pytest.skip("the two services chose different backends")
    assert seen[p.UDP].sport != 40000
    backend = r.backend_of(seen)
    scenario.back(error(4, "port unreachable", seen[p.IP].dst, CLIENTS[4], bytes(seen[p.IP]), back=backend))
    answer = p.from_backend(backend, seen[p.IP].dst, 8080, CLIENTS[4], seen[p.UDP].sport, "udp")
    to_client = p.ip("192.0.2.11", CLIENTS[4]) / p.UDP(sport=80, dport=40000) / bytes(answer[p.UDP].payload)
    scenario.front(error(4, "port unreachable", ROUTERS[4], "192.0.2.11", bytes(to_client)))
    outcome = r.replay(settings, scenario, workers=workers)
    at_client = quote_of(outcome.front[-1])
    assert (at_client.src, at_client.dst, at_client[p.UDP].sport, at_client[p.UDP].dport) == (
        CLIENTS[4], "192.0.2.11", 40000, 80)
    at_backend = quote_of(outcome.back[-1])
    assert (at_backend.src, at_backend[p.UDP].sport, at_backend[p.UDP].dport) == (seen[p.IP].dst, 8080,
                                                                               seen[p.UDP].sport)
    assert_quote_sums_up(outcome.front[-1])
    assert_quote_sums_up(outcome.back[-1])


@WORKERS
@FAMILIES
def test_direct_return(family, workers):
    """The backend sent the quoted packet as the VIP: it gets the error as it came, by its MAC address."""
    settings = r.direct()
    scenario = r.Scenario().front(p.from_client(CLIENTS[family], 40000, VIPS[family], 80))
    (seen,) = r.replay(settings, scenario, workers=workers).back
    sent = p.ip(VIPS[family], CLIENTS[family]) / p.l4("tcp", 80, 40000, flags="A", payload=b"x" * 64)
    name = "fragmentation needed" if family == 4 else "too big"
    frame = error(family, name, ROUTERS[family], VIPS[family], bytes(sent))
    outcome = r.replay(settings, scenario.front(frame), workers=workers)
    (got,) = outcome.back[1:]
    assert (got.dst, got.src) == (seen.dst, p.BACK_MAC)
    wanted = p.network(frame).copy()
    setattr(wanted, "ttl" if family == 4 else "hlim", 59)
    assert bytes(p.network(got)) == p.recomputed(p.Ether() / wanted)[14:]


@FAMILIES
def test_error_from_a_backend_with_the_vip_passes(family):
    """Direct return: the backend's own error leaves as the VIP, where Limpet routes."""
    settings = r.direct(ports={"back": {"transit": "route"}})
    quoted = p.network(p.from_client(CLIENTS[family], 40000, VIPS[family], 80))
    frame = error(family, "port unreachable", VIPS[family], CLIENTS[family], bytes(quoted), back="b1")
    (got,) = r.replay(settings, r.Scenario().back(frame)).front
    assert p.network(got).src == VIPS[family]


@WORKERS
@FAMILIES
def test_without_a_flow_the_record_decides(family, workers):
    """After a restart, on another node: an error about a connection that is not known goes where its session is."""
    settings = r.direct(pools={"web": {"algorithm": "least_connections"}})
    client, vip = CLIENTS[family], VIPS[family]
    sent = p.ip(vip, client) / p.l4("tcp", 80, 41000, flags="A")
    frame = error(family, "time exceeded", ROUTERS[family], vip, bytes(sent))
    scenario = r.Scenario().front(frame)
    assert r.replay(settings, scenario, workers=workers).drops == {"drop_icmp_unknown": 1}
    scenario = r.Scenario().front(p.from_client(client, 40000, vip, 80), frame)
    outcome = r.replay(settings, scenario, workers=workers)
    opened, got = outcome.back
    assert got.dst == opened.dst and outcome.drops == {}


@FAMILIES
def test_without_memory_the_hash_decides(family):
    """Rendezvous tells where the connection's first packet would have gone."""
    client, vip = CLIENTS[family], VIPS[family]
    (opened,) = r.replay(r.direct(), r.Scenario().front(p.from_client(client, 40000, vip, 80))).back
    sent = p.ip(vip, client) / p.l4("tcp", 80, 40000, flags="A")
    (got,) = r.replay(r.direct(), r.Scenario().front(error(family, "time exceeded", ROUTERS[family], vip,
                                                           bytes(sent)))).back
    assert got.dst == opened.dst


def later_fragment(family, source, destination) -> bytes:
    if family == 4:
        return bytes(p.IP(src=source, dst=destination, proto=17, frag=100, id=7) / p.Raw(b"x" * 64))
    return bytes(p.IPv6(src=source, dst=destination) / IPv6ExtHdrFragment(offset=100, nh=17, id=7) / p.Raw(b"x" * 64))


@WORKERS
@FAMILIES
def test_quoted_later_fragments_are_dropped(family, workers):
    talk = Exchange(family, "udp", workers=workers)
    backend = p.network(talk.answer).src
    outcome, front, back = talk.run(
        front=[error(family, "time exceeded", ROUTERS[family], talk.vip,
                     later_fragment(family, talk.vip, talk.client))],
        back=[error(family, "time exceeded", backend, talk.client, later_fragment(family, talk.client, backend),
                    back=talk.backend)])
    assert (front, back) == ([], []) and outcome.drops == {"drop_icmp_fragment": 2}


def hostile_quotes(family) -> dict[str, tuple[bytes, str]]:
    good = bytes(p.ip(VIPS[family], CLIENTS[family]) / p.l4("udp", 80, 40000))
    other = bytes(p.ip(VIPS[11 - family - 1] if family == 6 else r.VIP6, CLIENTS[10 - family]) /
                  p.l4("udp", 80, 40000))
    head = 20 if family == 4 else 40
    malformed, unknown = "drop_icmp_malformed", "drop_icmp_unknown"
    rows = {
        "nothing": (b"", malformed), "half a header": (good[:head // 2], malformed),
        "header alone": (good[:head], malformed), "seven bytes": (good[:head + 7], malformed),
        "the other family": (other, malformed),
        "another port": (bytes(p.ip(VIPS[family], CLIENTS[family]) / p.l4("udp", 81, 40000)), unknown),
        "another sender": (bytes(p.ip("192.0.2.99" if family == 4 else "2001:db8:1::99", CLIENTS[family]) /
                                 p.l4("udp", 80, 40000)), unknown),
        "SCTP": (bytes(p.IP(src=r.VIP4, dst=CLIENTS[4], proto=132) / p.Raw(b"x" * 16)) if family == 4 else
                 bytes(p.IPv6(src=r.VIP6, dst=CLIENTS[6], nh=132) / p.Raw(b"x" * 16)), unknown),
    }
    inner = bytes(p.ip(VIPS[family], CLIENTS[family]) / ERRORS[family]["time exceeded"] / p.Raw(good))
    rows["a quote of a quote"] = (inner, unknown)
    if family == 4:
        for ihl in (0, 4, 15):
            rows[f"header length {ihl}"] = (bytes([0x40 | ihl]) + good[1:28], malformed)
    else:
        chain = bytes([60, 0, 1, 4, 0, 0, 0, 0])
        head6 = bytes(p.IPv6(src=r.VIP6, dst=CLIENTS[6], nh=60, plen=0))
        rows["20 headers"] = (head6 + chain * 20, malformed)
        rows["header beyond the quote"] = (head6 + bytes([17, 200, 1, 4, 0, 0, 0, 0]), malformed)
        rows["mapped address"] = (bytes(p.IPv6(src="::ffff:192.0.2.10", dst=CLIENTS[6], nh=17)) + good[40:], malformed)
    return rows


@WORKERS
@FAMILIES
def test_hostile_quotes(family, workers):
    for name, (quoted, reason) in hostile_quotes(family).items():
        outcome = r.replay(r.config(), r.Scenario().front(
            error(family, "time exceeded", ROUTERS[family], VIPS[family], quoted)), workers=workers)
        assert outcome.out == [] and outcome.drops == {reason: 1}, name


@FAMILIES
def test_every_truncation_of_an_error(family):
    talk = Exchange(family, "tcp")
    whole = bytes(error(family, "time exceeded", ROUTERS[family], talk.vip, bytes(p.network(talk.at_client))))
    outcome, front, _ = talk.run(front=[whole[:size] for size in range(14, len(whole))])
    assert front == [] and set(outcome.drops) <= {"drop_truncated", "drop_malformed"}


@pytest.mark.parametrize("kind", [4, 5])
def test_source_quench_and_redirect_end_here(kind):
    talk = Exchange(4, "tcp")
    frame = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip(ROUTERS[4], r.VIP4) / p.ICMP(type=kind) /
                    p.Raw(bytes(p.network(talk.at_client))))
    outcome, front, back = talk.run(front=[frame])
    assert (front, back) == ([], []) and outcome.drops == {"drop_icmp_ignored": 1}


@FAMILIES
def test_errors_about_the_backends_own_connections_follow_the_transit_rule(family):
    """A backend may talk to others too: their errors are not a service's."""
    client, backend = CLIENTS[family], (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)["b1"]
    quoted = bytes(p.ip(client, backend) / p.l4("tcp", 40000, 8080))
    frame = error(family, "port unreachable", backend, client, quoted, back="b1")
    assert r.replay(r.config(), r.Scenario().back(frame)).drops == {"drop_icmp_unknown": 1}
    (got,) = r.replay(r.config(ports={"back": {"transit": "route"}}), r.Scenario().back(frame)).front
    assert (p.network(got).src, message_of(got)[8:]) == (backend, quoted)


@pytest.mark.parametrize("vlans", [(), (100,)], ids=["untagged", "tagged"])
def test_tags(vlans):
    """The error's tag is its own link's."""
    settings = r.config(ports={"front": {"vlans": {"100": {
        "addresses": ["192.0.2.129/32"], "neighbors": {}, "routes": []}}}})
    talk = Exchange(4, "tcp", settings)
    frame = error(4, "port unreachable", ROUTERS[4], talk.vip, bytes(p.network(talk.at_client)), vlans=vlans)
    _, _, (got,) = talk.run(front=[frame])
    assert p.vlans_of(got) == []
    assert_quote_sums_up(got)


@FAMILIES
@pytest.mark.parametrize("rate, burst", [(0, 0), (20, 10), (1000, 100)])
def test_errors_made_are_limited(family, rate, burst):
    """A tenth of a second's worth at once, 10 at least; the rest is counted."""
    scenario = r.Scenario()
    for _ in range(150):
        scenario.front(p.from_client(CLIENTS[family], 40000, VIPS[family], 80, ttl=1), at_s=0)
    outcome = r.replay(r.config(limits={"icmp_errors_max": rate}), scenario)
    assert len(outcome.front) == burst
    assert outcome.counters["icmp_suppressed"] == 150 - burst
    assert outcome.drops == {"drop_ttl_exceeded": 150 - burst}
    later = scenario.front(*[p.from_client(CLIENTS[family], 40000, VIPS[family], 80, ttl=1)] * 20, at_s=0.5)
    assert len(r.replay(r.config(limits={"icmp_errors_max": rate}), later).front) == min(burst + min(rate // 2, 20),
                                                                                     burst + 20)


def ping(family, vip=""):
    request = p.ICMP(type=8, id=7) if family == 4 else ICMPv6EchoRequest(id=7)
    return p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip(CLIENTS[family], vip or VIPS[family]) / request)


@FAMILIES
@pytest.mark.parametrize("echo, state, answered", [
    ("always", "enabled", True), ("always", "offline", True), ("healthy", "enabled", True),
    ("healthy", "offline", False), ("healthy", "drain", False), ("never", "enabled", False)])
def test_echo_by_health(family, echo, state, answered):
    settings = r.config(services={"web": {"echo": echo}},
                        pools={"web": {"backends": {f"b{i}": {"state": state} for i in (1, 2, 3)}}})
    outcome = r.replay(settings, r.Scenario().front(ping(family)))
    assert len(outcome.front) == answered
    assert outcome.drops == ({} if answered else {"drop_echo_refused": 1})


def test_echo_of_a_shared_vip():
    """One service that says yes is enough; Limpet's own address answers in any case."""
    other = {"listen": f"{r.VIP4}:81/tcp", "pool": "web", "echo": "always"}
    settings = r.config(services={"web": {"echo": "never"}, "other": other})
    outcome = r.replay(settings, r.Scenario().front(ping(4), ping(6), ping(4, "192.0.2.1")))
    assert [p.network(packet).src for packet in outcome.front] == [r.VIP4, "192.0.2.1"]
    assert outcome.drops == {"drop_echo_refused": 1}
