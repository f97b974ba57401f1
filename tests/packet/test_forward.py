"""One packet there and one back: what may change in it, and that nothing else does."""

import pytest
from support import packets as p
from support import replay as r

CASES = [(forwarding, family, protocol) for forwarding in ("nat", "dr") for family in (4, 6)
         for protocol in ("tcp", "udp")]


def vip(family: int) -> str:
    return r.VIP4 if family == 4 else r.VIP6


def settings(forwarding: str, **changes) -> dict:
    return r.config(**changes) if forwarding == "nat" else r.direct(**changes)


@pytest.mark.parametrize("forwarding, family, protocol", CASES)
def test_to_backend(forwarding, family, protocol):
    client = r.clients(1, family)[0]
    sent = p.from_client(client, 40000, vip(family), 80, protocol, payload=b"hello")
    outcome = r.replay(settings(forwarding), r.Scenario().front(sent))
    (got,) = outcome.back
    assert outcome.front == []
    name = r.backend_of(got)
    assert (got.src, p.vlans_of(got)) == (p.BACK_MAC, [])
    assert p.network(got).src == client and p.transport(got).sport == 40000
    assert p.ttl_of(got) == 63
    assert p.payload_of(got) == b"hello"
    if forwarding == "nat":
        table = r.ADDRESSES4 if family == 4 else r.ADDRESSES6
        assert (p.network(got).dst, p.transport(got).dport) == (table[name], 8080)
    else:
        assert (p.network(got).dst, p.transport(got).dport) == (vip(family), 80)
    p.assert_checksums([got])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_answer_has_vip_as_source(family, protocol):
    client = r.clients(1, family)[0]
    first = p.from_client(client, 40000, vip(family), 80, protocol)
    name = r.backend_of(r.replay(r.config(), r.Scenario().front(first)).back[0])
    address = (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)[name]
    answer = p.from_backend(name, address, 8080, client, 40000, protocol, payload=b"answer")
    outcome = r.replay(r.config(), r.Scenario().front(first).back(answer))
    (got,) = outcome.front
    assert (got.src, got.dst) == (p.FRONT_MAC, p.ROUTER_MAC)
    assert (p.network(got).src, p.transport(got).sport) == (vip(family), 80)
    assert (p.network(got).dst, p.transport(got).dport) == (client, 40000)
    assert p.payload_of(got) == b"answer" and p.ttl_of(got) == 63
    assert outcome.counters["forwarded_back"] == 1 and outcome.counters["flow_return_guessed"] == 0
    p.assert_checksums([got])


@pytest.mark.parametrize("vlans", [(), (100,), (100, 7)])
@pytest.mark.parametrize("forwarding, family, protocol", CASES)
def test_vlan_tags(forwarding, family, protocol, vlans):
    """Tags end at Limpet; a packet leaves with the tag of the interface it leaves by."""
    front = r.config()["ports"]["front"]
    tagged = {key: front[key] for key in ("addresses", "neighbors", "routes")}
    ports = {"front": {"vlans": {100: tagged}, **dict.fromkeys(tagged)}} if vlans else {}
    config = settings(forwarding, ports=ports)
    client = r.clients(1, family)[0]
    sent = p.from_client(client, 40000, vip(family), 80, protocol, payload=b"hello", vlans=vlans)
    outcome = r.replay(config, r.Scenario().front(sent))
    (got,) = outcome.back
    assert p.vlans_of(got) == [] and p.payload_of(got) == b"hello"
    p.assert_checksums([got])
    if forwarding == "nat":
        name = r.backend_of(got)
        address = (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)[name]
        answer = p.from_backend(name, address, 8080, client, 40000, protocol, payload=b"answer")
        (back,) = r.replay(config, r.Scenario().front(sent).back(answer)).front
        assert p.vlans_of(back) == list(vlans[:1])
        assert p.network(back).src == vip(family)
        p.assert_checksums([back])


def test_unknown_vlan():
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, vlans=(200,))
    assert r.replay(r.config(), r.Scenario().front(sent)).drops == {"drop_bad_vlan": 1}


@pytest.mark.parametrize("family", [4, 6])
def test_ethernet_padding_does_not_travel(family):
    sent = bytes(p.from_client(r.clients(1, family)[0], 40000, vip(family), 80)) + bytes(30)
    (got,) = r.replay(r.config(), r.Scenario().front(sent)).back
    assert len(bytes(got)) == len(sent) - 30
    p.assert_checksums([got])


def test_udp_without_checksum_stays_without():
    """RFC 768: an all-zero checksum in IPv4 says that there is none."""
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, "udp")
    sent[p.UDP].chksum = 0
    (got,) = r.replay(r.config(), r.Scenario().front(sent)).back
    assert got[p.UDP].chksum == 0


def test_ipv4_options_are_kept():
    packet = p.from_client("203.0.113.1", 40000, r.VIP4, 80, payload=b"x")
    packet[p.IP].options = b"\x01\x01\x01\x00"
    (got,) = r.replay(r.config(), r.Scenario().front(packet)).back
    assert got[p.IP].ihl == 6
    p.assert_checksums([got])


def test_ipv6_extension_header_is_walked():
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt

    packet = p.frame(p.ROUTER_MAC, p.FRONT_MAC,
                     p.ip("2001:db8:99::1", r.VIP6) / IPv6ExtHdrDestOpt() / p.l4("tcp", 40000, 80))
    (got,) = r.replay(r.config(), r.Scenario().front(packet)).back
    assert p.network(got).dst in r.ADDRESSES6.values()
    p.assert_checksums([got])


def test_priority_tag_is_no_vlan():
    sent = p.from_client("203.0.113.1", 40000, r.VIP4, 80, vlans=(0,))
    (got,) = r.replay(r.config(), r.Scenario().front(sent)).back
    assert p.vlans_of(got) == []
