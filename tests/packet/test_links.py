"""What belongs to a link: VLAN tags on the way out, who is answered there, MTU, errors towards backends."""

import pytest
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest
from support import packets as p
from support import replay as r

LINK = ("addresses", "neighbors", "routes")


def on_vlans(front: int, back: int, forwarding="nat") -> dict:
    """The configuration with either port's link on a VLAN (0: untagged)."""
    base = r.config() if forwarding == "nat" else r.direct()
    changes = {}
    for name, vlan in (("front", front), ("back", back)):
        link = {key: base["ports"][name][key] for key in LINK if key in base["ports"][name]}
        if vlan:
            changes[name] = {**dict.fromkeys(link), "vlans": {vlan: link}}
    return r.config(ports=changes) if forwarding == "nat" else r.direct(ports=changes)


def vip(family: int) -> str:
    return r.VIP4 if family == 4 else r.VIP6


def address(name: str, family: int) -> str:
    return (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)[name]


@pytest.mark.parametrize("front, back", [(0, 200), (100, 0), (100, 200), (100, 100)],
                         ids=["push", "pop", "change", "keep"])
@pytest.mark.parametrize("forwarding", ["nat", "dr"])
def test_tags_of_the_way_out(front, back, forwarding):
    """Both families and protocols in one run; with nat the answers, too."""
    config = on_vlans(front, back, forwarding)
    front_tags, back_tags = [front] if front else [], [back] if back else []
    asked = r.Scenario()
    for family in (4, 6):
        for protocol in ("tcp", "udp"):
            asked.front(p.from_client(r.clients(1, family)[0], 40000, vip(family), 80, protocol, vlans=front_tags))
    outcome = r.replay(config, asked)
    assert [p.vlans_of(packet) for packet in outcome.back] == [back_tags] * 4
    p.assert_checksums(outcome.back)
    if forwarding == "dr":
        return
    for got in outcome.back:
        name, protocol = r.backend_of(got), "tcp" if p.TCP in got else "udp"
        asked.back(p.from_backend(name, p.network(got).dst, 8080, p.network(got).src, 40000, protocol, vlans=back_tags))
    answers = r.replay(config, asked).front
    assert [p.vlans_of(packet) for packet in answers] == [front_tags] * 4
    assert [p.network(packet).src for packet in answers] == [r.VIP4, r.VIP4, r.VIP6, r.VIP6]
    p.assert_checksums(answers)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_direct_return_between_vlans_of_one_port(family, protocol):
    """Clients on one VLAN, backends on another; backends answer through Limpet's VLAN interface or past it."""
    base = r.direct()
    front, back = ({key: base["ports"][name][key] for key in LINK if key in base["ports"][name]}
                   for name in ("front", "back"))
    config = r.direct(ports={"front": {**dict.fromkeys(LINK), "side": "both",
                                       "vlans": {100: front, 200: {**back, "transit": "route"}}}, "back": None})
    client = r.clients(1, family)[0]
    sent = p.from_client(client, 40000, vip(family), 80, protocol, vlans=[100], payload=b"hello")
    answer = p.frame(p.BACKEND_MACS["b1"], p.FRONT_MAC,
                     p.ip(vip(family), client) / p.l4(protocol, 80, 40000, flags="A", payload=b"answer"), [200])
    scenario = r.Scenario(frames={"front": []}).front(sent, answer)
    got, back_again = r.replay(config, scenario).front
    assert (p.vlans_of(got), p.vlans_of(back_again)) == ([200], [100])
    assert got.dst in p.BACKEND_MACS.values() and back_again.dst == p.ROUTER_MAC
    assert (p.network(got).dst, p.payload_of(got), p.payload_of(back_again)) == (vip(family), b"hello", b"answer")
    p.assert_checksums([got, back_again])


def test_tags_without_an_interface():
    """Only VLAN 100 is configured: the outer tag counts, no other gets in."""
    tags = [(101,), (101, 100), (4095,), (1,)]
    outcome = r.replay(on_vlans(100, 0), r.Scenario().front(
        *(p.from_client("203.0.113.1", 40000, r.VIP4, 80, vlans=row) for row in tags)))
    assert outcome.out == [] and outcome.drops == {"drop_bad_vlan": len(tags)}


