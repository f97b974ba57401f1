"""testpmd to limpetd and back over net_memif: what comes out is what went in, minus counted drops."""

import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from scapy.all import IP, TCP, UDP, Ether, rdpcap, wrpcap

from support import hugepages, memif, packets
from support.limpetd import Limpetd
from support.testpmd import Testpmd

CLIENTS, DATAGRAMS, CONNECTIONS, STRAY = 250, 6000, 1500, 500


def write_captures(folder: Path, count: int) -> tuple[list[Path], int]:
    """Datagrams and SYNs of many clients, and packets to an address that is no service's, dealt out to files."""
    packets = []
    for i in range(max(DATAGRAMS, CONNECTIONS, STRAY)):
        ethernet = Ether(src=memif.GATEWAY_MAC, dst=memif.FRONT_MAC)
        client = f"203.0.113.{i % CLIENTS + 1}"
        if i < DATAGRAMS:
            packets.append(ethernet / IP(src=client, dst="192.0.2.10") / UDP(sport=2000 + i, dport=80) / b"to limpet")
        if i < CONNECTIONS:
            packets.append(ethernet / IP(src=client, dst="192.0.2.10") / TCP(sport=10000 + i, dport=80, flags="S"))
        if i < STRAY:
            packets.append(ethernet / IP(src=client, dst="192.0.2.77") / UDP(sport=1, dport=80) / b"stray")
    paths = [folder / f"in{i}.pcap" for i in range(count)]
    for i, path in enumerate(paths):
        wrpcap(str(path), packets[i::count])
    return paths, len(packets)


def accounts(counters: Counter) -> tuple[int, int]:
    """Packets that came into limpetd's hands, and packets whose end is known."""
    taken = counters["received"] + counters["from_control"] + counters["from_kernel"]
    ended = counters["transmitted"] + counters["punted"]
    return taken, ended + sum(value for name, value in counters.items() if name.startswith("drop_"))


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="limpet-memif-"))
    tables = Path("/dev/shm") / path.name
    yield path
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(tables, ignore_errors=True)


@pytest.fixture(autouse=True)
def huge_pages():
    with hugepages.reserved(300):
        yield


@pytest.mark.parametrize("workers", [[0], [0, 0, 0]])
def test_what_comes_out_is_what_went_in_minus_counted_drops(folder, workers):
    captures, total = write_captures(folder, len(workers))
    config = memif.config(folder, Path("/dev/shm") / folder.name, workers=workers)
    with Testpmd("generator", memif.testpmd_devices(folder, captures), own=memif.queue_options(len(workers))) as testpmd:
        limpetd = Limpetd(memif.Here(), folder, config)
        try:
            limpetd.start()
            limpetd.wait_for(lambda: testpmd.link_up(memif.FRONT_OUT) and testpmd.link_up(memif.BACK_IN), "memif links")
            testpmd.tell("set fwd io retry")
            testpmd.tell("start")
            sent, counters = settle(testpmd, limpetd)
            arrived = testpmd.counters(memif.BACK_IN)["rx"]
            returned = testpmd.counters(memif.FRONT_OUT)["rx"]
            moves = limpetd.moves()
        finally:
            assert limpetd.stop() == 0
    assert sent > total / 2, "the generator hardly sent"
    assert counters["received"] == sent, "memif lost packets on the way in"
    assert counters["drop_no_service"] > 0 and counters["forwarded_in"] > 0
    taken, ended = accounts(counters)
    assert taken == ended, counters
    assert counters["transmitted"] == arrived + returned, "memif lost packets on the way out"
    assert len(workers) == 1 or counters["handed_off"] == counters["taken_over"] > 0
    assert not moves, "sessions moved"


