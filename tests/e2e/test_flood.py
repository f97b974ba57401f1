"""A flood of SYNs from forged addresses, sent by testpmd: it makes no full record and no established flow and puts none
out, and real clients go on, new ones included."""

import random
import time

import pytest
from scapy.all import IP, TCP, Ether, wrpcap

from support import hugepages
from support.crowd import Crowd, ask_together
from support.lab import FRONT_MAC, VIP4, Lab, client4, client6
from support.testpmd import Testpmd

FLOOD_S = 20
FORGED = 12000
RATE = 40000  # SYNs a second that leave testpmd's namespace: hundreds of times what the shares for newcomers hold
PATIENCE_S = 40  # packets are lost in a flood, and TCP backs off: late is not broken
SETTLED = [address(i) for i in range(20) for address in (client4, client6)]
NEW = [address(i) for i in range(20, 40) for address in (client4, client6)]


@pytest.fixture
def lab():
    with Lab(backends=3, clients=40) as made, hugepages.reserved(200):
        yield made


def write_flood(lab) -> str:
    dice, path = random.Random(1), lab.folder / "flood.pcap"
    wrpcap(str(path), [Ether(src="02:00:00:00:00:99", dst=FRONT_MAC)
                       / IP(src=f"198.18.{dice.randrange(256)}.{dice.randrange(1, 255)}", dst=VIP4)
                       / TCP(sport=dice.randrange(1024, 65536), dport=80, flags="S", seq=dice.randrange(1 << 32))
                       for _ in range(FORGED)])
    return str(path)


def flood(lab, path: str) -> Testpmd:
    """Ready to start. Held to a rate that two CPUs can carry: loss in the lab is not what is tested here."""
    lab.namespaces["client"].run("nft", (
        "add table netdev flood; add chain netdev flood out { type filter hook egress device eth0 priority 0; }; add rule "
        f"netdev flood out ip saddr 198.18.0.0/16 limit rate over {RATE}/second burst 100 packets drop"))
    return Testpmd("flood", [f"net_pcap0,rx_pcap={path},infinite_rx=1", "net_af_packet0,iface=eth0"],
                   before=lab.namespaces["client"].command("nice", "-n", "19"))


def full_records(limpetd) -> dict[str, str]:
    rows = limpetd.json("show", "records", "--limit", "10000")
    return {row["key"]: row["backend"] for row in rows if row["state"] == "kept"}


def established(limpetd) -> dict[str, str]:
    """Client and port -> backend of established flows."""
    rows = limpetd.json("show", "flows", "--filter", "state=established", "--limit", "10000")
    return {row["client"]: row["backend"] for row in rows if row["state"] == "established"}


def provisional_count(limpetd) -> int:
    return sum(row["state"] == "provisional" for row in limpetd.json("show", "records", "--limit", "10000"))


def test_forged_syns_neither_make_nor_put_out_records_and_flows(lab):
    path = write_flood(lab)
    back = {"to": "198.18.0.0/16", "via": client4(0)}  # where answers to forged addresses go
    limpetd = lab.start_limpetd(lab.config(limpetd={"workers": [0, 0, 1, 1]}, ports={"front": {"routes": [back]}}))
    with Crowd(lab.namespaces["client"], SETTLED, patience_s=PATIENCE_S) as crowd, flood(lab, path) as testpmd:
        crowd.wait_rounds(3)
        where = {source: seen.short[-1] for source, seen in crowd.turn_page().items()}
        records, flows, counters = full_records(limpetd), kept_flows(limpetd), limpetd.counters()
        assert len(records) == len(SETTLED) == len(flows)

        testpmd.tell("set fwd io")
        testpmd.tell("start")
        begin = time.monotonic()
        limpetd.wait_for(lambda: provisional_count(limpetd) > 1000, "the flood to arrive")
        fresh = ask_together(lab.namespaces["client"], NEW, 4, patience_s=PATIENCE_S)
        assert set(full_records(limpetd)) == {f"{source}/{128 if ':' in source else 32}" for source in SETTLED + NEW}
        time.sleep(max(FLOOD_S - (time.monotonic() - begin), 0))  # a flood of a given length, nothing is waited for
        testpmd.tell("stop")
        received = limpetd.counters()["received"] - counters["received"]
        assert received > 10 * FORGED, "the flood hardly came through"

        crowd.wait_rounds(3, timeout_s=2 * PATIENCE_S)
        for source, seen in crowd.turn_page().items():
            assert set(seen.short) == set(seen.kept) == {where[source]} and not seen.broken, f"{source}: {seen}"
        for source, names in fresh.items():
            assert len(names) == 4 and len(set(names)) == 1, f"{source} at its first contact: {names}"
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