@pytest.mark.parametrize("vlans", [(100,), (100, 7)])
def test_answers_keep_the_tags_of_the_question(vlans):
    ping = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.9", r.VIP4) / p.ICMP(type=8) / p.Raw(b"ping"), vlans)
    arp = p.frame(p.ROUTER_MAC, "ff:ff:ff:ff:ff:ff",
                  p.ARP(hwsrc=p.ROUTER_MAC, psrc="192.0.2.254", pdst="192.0.2.1"), vlans)
    used_up = p.from_client("203.0.113.9", 40000, r.VIP4, 80, ttl=1, vlans=vlans)
    outcome = r.replay(on_vlans(100, 0), r.Scenario().front(ping, arp, used_up))
    assert [p.vlans_of(packet) for packet in outcome.front] == [list(vlans)] * 3
    assert {packet.dst for packet in outcome.front} == {p.ROUTER_MAC}
    assert outcome.front[0][p.ICMP].type == 0 and outcome.front[1][p.ARP].op == 2
    assert outcome.front[2][p.ICMP].type == 11
    p.assert_checksums(outcome.front)


@pytest.mark.parametrize("port, target, answered", [
    ("front", "192.0.2.1", True), ("front", r.VIP4, True), ("back", "198.51.100.1", True), ("back", r.VIP4, True),
    ("front", "198.51.100.1", False), ("back", "192.0.2.1", False), ("front", "192.0.2.254", False),
    ("back", r.ADDRESSES4["b1"], False), ("front", "0.0.0.0", False)])
def test_arp_is_answered_on_the_link_of_the_address(port, target, answered):
    """VIPs on every link, own addresses on theirs, nobody else's."""
    mac = p.FRONT_MAC if port == "front" else p.BACK_MAC
    asker = "192.0.2.77" if port == "front" else "198.51.100.77"
    question = p.frame("02:00:00:00:01:77", "ff:ff:ff:ff:ff:ff",
                       p.ARP(hwsrc="02:00:00:00:01:77", psrc=asker, pdst=target))
    outcome = r.replay(r.config(), r.Scenario().add(port, question))
    answers = [packet for packet in outcome.out if p.ARP in packet and packet[p.ARP].op == 2]
    assert [(packet.src, packet[p.ARP].psrc) for packet in answers] == ([(mac, target)] if answered else [])


@pytest.mark.parametrize("source, target", [
    ("198.51.100.11", "198.51.100.1"), ("198.51.100.11", "192.0.2.1"), ("198.51.100.11", r.VIP4),
    ("2001:db8:2::11", "2001:db8:2::1"), ("2001:db8:2::11", "2001:db8:1::1"), ("2001:db8:2::11", r.VIP6)])
def test_backends_may_ping_vips_and_all_own_addresses(source, target):
    echo = (ICMPv6EchoRequest(id=7, seq=3, data=b"ping") if ":" in target else
            p.ICMP(type=8, id=7, seq=3) / p.Raw(b"ping"))
    outcome = r.replay(r.config(), r.Scenario().back(
        p.frame(p.BACKEND_MACS["b1"], p.BACK_MAC, p.ip(source, target) / echo)))
    (got,) = outcome.back
    assert (p.network(got).src, p.network(got).dst, got.dst) == (target, source, p.BACKEND_MACS["b1"])
    assert ICMPv6EchoReply in got if ":" in target else got[p.ICMP].type == 0
    p.assert_checksums([got])


def test_ping_of_others_is_not_answered():
    pings = [p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.9", target) / p.ICMP(type=8) / p.Raw(b"ping"))
             for target in ("192.0.2.2", r.ADDRESSES4["b1"], "203.0.113.10")]
    pings.append(p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("2001:db8:99::9", "2001:db8:1::2") / ICMPv6EchoRequest()))
    outcome = r.replay(r.config(), r.Scenario().front(*pings))
    assert outcome.out == [] and outcome.drops == {"drop_no_service": 4}