def test_no_packet_overtakes_another_of_its_flow(folder):
    """Three queues and workers: a flow comes by one queue, belongs to any worker, and leaves by that one's queue."""
    flows, each, queues = 60, 80, 3  # all that is one worker's has room in its rings
    captures, outs = ([folder / f"{name}{i}.pcap" for i in range(queues)] for name in ("in", "out"))
    for i, path in enumerate(captures):
        wrpcap(str(path), [Ether(src=memif.GATEWAY_MAC, dst=memif.FRONT_MAC) /
                           IP(src=f"203.0.113.{flow + 1}", dst="192.0.2.10") / UDP(sport=40000, dport=80) /
                           number.to_bytes(4, "big") for number in range(each) for flow in range(i, flows, queues)])
    config = memif.config(folder, Path("/dev/shm") / folder.name, workers=[0] * queues)
    devices = [*memif.testpmd_devices(folder, captures)[:3], "net_pcap1," + ",".join(f"tx_pcap={out}" for out in outs)]
    limpetd = Limpetd(memif.Here(), folder, config)
    try:
        with Testpmd("order", devices, own=memif.queue_options(queues)) as testpmd:
            limpetd.start()
            limpetd.wait_for(lambda: testpmd.link_up(memif.FRONT_OUT) and testpmd.link_up(memif.BACK_IN), "memif links")
            testpmd.tell("set fwd io retry")
            testpmd.tell("start")
            sent, counters = settle(testpmd, limpetd)
            assert sent == counters["forwarded_in"] > flows * each // 2, counters
            assert counters["handed_off"] > sent // 3, "few packets crossed"
    finally:
        assert limpetd.stop() == 0
    numbers = {}
    for out in outs:
        for packet in rdpcap(str(out)):
            if UDP in packet:
                key = (out.name, packet[IP].src)
                numbers.setdefault(key, []).append(int.from_bytes(bytes(packet[UDP].payload)[:4], "big"))
    assert len(numbers) == flows, "a flow leaves by one queue"
    assert sum(len(seen) for seen in numbers.values()) > sent // 2, "testpmd hardly wrote what it got"
    assert all(seen == sorted(set(seen)) for seen in numbers.values())


def test_large_frames_cross_in_segments(folder):
    """9000 bytes, in buffers of 2 KiB at both ends; a small frame beside them, whole."""
    sizes, path, out = [8972, 5000, 2020, 64, 8971], folder / "in.pcap", folder / "out.pcap"
    wrpcap(str(path), [Ether(src=memif.GATEWAY_MAC, dst=memif.FRONT_MAC) / IP(src=f"203.0.113.{i + 1}", dst="192.0.2.10")
                       / UDP(sport=40000 + i, dport=80) / bytes((j * 7 + j // 256) % 256 for j in range(size))
                       for i, size in enumerate(sizes * 20)])
    config = memif.config(folder, Path("/dev/shm") / folder.name)
    for port in config["ports"].values():
        port["mtu"] = 9000
    devices = [*memif.testpmd_devices(folder, [path])[:3], f"net_pcap1,tx_pcap={out}"]
    limpetd = Limpetd(memif.Here(), folder, config)
    try:
        with Testpmd("large", devices) as testpmd:
            limpetd.start()
            limpetd.wait_for(lambda: testpmd.link_up(memif.FRONT_OUT) and testpmd.link_up(memif.BACK_IN), "memif links")
            assert all(row["offloads"].endswith("frames in segments") for row in limpetd.json("show", "ports"))
            testpmd.tell("set fwd io retry")
            testpmd.tell("start")
            sent, counters = settle(testpmd, limpetd)
            assert sent == counters["forwarded_in"] == len(sizes) * 20, counters
    finally:
        assert limpetd.stop() == 0
    arrived = [packet for packet in rdpcap(str(out)) if UDP in packet]
    got = sorted(len(packet[UDP].payload) for packet in arrived)
    assert got == sorted(sizes * 20), (len(got), sorted(set(got)))
    packets.assert_checksums(arrived)


def settle(testpmd, limpetd, timeout_s=20):
    """Packets that the generator sent and limpetd's counters, once neither changes any more."""
    deadline = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < deadline:
        now = (testpmd.counters(memif.FRONT_OUT)["tx"], Counter(limpetd.counters()))
        if now == last and now[0] > 0:
            return now
        last = now
        time.sleep(0.5)
    raise AssertionError(f"traffic does not come to rest: {last}")
