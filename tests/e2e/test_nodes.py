"""Two nodes with one secret and one VIP: what one has begun with a client the other goes on with."""

import contextlib
import shutil
import socket

import pytest
from support import netns
from support.lab import FRONT_MAC, VIP4, VIP6, Lab, client4, client6, merged
from support.limpetd import Limpetd, eal_options

OTHER_MAC = "02:00:00:00:00:03"
UP_LONGER_S = 1_000_000  # clocks since boot have nothing to do with each other
PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}}


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=2, forwarding="full_nat", one_arm=True) as made:
        other = made._namespace("other")
        netns.join(other, "front0", made.namespaces["switch"], "toother")
        made.namespaces["switch"].ip("link", "set", "toother", "master", "br0")
        other.address("front0", "198.51.100.3/24", "2001:db8:2::3/64")
        yield made


@pytest.fixture(scope="module")
def nodes(lab):
    """The lab's limpetd and another one, on a machine that has been up for longer."""
    config = lab.config(profiles=PROFILES, services={"web": {"persist": ["route"]}})
    one = lab.start_limpetd(config)
    folder, tables = lab.folder / "other", lab.tables / "other"
    folder.mkdir()
    tables.mkdir()
    own = {
        "limpetd": {"socket": str(folder / "limpetd.sock"), "state_dir": str(folder / "state"),
                    "tables": str(tables), "secret_file": str(folder / "secret"), "eal": eal_options(f"{lab.prefix}other")},
        "ports": {"front": {"mac": OTHER_MAC, "addresses": ["192.0.2.2/24", "2001:db8:1::2/64", "198.51.100.4/24",
                                                            "2001:db8:2::4/64"]}},
        "services": {"web": {"local_addresses": ["198.51.100.202/31", "2001:db8:2::202"]}},
    }
    shutil.copy2(lab.folder / "secret", folder / "secret")
    other = Limpetd(lab.namespaces["other"], folder, merged(config, own), booted_s=UP_LONGER_S)
    other.start()
    for name in other.backends():
        other.wait_health(name, "up")
    yield one, other
    assert other.stop() == 0


def send_vips_to(lab, mac: str):
    """The client's router changes its mind."""
    for vip in (VIP4, VIP6):
        lab.namespaces["client"].ip("neigh", "replace", vip, "lladdr", mac, "dev", "eth0", "nud", "permanent")


@contextlib.contextmanager
def nothing_but_syns(client):
    """Whatever else the client's kernel sends gets lost."""
    client.run("nft", "add table inet loss; add chain inet loss out { type filter hook output priority 0; }; "
                      "add rule inet loss out tcp dport 80 tcp flags & syn == 0 drop")
    try:
        yield
    finally:
        client.run("nft", "delete table inet loss")


@pytest.mark.parametrize("source", [client4(0), client6(0)])
@pytest.mark.parametrize("begins_at", [0, 1])
def test_a_handshake_begun_with_one_node_goes_on_with_the_other(lab, nodes, source, begins_at):
    began, goes_on = nodes[begins_at], nodes[1 - begins_at]
    macs = [FRONT_MAC, OTHER_MAC]
    for name in lab.names:
        before = [node.counters() for node in (began, goes_on)]
        send_vips_to(lab, macs[begins_at])
        with lab.namespaces["client"].inside():
            connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        with connection:
            connection.settimeout(10)
            connection.bind((source, 0))
            with nothing_but_syns(lab.namespaces["client"]):
                connection.connect((VIP6 if ":" in source else VIP4, 80))
            send_vips_to(lab, macs[1 - begins_at])
            connection.sendall(f"GET / HTTP/1.0\r\nCookie: SERVER=s.{name}\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        assert answer.endswith(f"\r\n\r\n{name}\n"), answer
        rose = [{key: value - was.get(key, 0) for key, value in node.counters().items()}
                for node, was in zip((began, goes_on), before)]
        assert (rose[0]["syn_cookies"], rose[0].get("delayed_opened", 0)) == (1, 0)
        assert (rose[1].get("syn_cookies", 0), rose[1]["delayed_opened"], rose[1]["delayed_spliced"]) == (0, 1, 1)


def test_a_process_knows_the_cookies_of_the_one_before(lab, nodes):
    """Nothing is kept of a SYN, yet a restart between it and what follows is not noticed."""
    one = nodes[0]
    send_vips_to(lab, FRONT_MAC)
    with lab.namespaces["client"].inside():
        connection = socket.socket()
    with connection:
        connection.settimeout(20)
        with nothing_but_syns(lab.namespaces["client"]):
            connection.connect((VIP4, 80))
            assert one.stop() == 0
            one.start()
            for name in one.backends():
                one.wait_health(name, "up")
        connection.sendall(b"GET / HTTP/1.0\r\nCookie: SERVER=s.b2\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert answer.endswith("\r\n\r\nb2\n"), answer
    assert one.counters().get("syn_cookies", 0) == 0