def test_echo_replies_and_other_icmp_end_here():
    """To a VIP: nothing that asks for an answer."""
    frames = [p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.9", r.VIP4) / p.ICMP(type=kind) / p.Raw(b"x" * 40))
              for kind in (0, 13, 15, 17)]
    outcome = r.replay(r.config(), r.Scenario().front(*frames))
    assert outcome.out == [] and outcome.drops == {"drop_no_service": 4}


@pytest.mark.parametrize("family", [4, 6])
def test_hop_limit_used_up_on_the_way_back(family):
    """The backend is told, from Limpet's address on the backends' link, with its own packet quoted."""
    client, name = r.clients(1, family)[0], "b1"
    only = r.config(pools={"web": {"backends": {"b2": None, "b3": None}}})
    first = p.from_client(client, 40000, vip(family), 80)
    late = p.from_backend(name, address(name, family), 8080, client, 40000, ttl=1, payload=b"answer")
    outcome = r.replay(only, r.Scenario().front(first).back(late))
    assert outcome.front == []
    error = outcome.back[-1]
    own = "198.51.100.1" if family == 4 else "2001:db8:2::1"
    assert (p.network(error).src, p.network(error).dst, error.dst) == (own, address(name, family), p.BACKEND_MACS[name])
    message = bytes(p.network(error).payload)
    assert message[:2] == (b"\x0b\0" if family == 4 else b"\x03\0")
    assert message[8:] == bytes(p.network(late))
    p.assert_checksums([error])


@pytest.mark.parametrize("family, fragmentable, reported", [(4, True, False), (4, False, True), (6, False, True)])
def test_larger_than_the_way_out(family, fragmentable, reported):
    """Reported with the MTU to who asked not to be cut (RFC 1191) and to IPv6 (RFC 4443), else dropped."""
    sent = p.from_client(r.clients(1, family)[0], 40000, vip(family), 80, payload=b"x" * 1400, flags="A")
    if family == 4 and not fragmentable:
        sent[p.IP].flags = "DF"
    outcome = r.replay(r.config(ports={"back": {"mtu": 1300}}), r.Scenario().front(sent))
    assert outcome.back == []
    if not reported:
        assert outcome.front == [] and outcome.drops == {"drop_too_big": 1}
        return
    (error,) = outcome.front
    message = bytes(p.network(error).payload)
    assert message[:2] == (b"\x03\x04" if family == 4 else b"\x02\0")
    assert int.from_bytes(message[4:8], "big") == 1300
    assert bytes(p.network(sent)).startswith(message[8:]) and len(message) >= 8 + 28
    assert len(bytes(p.network(error))) <= (576 if family == 4 else 1280)
    p.assert_outer_checksum(error)


@pytest.mark.parametrize("family", [4, 6])
def test_udp_checksum_that_works_out_to_zero(family):
    """RFC 768: it is sent as all ones; zero would say that there is none."""
    only = r.config(pools={"web": {"backends": {"b2": None, "b3": None}}})
    client = r.clients(1, family)[0]
    plain = p.from_client(client, 40000, vip(family), 80, "udp", payload=b"\0\0")
    (got,) = r.replay(only, r.Scenario().front(plain)).back
    exact = got[p.UDP].chksum  # with this as payload the sum over the packet that leaves is all ones
    (got,) = r.replay(only, r.Scenario().front(
        p.from_client(client, 40000, vip(family), 80, "udp", payload=exact.to_bytes(2, "big")))).back
    assert got[p.UDP].chksum == 0xFFFF
    p.assert_checksums([got])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_checksums_of_many_connections(family, protocol):
    """Incremental updates over ports, addresses and payloads of odd and even length, both ways."""
    only = r.config(pools={"web": {"backends": {"b2": None, "b3": None}}})
    scenario = r.Scenario()
    for n, client in enumerate(r.clients(200, family)):
        port, payload = (n * 331 + 1) % 65535 + 1, bytes([n]) * (n % 7) + b"x"
        scenario.front(p.from_client(client, port, vip(family), 80, protocol, payload=payload))
        scenario.back(p.from_backend("b1", address("b1", family), 8080, client, port, protocol, payload=payload))
    outcome = r.replay(only, scenario)
    assert (len(outcome.front), len(outcome.back)) == (200, 200)
    p.assert_checksums(outcome.out)
