"""Two gateways towards clients: each connection has its own, and goes over the other one while its own is away.

    [far] --- door ---- br0 [switch] --- back0 [limpet]
      |------ left  ------|
      |------ right ------|

Clients come in by `door`; Limpet knows `left` and `right` as their gateways."""

import re

import pytest
from support import netns
from support.keepalive import Client
from support.lab import VIP4, VIP6, Lab

CLIENTS = [f"203.0.113.{i}" for i in range(10, 22)] + [f"2001:db8:99::{i}" for i in range(10, 22)]
GATEWAYS = {"left": 251, "right": 252, "door": 253}
SEEN = """
table netdev seen {
  set flows { type inet_service; flags dynamic; size 4096; }
  chain in { type filter hook ingress device eth0 priority 0; tcp sport 80 add @flows { tcp dport }; }
}
"""


def gateway4(name: str) -> str:
    return f"198.51.100.{GATEWAYS[name]}"


def gateway6(name: str) -> str:
    return f"2001:db8:2::{GATEWAYS[name]}"


def make_router(lab, far, name: str) -> netns.Namespace:
    """Between the switch and `far`, which takes packets from anywhere."""
    router, number = lab._namespace(name), GATEWAYS[name] - 250
    netns.join(router, "eth0", lab.namespaces["switch"], f"to{name}")
    lab.namespaces["switch"].ip("link", "set", f"to{name}", "master", "br0")
    netns.join(router, "far0", far, name)
    router.address("eth0", f"{gateway4(name)}/24", f"{gateway6(name)}/64")
    router.address("far0", f"10.9.{number}.1/24", f"2001:db8:9:{number}::1/64")
    far.address(name, f"10.9.{number}.2/24", f"2001:db8:9:{number}::2/64")
    router.sysctl("net.ipv4.ip_forward", 1)
    router.sysctl("net.ipv6.conf.all.forwarding", 1)
    for scope in ("all", "eth0", "far0"):
        router.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
    router.ip("route", "add", "203.0.113.0/24", "via", f"10.9.{number}.2")
    router.ip("-6", "route", "add", "2001:db8:99::/64", "via", f"2001:db8:9:{number}::2")
    router.ip("route", "add", VIP4, "via", "198.51.100.1")
    router.ip("-6", "route", "add", VIP6, "via", "2001:db8:2::1")
    router.run("nft", "-f", "-", input=SEEN)
    return router


@pytest.fixture
def lab():
    with Lab(backends=2, clients=1) as made:
        far = made._namespace("far")
        for address in CLIENTS:
            far.address("lo", f"{address}/{128 if ':' in address else 32}")
        made.routers = {name: make_router(made, far, name) for name in GATEWAYS}
        for scope in ("all", *GATEWAYS):
            far.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        far.ip("route", "add", VIP4, "via", "10.9.3.1")
        far.ip("-6", "route", "add", VIP6, "via", "2001:db8:9:3::1")
        yield made


def seen(lab, name: str) -> set[int]:
    """The client ports whose packets came by this gateway since the last look."""
    router = lab.routers[name]
    listed = router.run("nft", "list", "set", "netdev", "seen", "flows").stdout
    router.run("nft", "flush", "set", "netdev", "seen", "flows")
    elements = re.search(r"elements = \{([^}]*)\}", listed)
    return {int(port) for port in elements[1].split(",")} if elements else set()


def neighbor(limpetd, name: str) -> set[str]:
    rows = limpetd.json("show", "neighbors")
    return {row["state"] for row in rows if row["address"] in (gateway4(name), gateway6(name))}


def test_connections_keep_their_gateway_and_go_over_the_other_while_it_is_away(lab):
    routes = [{"to": "203.0.113.0/24", "via": [gateway4("left"), gateway4("right")]},
              {"to": "2001:db8:99::/64", "via": [gateway6("left"), gateway6("right")]}]
    limpetd = lab.start_limpetd(lab.config(ports={"back": {"routes": routes}}))
    limpetd.wait_for(lambda: neighbor(limpetd, "left") == neighbor(limpetd, "right") == {"reachable"}, "the gateways")
    with Client(lab.namespaces["far"], CLIENTS, {4: VIP4, 6: VIP6}) as client:
        names = client.ask()
        assert set(names.values()) == {"b1", "b2"}
        home = {name: seen(lab, name) for name in ("left", "right")}
        assert home["left"] and home["right"] and not home["left"] & home["right"]
        assert len(home["left"] | home["right"]) == len(CLIENTS)

        lab.namespaces["switch"].ip("link", "set", "toleft", "down")
        limpetd.wait_for(lambda: neighbor(limpetd, "left") == {"failed"}, "the gateway to fail")
        assert client.ask() == names
        assert (seen(lab, "left"), seen(lab, "right")) == (set(), home["left"] | home["right"])

        lab.namespaces["switch"].ip("link", "set", "toleft", "up")
        limpetd.wait_for(lambda: neighbor(limpetd, "left") == {"reachable"}, "the gateway to come back")
        assert client.ask() == names
        assert {name: seen(lab, name) for name in ("left", "right")} == home
    assert limpetd.json("show", "violations") == [] and limpetd.moves() == []
