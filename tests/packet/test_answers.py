"""What Limpet answers by itself: ARP and ND, ping, time exceeded."""

import socket

import pytest
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr)
from scapy.utils6 import in6_getnsma, in6_getnsmac
from support import packets as p
from support import replay as r

ASKER4, ASKER6, ASKER_MAC = "192.0.2.77", "2001:db8:1::77", "02:00:00:00:01:77"


def run_front(*frames, **changes):
    return r.replay(r.config(**changes), r.Scenario().front(*frames))


def arp_request(address: str, vlans=()) -> p.Packet:
    request = p.ARP(op="who-has", hwsrc=ASKER_MAC, psrc=ASKER4, pdst=address)
    return p.frame(ASKER_MAC, "ff:ff:ff:ff:ff:ff", request, vlans)


def solicitation(address: str) -> p.Packet:
    group = in6_getnsma(socket.inet_pton(socket.AF_INET6, address))
    return p.frame(ASKER_MAC, in6_getnsmac(group),
                   p.IPv6(src=ASKER6, dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255) /
                   ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=ASKER_MAC))


@pytest.mark.parametrize("address", ["192.0.2.1", r.VIP4])
def test_arp_for_own_address_and_vip(address):
    outcome = run_front(arp_request(address))
    (got,) = [packet for packet in outcome.front if p.ARP in packet]
    assert (got.src, got.dst) == (p.FRONT_MAC, ASKER_MAC)
    assert got[p.ARP].op == 2
    assert (got[p.ARP].psrc, got[p.ARP].hwsrc) == (address, p.FRONT_MAC)
    assert (got[p.ARP].pdst, got[p.ARP].hwdst) == (ASKER4, ASKER_MAC)


def test_arp_for_others_is_left_to_them():
    outcome = run_front(arp_request("192.0.2.50"))
    assert outcome.front == [] and outcome.drops == {"drop_consumed": 1}


@pytest.mark.parametrize("address", ["2001:db8:1::1", r.VIP6])
def test_neighbour_solicitation_for_own_address_and_vip(address):
    outcome = run_front(solicitation(address))
    (got,) = outcome.front
    assert (got.src, got.dst) == (p.FRONT_MAC, ASKER_MAC)
    assert (got[p.IPv6].src, got[p.IPv6].dst, got[p.IPv6].hlim) == (address, ASKER6, 255)
    assert got[ICMPv6ND_NA].tgt == address and got[ICMPv6ND_NA].S == 1
    assert got[ICMPv6NDOptDstLLAddr].lladdr == p.FRONT_MAC
    p.assert_checksums([got])


def test_neighbour_solicitation_from_afar_is_ignored():
    """RFC 4861, section 7.1.1: a hop limit below 255 means that a router passed it on."""
    packet = solicitation(r.VIP6)
    packet[p.IPv6].hlim = 254
    assert run_front(packet).front == []


@pytest.mark.parametrize("target", [r.VIP4, "192.0.2.1"])
def test_ping(target):
    request = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.9", target) /
                      p.ICMP(type=8, id=7, seq=3) / p.Raw(b"are you there"))
    outcome = run_front(request)
    (got,) = outcome.front
    assert (got[p.IP].src, got[p.IP].dst, got.dst) == (target, "203.0.113.9", p.ROUTER_MAC)
    assert (got[p.ICMP].type, got[p.ICMP].id, got[p.ICMP].seq) == (0, 7, 3)
    assert bytes(got[p.ICMP].payload) == b"are you there"
    assert outcome.counters["replied"] == 1
    p.assert_checksums([got])


@pytest.mark.parametrize("target", [r.VIP6, "2001:db8:1::1"])
def test_ping6(target):
    request = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("2001:db8:99::9", target) /
                      ICMPv6EchoRequest(id=7, seq=3, data=b"are you there"))
    (got,) = run_front(request).front
    assert (got[p.IPv6].src, got[p.IPv6].dst) == (target, "2001:db8:99::9")
    assert (got[ICMPv6EchoReply].id, got[ICMPv6EchoReply].data) == (7, b"are you there")
    p.assert_checksums([got])


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_ttl_used_up(family, protocol):
    client, vip = r.clients(1, family)[0], r.VIP4 if family == 4 else r.VIP6
    outcome = run_front(p.from_client(client, 40000, vip, 80, protocol, ttl=1))
    assert outcome.back == []
    (got,) = outcome.front
    assert p.network(got).dst == client and got.dst == p.ROUTER_MAC
    if family == 4:
        assert (got[p.IP].src, got[p.ICMP].type, got[p.ICMP].code) == ("192.0.2.1", 11, 0)
        quoted = bytes(got[p.ICMP].payload)
    else:
        assert got[p.IPv6].src == "2001:db8:1::1"
        message = bytes(got[p.IPv6].payload)
        assert message[:2] == bytes([3, 0])
        quoted = message[8:]
    original = bytes(p.network(p.from_client(client, 40000, vip, 80, protocol, ttl=1)))
    assert len(quoted) >= 28 and original.startswith(quoted[:len(original)])
    p.assert_checksums([got])


def test_ttl_of_two_passes_with_one():
    (got,) = run_front(p.from_client("203.0.113.1", 40000, r.VIP4, 80, ttl=2)).back
    assert p.ttl_of(got) == 1


def test_no_error_about_an_error():
    """RFC 1122, section 3.2.2: never an ICMP error about an ICMP error."""
    error = p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.9", "198.51.100.11", ttl=1) /
                    p.ICMP(type=3, code=1) / p.ip("198.51.100.11", "203.0.113.9") / p.l4("udp", 1, 2))
    assert run_front(error, ports={"front": {"transit": "route"}}).front == []
