"""A flood of SYNs and datagrams from forged addresses, sent by testpmd over shared memory into a port of its own: it
makes no full record and no established flow and puts none out, memory stays what it was, and real clients, who come by
another port, go on, new ones included."""

import random
import re
import time
from pathlib import Path

import pytest
from scapy.all import IP, TCP, UDP, Ether, wrpcap

from support import hugepages
from support.crowd import Crowd, ask_together
from support.lab import VIP4, Lab, backend4, client4, client6
from support.memif import queue_options
from support.testpmd import Testpmd

WORKERS = [0, 1]
FLOOD_S = 20
FORGED = 24000
# New flows a second that the services take of one /16, and how many of a worker's wait for an answer: of what is sent
# again and again little belongs to a flow, and goes on to real kernels, which two CPUs have beside the rest.
RATE, EMBRYONIC_MAX = 200, 200
PATIENCE_S = 70  # packets are lost in a flood, and TCP backs off (1, 3, 7, 15, 31, 63 s): late is not broken
GROWTH_MAX_KB = 4096
FLOOD_MAC, SENDER_MAC = "02:00:00:00:00:03", "02:00:00:00:00:99"
SETTLED = [address(i) for i in range(20) for address in (client4, client6)]
NEW = [address(i) for i in range(20, 40) for address in (client4, client6)]


@pytest.fixture
def lab():
    with Lab(backends=3, clients=40) as made, hugepages.reserved(300):
        yield made


