"""The exception path: the host's own services and connections over a port that Limpet drives.

    client --- front0 [limpetd] frontk0 --- frontk1 (the host beside Limpet)

frontk1 gets the port's MAC address and addresses from limpetd."""

import json
import socket
import threading
import time

import pytest
from support import netns
from support.crowd import Crowd
from support.lab import FRONT_MAC, Lab, client4, client6, merged

OWN = {4: "192.0.2.1", 6: "2001:db8:1::1"}
PORT = 8022  # a service of the host's
KERNEL = {"kernel": "net_af_packet2,iface=frontk0"}
SERVER = ["/usr/bin/python3", "-m", "http.server", str(PORT), "--bind", "::", "--directory"]


@pytest.fixture
def lab():
    with Lab(backends=2, clients=4) as made:
        limpet = made.namespaces["limpet"]
        netns.join(limpet, "frontk0", limpet, "frontk1")
        (made.folder / "page").mkdir()
        (made.folder / "page" / "small").write_text("well\n")
        (made.folder / "page" / "large").write_bytes(bytes(range(256)) * 8192)
        servers = [made.namespaces[name].popen(*SERVER, made.folder / "page", stderr=(made.folder / "http.log").open("w"))
                   for name in ("limpet", "client")]
        yield made
        for server in servers:
            server.terminate()
            server.wait()


def settings(lab, **changes) -> dict:
    return merged(lab.config(ports={"front": KERNEL}), changes)


def fetch(namespace, source: str, address: str, page="small") -> str:
    host = f"[{address}]" if ":" in address else address
    return namespace.run("curl", "-s", "-S", "-m", 10, "--interface", source, "--retry", 5, "--retry-connrefused",
                         "-w", "%{size_download}", "-o", "/dev/null", f"http://{host}:{PORT}/{page}", timeout_s=100).stdout


def own_addresses(lab) -> set[str]:
    (link,) = json.loads(lab.namespaces["limpet"].run("ip", "-j", "addr", "show", "dev", "frontk1").stdout)
    assert link["address"] == FRONT_MAC
    return {f"{row['local']}/{row['prefixlen']}" for row in link["addr_info"] if row["scope"] == "global"}


def test_the_host_speaks_over_the_same_port(lab):
    """Asked from outside, and asking, both families, while clients go on."""
    limpetd = lab.start_limpetd(settings(lab))
    assert own_addresses(lab) == {"192.0.2.1/24", "2001:db8:1::1/64"}
    client, limpet = lab.namespaces["client"], lab.namespaces["limpet"]
    with Crowd(client, lab.sessions(), every_s=0.2) as crowd:
        for family, address in ((4, client4(0)), (6, client6(0))):
            assert fetch(client, address, OWN[family]) == "5"
            assert fetch(client, address, OWN[family], "large") == str(256 * 8192)
            assert fetch(limpet, OWN[family], address, "large") == str(256 * 8192)
        crowd.wait_rounds(3)
        for source, seen in crowd.turn_page().items():
            assert not seen.failed and not seen.broken, f"{source}: {seen}"
            assert len({*seen.short, *seen.kept}) == 1, f"{source}: {seen}"
    counters = limpetd.counters()
    assert counters["punted"] > 100 and counters["from_kernel"] > 100
    assert limpetd.json("show", "violations") == []


def test_addresses_follow_an_apply_and_others_stay(lab):
    limpetd = lab.start_limpetd(settings(lab))
    lab.namespaces["limpet"].address("frontk1", "203.0.113.7/32")
    front = settings(lab)["ports"]["front"]
    limpetd.apply(settings(lab, ports={"front": {"addresses": [*front["addresses"], "198.18.0.1/24"]}}))
    limpetd.wait_for(lambda: "198.18.0.1/24" in own_addresses(lab), "the new address")
    limpetd.apply(settings(lab))
    limpetd.wait_for(lambda: own_addresses(lab) == {"192.0.2.1/24", "2001:db8:1::1/64", "203.0.113.7/32"},
                     "the address to go")


def test_a_flood_of_what_is_for_the_host_stops_neither_it_nor_clients(lab):
    limpetd = lab.start_limpetd(settings(lab))
    client = lab.namespaces["client"]
    stop = threading.Event()

    def flood():
        with client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((client4(1), 0))
            peer.setblocking(False)
            while not stop.is_set():
                try:
                    peer.sendto(b"x" * 400, (OWN[4], 9))
                except OSError:
                    time.sleep(0.0001)  # its own queue is full, or the host's ICMP error came

    flooder = threading.Thread(target=flood, daemon=True)
    with Crowd(client, lab.sessions(), every_s=0.2) as crowd:
        flooder.start()
        try:
            crowd.wait_rounds(5)
            assert fetch(client, client4(0), OWN[4]) == "5"
        finally:
            stop.set()
            flooder.join()
        for source, seen in crowd.turn_page().items():
            assert not seen.broken and len({*seen.short, *seen.kept}) == 1, f"{source}: {seen}"
    assert limpetd.counters()["punted"] > 1000
