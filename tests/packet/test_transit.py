"""Traffic of no service: dropped and counted, routed, or given to the kernel, as the port it came by says; and the
replies of direct-return backends, which may pass through Limpet."""

import pytest
from support import packets as p
from support import replay as r

KERNEL = {"kernel": "net_null2"}


def answer_of_nobody(**segment) -> p.Packet:
    """From a backend's service address to a client without a flow."""
    return p.from_backend("b1", r.ADDRESSES4["b1"], 8080, "203.0.113.5", 4000, **segment)


def own_connection() -> p.Packet:
    """A backend as a client of the world."""
    return p.from_backend("b1", r.ADDRESSES4["b1"], 5555, "203.0.113.5", 443, flags="S")


def own_connection6() -> p.Packet:
    return p.from_backend("b1", r.ADDRESSES6["b1"], 5555, "2001:db8:99::5", 53, "udp")


ROWS = {  # transit: counter that ends it (None: it leaves by the front)
    "opens": (own_connection, {"drop": "drop_no_service", "kernel": "punted", "route": None}),
    "opens, v6": (own_connection6, {"drop": "drop_no_service", "kernel": "punted", "route": None}),
    "without a flow": (lambda: answer_of_nobody(flags="S"), {"drop": "drop_no_return_flow", "kernel": "punted",
                                                             "route": None}),
}


@pytest.mark.parametrize("transit", ["drop", "kernel", "route"])
@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("workers", [1, 4])
def test_from_backends(what, transit, workers):
    make, ends = ROWS[what]
    sent = make()
    config = r.config(ports={"back": {"transit": transit, **(KERNEL if transit == "kernel" else {})}})
    outcome = r.replay(config, r.Scenario().back(sent), workers=workers)
    assert outcome.back == []
    if ends[transit] is not None:
        assert outcome.front == [] and outcome.counters[ends[transit]] == 1
        return
    (got,) = outcome.front
    assert outcome.counters["routed"] == 1
    assert (got.src, got.dst) == (p.FRONT_MAC, p.ROUTER_MAC)
    assert (p.network(got).src, p.network(got).dst) == (p.network(sent).src, p.network(sent).dst)
    assert p.ttl_of(got) == 63 and bytes(p.transport(got)) == bytes(p.transport(sent))
    p.assert_checksums([got])


@pytest.mark.parametrize("transit", ["drop", "route"])
def test_from_the_front(transit):
    """The front's own rule counts for what comes in there: to a backend's own address."""
    sent = p.from_client("203.0.113.5", 4000, r.ADDRESSES4["b1"], 22)
    outcome = r.replay(r.config(ports={"front": {"transit": transit}, "back": {"transit": "route"}}),
                       r.Scenario().front(sent))
    if transit == "drop":
        assert outcome.out == [] and outcome.drops == {"drop_no_service": 1}
    else:
        (got,) = outcome.back
        assert (got.dst, got[p.IP].dst, got[p.TCP].dport) == (p.BACKEND_MACS["b1"], r.ADDRESSES4["b1"], 22)
        p.assert_checksums([got])


def test_route_without_a_route():
    config = r.config(ports={"front": {"routes": None}, "back": {"transit": "route"}})
    outcome = r.replay(config, r.Scenario().back(own_connection()))
    assert outcome.out == [] and outcome.drops == {"drop_no_route": 1}


def test_routed_hop_limit():
    config = r.config(ports={"back": {"transit": "route"}})
    sent = own_connection()
    sent[p.IP].ttl = 1
    (error,) = r.replay(config, r.Scenario().back(sent)).back
    assert (error[p.IP].src, error[p.ICMP].type) == ("198.51.100.1", 11)


def test_fragments_are_routed_but_not_balanced():
    """No service is meant by a fragment between others."""
    part = p.frame(p.BACKEND_MACS["b1"], p.BACK_MAC, p.IP(src=r.ADDRESSES4["b1"], dst="203.0.113.5", id=9, flags="MF",
                                                         proto=17) / p.Raw(b"x" * 64))
    assert len(r.replay(r.config(ports={"back": {"transit": "route"}}), r.Scenario().back(part)).front) == 1
    assert r.replay(r.config(), r.Scenario().back(part)).drops == {"drop_no_service": 1}


@pytest.mark.parametrize("transit", ["drop", "route"])
def test_groups_are_never_routed(transit):
    """Multicast that is no neighbour message: nobody's service."""
    sent = p.frame(p.BACKEND_MACS["b1"], "01:00:5e:00:00:fb", p.ip(r.ADDRESSES4["b1"], "224.0.0.251") /
                   p.l4("udp", 5353, 5353))
    outcome = r.replay(r.config(ports={"back": {"transit": transit}}), r.Scenario().back(sent))
    assert outcome.out == [] and outcome.drops == {"drop_no_service": 1}


KERNELS = {  # with a kernel device, what is Limpet's own and no service's goes there; VIPs' services stay
    "to an own address": (p.from_client("203.0.113.5", 4000, "192.0.2.1", 22), "drop_no_kernel"),
    "ICMP to an own address": (p.frame(p.ROUTER_MAC, p.FRONT_MAC, p.ip("203.0.113.5", "192.0.2.1") /
                                       p.ICMP(type=0) / p.Raw(b"pong")), "drop_no_kernel"),
    "to a VIP, no service": (p.from_client("203.0.113.5", 4000, r.VIP4, 22), "drop_no_service"),
    "not IP": (p.Ether(src=p.ROUTER_MAC, dst=p.FRONT_MAC, type=0x88CC) / p.Raw(b"\0" * 50), "drop_not_ip"),
    "ARP for others": (p.frame(p.ROUTER_MAC, "ff:ff:ff:ff:ff:ff", p.ARP(hwsrc=p.ROUTER_MAC, psrc="192.0.2.254",
                                                                       pdst="192.0.2.50")), "drop_consumed"),
}


@pytest.mark.parametrize("packet, without", KERNELS.values(), ids=KERNELS)
def test_the_kernels_share(packet, without):
    outcome = r.replay(r.config(), r.Scenario().front(packet))
    assert outcome.out == [] and outcome.drops == {without: 1}
    outcome = r.replay(r.config(ports={"front": KERNEL}), r.Scenario().front(packet))
    assert outcome.out == [] and outcome.drops == {} and outcome.counters["punted"] == 1


def test_services_are_not_the_kernels():
    config = r.config(ports={"front": {**KERNEL, "transit": "kernel"}, "back": {"kernel": "net_null3"}})
    outcome = r.replay(config, r.Scenario().front(p.from_client("203.0.113.1", 40000, r.VIP4, 80)))
    assert len(outcome.back) == 1 and outcome.counters["punted"] == 0


@pytest.mark.parametrize("family", [4, 6])
def test_replies_of_direct_return(family):
    """A backend whose gateway is Limpet: its replies have the VIP as source already and pass unchanged where transit
    is routed; from the VIP on another port they are no service's and end."""
    client, vip = r.clients(1, family)[0], r.VIP4 if family == 4 else r.VIP6
    config = r.direct(ports={"back": {"transit": "route"}})
    good, bad = (p.from_backend("b1", vip, port, client, 40000, payload=b"answer") for port in (80, 81))
    outcome = r.replay(config, r.Scenario().back(good, bad))
    (got,) = outcome.front
    assert (p.network(got).src, p.transport(got).sport, p.ttl_of(got)) == (vip, 80, 63)
    assert bytes(p.transport(got)) == bytes(p.transport(good))
    assert outcome.drops == {"drop_bad_source": 1}
    p.assert_checksums([got])
