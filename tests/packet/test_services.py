"""Which service takes a packet: exact address and port, any port, prefix; the longest wins."""

import pytest
from support import packets as p
from support import replay as r

POOLS = {name: {"backends": {backend: {"address": r.ADDRESSES4[backend]}}}
         for name, backend in (("exact", "b1"), ("any", "b2"), ("wide", "b3"))}
SERVICES = {"web": None} | {
    name: {"listen": listen, "forwarding": "nat", "pool": name, "persist": ["client"]}
    for name, listen in (("exact", "192.0.2.10:80/tcp"), ("any", "192.0.2.10:*/tcp"), ("wide", "192.0.2.0/28:80/tcp"))}


def settings(**changes) -> dict:
    return r.config(pools={"web": None, **POOLS}, services=SERVICES, **changes)


@pytest.mark.parametrize("address, port, backend", [
    ("192.0.2.10", 80, "b1"),
    ("192.0.2.10", 443, "b2"),
    ("192.0.2.10", 1, "b2"),
    ("192.0.2.9", 80, "b3"),
    ("192.0.2.15", 80, "b3"),
    ("192.0.2.9", 81, None),
    ("192.0.2.16", 80, None),
])
def test_longest_first(address, port, backend):
    outcome = r.replay(settings(), r.Scenario().front(p.from_client("203.0.113.1", 40000, address, port)))
    if backend is None:
        assert outcome.back == [] and outcome.drops == {"drop_no_service": 1}
    else:
        (got,) = outcome.back
        assert r.backend_of(got) == backend
        assert got[p.TCP].dport == port  # a backend without a port keeps the client's
        p.assert_checksums([got])


def test_protocols_are_told_apart():
    packet = p.from_client("203.0.113.1", 40000, "192.0.2.10", 80, "udp")
    assert r.replay(settings(), r.Scenario().front(packet)).drops == {"drop_no_service": 1}


@pytest.mark.parametrize("address, port", [("192.0.2.10", 443), ("192.0.2.9", 80), ("192.0.2.12", 80)])
def test_answer_comes_from_where_the_client_asked(address, port):
    first = p.from_client("203.0.113.1", 40000, address, port)
    name = r.backend_of(r.replay(settings(), r.Scenario().front(first)).back[0])
    answer = p.from_backend(name, r.ADDRESSES4[name], port, "203.0.113.1", 40000)
    (got,) = r.replay(settings(), r.Scenario().front(first).back(answer)).front
    assert (got[p.IP].src, got[p.TCP].sport) == (address, port)
    p.assert_checksums([got])


def test_ipv6_prefix_and_any_port():
    pools = {"six": {"backends": {"b1": {"address": r.ADDRESSES6["b1"]}}}}
    services = {"six": {"listen": "[2001:db8:5::/48]:*/udp", "forwarding": "nat", "pool": "six", "persist": ["client"]}}
    packet = p.from_client("2001:db8:99::1", 40000, "2001:db8:5:1::7", 5353, "udp")
    config = r.config(pools=pools, services=services)
    (got,) = r.replay(config, r.Scenario().front(packet)).back
    assert (got[p.IPv6].dst, got[p.UDP].dport) == (r.ADDRESSES6["b1"], 5353)
    answer = p.from_backend("b1", r.ADDRESSES6["b1"], 5353, "2001:db8:99::1", 40000, "udp")
    (back,) = r.replay(config, r.Scenario().front(packet).back(answer)).front
    assert (back[p.IPv6].src, back[p.UDP].sport) == ("2001:db8:5:1::7", 5353)
    p.assert_checksums([got, back])


def test_one_client_port_towards_two_services_on_one_backend():
    """Both connections end at one backend with the same client address and port: the second gets another port
    there, and its answers find the way back to the port the client used."""
    pool = {"one": {"backends": {"b1": {"address": f"{r.ADDRESSES4['b1']}:8080"}}}}
    services = {"web": None} | {
        name: {"listen": f"{vip}:80/tcp", "forwarding": "nat", "pool": "one", "persist": ["client"]}
        for name, vip in (("first", "192.0.2.10"), ("second", "192.0.2.11"))}
    config = r.config(pools={"web": None, **pool}, services=services)
    asked = r.Scenario()
    for vip in ("192.0.2.10", "192.0.2.11"):
        asked.front(p.from_client("203.0.113.1", 40000, vip, 80))
    outcome = r.replay(config, asked)
    first, second = (packet[p.TCP].sport for packet in outcome.back)
    assert first == 40000 and second != 40000
    assert outcome.counters["flow_port_rewritten"] == 1
    for port in (first, second):
        asked.back(p.from_backend("b1", r.ADDRESSES4["b1"], 8080, "203.0.113.1", port))
    answers = r.replay(config, asked).front
    assert [(packet[p.IP].src, packet[p.TCP].dport) for packet in answers] == [("192.0.2.10", 40000),
                                                                                ("192.0.2.11", 40000)]
    p.assert_checksums([*outcome.back, *answers])


@pytest.mark.parametrize("transit, leaves", [("drop", False), ("route", True)])
def test_backend_traffic_of_no_service(transit, leaves):
    config = r.config(ports={"back": {"transit": transit}})
    packet = p.from_backend("b1", r.ADDRESSES4["b1"], 5555, "203.0.113.1", 53, "udp")
    outcome = r.replay(config, r.Scenario().back(packet))
    assert bool(outcome.front) == leaves
    if leaves:
        (got,) = outcome.front
        assert got[p.IP].src == r.ADDRESSES4["b1"] and got.dst == p.ROUTER_MAC and got[p.IP].ttl == 63
        assert outcome.counters["routed"] == 1
        p.assert_checksums([got])
    else:
        assert outcome.drops == {"drop_no_service": 1}


def test_thousand_services():
    services = {"web": None} | {
        f"s{n}": {"listen": f"198.18.{n // 250}.{n % 250 + 1}:80/tcp", "forwarding": "nat", "pool": "web",
                  "persist": ["client"]} for n in range(1000)}
    scenario = r.Scenario()
    for n in range(0, 1000, 37):
        scenario.front(p.from_client("203.0.113.1", 40000 + n, f"198.18.{n // 250}.{n % 250 + 1}", 80))
    outcome = r.replay(r.config(services=services), scenario)
    assert len(outcome.back) == scenario.count