def write_flood(lab) -> list[str]:
    """Half SYNs to the web service, half datagrams to the other; a capture for each worker's queue."""
    dice, packets = random.Random(1), []
    for i in range(FORGED):
        source, port = f"198.18.{dice.randrange(256)}.{dice.randrange(1, 255)}", dice.randrange(1024, 65536)
        l4 = (TCP(sport=port, dport=80, flags="S", seq=dice.randrange(1 << 32)) if i % 2 else
              UDP(sport=port, dport=53) / b"forged")
        packets.append(Ether(src=SENDER_MAC, dst=FLOOD_MAC) / IP(src=source, dst=VIP4) / l4)
    paths = [str(lab.folder / f"flood{number}.pcap") for number in range(len(WORKERS))]
    for number, path in enumerate(paths):
        wrpcap(path, packets[number * FORGED // len(WORKERS):(number + 1) * FORGED // len(WORKERS)])
    return paths


def config(lab) -> dict:
    """A third port, by which the flood comes and answers to it leave; nothing else does."""
    limits = {"per_source": {"prefix4": 16, "prefix6": 64, "new_flows_per_s": RATE, "burst": RATE}}
    flooded = {"device": f"net_memif0,role=client,id=0,socket={lab.folder}/flood.sock,socket-abstract=no",
               "mac": FLOOD_MAC, "side": "clients", "addresses": ["198.19.0.1/24"],
               "neighbors": {"198.19.0.2": SENDER_MAC}, "routes": [{"to": "198.18.0.0/16", "via": "198.19.0.2"}]}
    dns = {"backends": {name: {"address": f"{backend4(i)}:53"} for i, name in enumerate(lab.names)}}
    prefix = lab.prefix.strip("-")
    return lab.config(
        limpetd={"workers": WORKERS, "eal": ["--no-pci", "--file-prefix", prefix, "--log-level", "error"]},
        ports={"flood": flooded}, pools={"dns": dns},
        services={"web": {"limits": limits},
                  "dns": {"listen": [f"{VIP4}:53/udp"], "pool": "dns", "persist": ["client"], "limits": limits}},
        limits={"embryonic_max": EMBRYONIC_MAX})


def flood(lab) -> Testpmd:
    """Ready to start, as fast as it can."""
    captures = ",".join(f"rx_pcap={path}" for path in write_flood(lab))
    return Testpmd("flood", [f"net_pcap0,{captures},infinite_rx=1",
                             f"net_memif0,role=server,id=0,socket={lab.folder}/flood.sock,socket-abstract=no"],
                   own=queue_options(len(WORKERS)), before=["nice", "-n", "19"])


def own_memory_kb(limpetd) -> int:
    """What the process has for itself: no tables, no packet buffers, which were all taken at the start."""
    status = Path(f"/proc/{limpetd.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1])


def full_records(limpetd) -> dict[str, str]:
    rows = limpetd.json("show", "records", "--limit", "10000")
    return {row["key"]: row["backend"] for row in rows if row["state"] == "kept"}


def established(limpetd) -> dict[str, str]:
    """Client and port -> backend of established flows."""
    rows = limpetd.json("show", "flows", "--filter", "state=established", "--limit", "10000")
    return {row["client"]: row["backend"] for row in rows if row["state"] == "established"}


def risen(limpetd, counters: dict[str, int]) -> dict[str, int]:
    return {name: value - counters.get(name, 0) for name, value in limpetd.counters().items()}


def provisional_count(limpetd) -> int:
    return sum(row["state"] == "provisional" for row in limpetd.json("show", "records", "--limit", "10000"))


def test_forged_packets_neither_make_nor_put_out_records_and_flows(lab):
    with flood(lab) as testpmd:
        limpetd = lab.start_limpetd(config(lab))
        limpetd.wait_for(lambda: testpmd.link_up(1), "the flood's link")
        with Crowd(lab.namespaces["client"], SETTLED, patience_s=PATIENCE_S) as crowd:
            crowd.wait_rounds(3)
            where = {source: seen.short[-1] for source, seen in crowd.turn_page().items()}
            records, flows, counters = full_records(limpetd), kept_flows(limpetd), limpetd.counters()
            assert len(records) == len(SETTLED) == len(flows)

            testpmd.tell("set fwd io")
            testpmd.tell("start")
            begin = time.monotonic()
            limpetd.wait_for(lambda: provisional_count(limpetd) > 1000, "the flood to arrive")
            memory = own_memory_kb(limpetd)
            try:
                fresh = ask_together(lab.namespaces["client"], NEW, 4, patience_s=PATIENCE_S)
            finally:
                print(f"new clients were done {time.monotonic() - begin:.1f} s into the flood", risen(limpetd, counters))
            time.sleep(max(FLOOD_S - (time.monotonic() - begin), 0))  # a flood of a given length, nothing is waited for
            grown = own_memory_kb(limpetd) - memory
            testpmd.tell("stop")
            rose = risen(limpetd, counters)
            assert rose["received"] > 10 * FORGED, "the flood hardly came through"
            assert rose["flow_new"] > RATE and rose["drop_limit_source"] > FORGED, rose
            assert grown < GROWTH_MAX_KB

            crowd.wait_rounds(3, timeout_s=2 * PATIENCE_S)
            for source, seen in crowd.turn_page().items():
                assert set(seen.short) == set(seen.kept) == {where[source]} and not seen.broken, f"{source}: {seen}"
            for source, names in fresh.items():
                assert len(names) == 4 and len(set(names)) == 1, f"{source} at its first contact: {names}"
            again = ask_together(lab.namespaces["client"], NEW, 1, patience_s=PATIENCE_S)
            assert all(names == fresh[source][:1] for source, names in again.items()), "a session moved"
            after = full_records(limpetd)
            assert records.items() <= after.items(), "records put out"
            assert {key.split("/")[0] for key in after} == {*SETTLED, *NEW}, "records of forged addresses"
            assert flows.items() <= established(limpetd).items(), "established flows put out"
            assert limpetd.moves() == []
        assert limpetd.stop() == 0


def kept_flows(limpetd) -> dict[str, str]:
    """Established flows when no short connection is under way: those there at several looks."""
    looks = [established(limpetd) for _ in range(4)]
    return {client: name for client, name in looks[0].items() if all(client in look for look in looks)}
