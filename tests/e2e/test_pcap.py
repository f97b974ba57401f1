"""limpetd between captures (net_pcap): frames of up to 9000 bytes, which its buffers hold in segments."""

import shutil
import tempfile
from pathlib import Path

import pytest
from scapy.all import IP, UDP, Ether, rdpcap, wrpcap
from support import memif, packets
from support.limpetd import Limpetd, eal_options
from support.lab import merged

SIZES = [8972, 5000, 2020, 64, 8971]
FLOWS = 100


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="limpet-pcap-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(Path("/dev/shm") / path.name, ignore_errors=True)


def payload(size: int) -> bytes:
    return bytes((at * 7 + at // 256) % 256 for at in range(size))


def test_large_frames(folder):
    wrpcap(str(folder / "in.pcap"), [
        Ether(src=memif.GATEWAY_MAC, dst=memif.FRONT_MAC) / IP(src=f"203.0.113.{i + 1}", dst="192.0.2.10") /
        UDP(sport=40000 + i, dport=80) / payload(SIZES[i % len(SIZES)]) for i in range(FLOWS)])
    devices = {"front": f"net_pcap0,rx_pcap={folder}/in.pcap,tx_pcap={folder}/back.pcap",
               "back": f"net_pcap1,tx_pcap={folder}/out.pcap"}
    config = merged(memif.config(folder, Path("/dev/shm") / folder.name),
                    {"limpetd": {"eal": eal_options(folder.name)},
                     "ports": {name: {"device": device, "mtu": 9000} for name, device in devices.items()}})
    limpetd = Limpetd(memif.Here(), folder, config)
    try:
        limpetd.start()
        limpetd.wait_for(lambda: limpetd.counters().get("transmitted", 0) >= FLOWS, "the capture to come through")
        offloads = {row["name"]: row["offloads"] for row in limpetd.json("show", "ports")}
        assert all("segments" in text for text in offloads.values()), offloads
        counters = limpetd.counters()
        assert counters["forwarded_in"] == FLOWS, counters
    finally:
        assert limpetd.stop() == 0
    arrived = [packet for packet in rdpcap(str(folder / "out.pcap")) if UDP in packet]
    sent = {40000 + i: payload(SIZES[i % len(SIZES)]) for i in range(FLOWS)}
    assert {packet[UDP].sport: bytes(packet[UDP].payload) for packet in arrived} == sent
    packets.assert_checksums(arrived)
