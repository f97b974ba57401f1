"""A flood, as fast as testpmd sends, of SYNs and of segments that acknowledge random numbers, in both families, against
services that complete handshakes themselves: nothing is kept for any of it, and real handshakes are completed meanwhile.
"""

import random
import time

import pytest
from scapy.all import IP, TCP, Ether, IPv6, Raw, wrpcap
from support import hugepages
from support.crowd import ask_together
from support.lab import VIP4, VIP6, Lab, client4, client6
from support.memif import queue_options
from support.testpmd import Testpmd
from test_flood import FLOOD_MAC, GROWTH_MAX_KB, SENDER_MAC, established, full_records, own_memory_kb

WORKERS = [0, 1]
FORGED, FLOOD_S, PATIENCE_S = 3000, 4, 40
FORGED4, FORGED6 = "198.18.", "2001:db8:12::"
SOURCES = [address(i) for i in range(8) for address in (client4, client6)]
SERVICES = {"syn_proxy": {"syn_proxy": True},
            "cookie": {"persist": ["route", "client"]}}
PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}}


@pytest.fixture(scope="module")
def lab():
    with Lab(backends=2, clients=8) as made, hugepages.reserved(300):
        yield made


def write_flood(lab) -> list[str]:
    """A third SYNs, a third bare acknowledgments, a third with a request; a capture for each worker's queue."""
    dice, packets = random.Random(1), []
    for i in range(FORGED):
        numbers = {"seq": dice.randrange(1 << 32), "ack": dice.randrange(1 << 32)}
        l4 = TCP(sport=dice.randrange(1024, 65536), dport=80, flags="SAA"[i % 3], **numbers)
        data = Raw(b"GET / HTTP/1.1\r\nCookie: SERVER=s.b1\r\n\r\n") if i % 3 == 2 else Raw()
        l3 = (IP(src=f"{FORGED4}{dice.randrange(256)}.{dice.randrange(1, 255)}", dst=VIP4) if i // 3 % 2 else
              IPv6(src=f"{FORGED6}{dice.randrange(1, 1 << 16):x}", dst=VIP6))
        packets.append(Ether(src=SENDER_MAC, dst=FLOOD_MAC) / l3 / l4 / data)
    paths = [str(lab.folder / f"forged{number}.pcap") for number in range(len(WORKERS))]
    for number, path in enumerate(paths):
        wrpcap(path, packets[number * FORGED // len(WORKERS):(number + 1) * FORGED // len(WORKERS)])
    return paths


def config(lab, service: str) -> dict:
    """A third port, by which the flood comes and answers to it leave; nothing else does."""
    flooded = {"device": f"net_memif0,role=client,id=0,socket={lab.folder}/flood.sock,socket-abstract=no",
               "mac": FLOOD_MAC, "side": "clients", "addresses": ["198.19.0.1/24", "2001:db8:13::1/64"],
               "neighbors": {"198.19.0.2": SENDER_MAC, "2001:db8:13::2": SENDER_MAC},
               "routes": [{"to": f"{FORGED4}0.0/16", "via": "198.19.0.2"}, {"to": f"{FORGED6}/64", "via": "2001:db8:13::2"}]}
    prefix = lab.prefix.strip("-")
    return lab.config(
        limpetd={"workers": WORKERS, "eal": ["--no-pci", "--file-prefix", prefix, "--log-level", "error"]},
        ports={"flood": flooded}, profiles=PROFILES, services={"web": SERVICES[service]})


@pytest.fixture(scope="module")
def captures(lab):
    return ",".join(f"rx_pcap={path}" for path in write_flood(lab))


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_kept_of_forged_packets(lab, captures, service):
    with Testpmd("forged", [f"net_pcap0,{captures},infinite_rx=1",
                            f"net_memif0,role=server,id=0,socket={lab.folder}/flood.sock,socket-abstract=no"],
                 own=queue_options(len(WORKERS))) as testpmd:
        limpetd = lab.start_limpetd(config(lab, service))
        limpetd.wait_for(lambda: testpmd.link_up(1), "the flood's link")
        first = ask(lab)
        before = limpetd.counters()
        testpmd.tell("set fwd io")
        testpmd.tell("start")
        limpetd.wait_for(lambda: limpetd.counters()["syn_cookies"] > before["syn_cookies"] + FORGED, "the flood to arrive")
        memory, begin, sent = own_memory_kb(limpetd), time.monotonic(), testpmd.counters(1)["tx"]
        meanwhile = [ask(lab) for _ in range(3)]
        time.sleep(max(FLOOD_S - (time.monotonic() - begin), 0))  # a flood of a given length, nothing is waited for
        flows, grown = established(limpetd), own_memory_kb(limpetd) - memory
        took_s, sent = time.monotonic() - begin, testpmd.counters(1)["tx"] - sent
        print(f"{sent / took_s / 1000:.0f} thousand packets a second for {took_s:.1f} s")
        testpmd.tell("stop")
        rose = {name: value - before.get(name, 0) for name, value in limpetd.counters().items()}
        assert meanwhile == [first] * 3
        assert rose["resets"] > 10 * FORGED and rose["syn_cookies"] > 5 * FORGED, "the flood hardly came through"
        assert not any(rose.get(f"drop_{name}") for name in ("no_route", "no_neighbour")), "both families are answered"
        # Of all the numbers that are tried, one in eight million is right.
        asked = 3 * len(SOURCES)
        assert asked <= rose["delayed_opened"] <= asked + 1
        assert rose["flow_new"] == rose["delayed_spliced"] == rose["delayed_opened"], rose
        assert rose.get("drop_held_full", 0) == 0, "those who wait for a backend have room"
        assert len({client for client in flows if client.startswith((FORGED4, f"[{FORGED6}"))}) <= 1
        assert grown < GROWTH_MAX_KB
        assert all(key.split("/")[0] in SOURCES for key in full_records(limpetd))
        assert limpetd.moves() == []
        assert limpetd.stop() == 0
        lab.limpetd = None


def ask(lab) -> dict[str, list[str]]:
    """One connection of each client, at the same instant, and who answered."""
    return ask_together(lab.namespaces["client"], SOURCES, 1, patience_s=PATIENCE_S)
