"""Packets a second: wire.memif and wire.pcap."""

import time
from collections import Counter
from dataclasses import dataclass

from support import memif

from perf.wire import capture
from perf.wire.figures import figure
from perf.wire.place import Place, forwarding, running, wait_for

SETTLE_S = 0.3


@dataclass(frozen=True)
class Side:
    """Four ports of the generator: a capture, the memif it goes to, the memif things come from, and their end."""
    first: int
    sockets: str

    @property
    def out(self) -> int:
        return self.first + 1

    @property
    def back(self) -> int:
        return self.first + 2

    def ports(self) -> str:
        return ",".join(str(self.first + i) for i in range(4))


OURS, THEIRS = Side(0, "limpetd"), Side(4, "macswap")


class Generator:
    """A testpmd that has a Side for limpetd and one for macswap, and feeds one of them at a time."""

    def __init__(self, place: Place, sides=(OURS, THEIRS)):
        path = capture.write(place.folder / "flows.pcap")
        devices = []
        for number, side in enumerate(sides):
            devices += [f"net_pcap{number},rx_pcap={path},infinite_rx=1",
                        *(f"net_memif{2 * number + i},role=server,id={i},socket-abstract=no,"
                          f"socket={place.folder}/{side.sockets}-{end}.sock" for i, end in enumerate(("front", "back"))),
                        f"net_null{number},no-rx=1"]
        self.testpmd = place.testpmd("generator", devices, place.other_cpu)

    def __enter__(self):
        self.testpmd.__enter__()
        return self

    def __exit__(self, *error):
        self.testpmd.__exit__(*error)

    def wait_linked(self, side: Side):
        wait_for(lambda: self.testpmd.link_up(side.out) and self.testpmd.link_up(side.back), "memif links")

    def feed(self, side: Side, ports: str = ""):
        """Feeds it inside only. `ports`: some of its own."""
        self.testpmd.tell(f"set portlist {ports or side.ports()}")
        return forwarding(self.testpmd)

    def rate(self, side: Side, seconds: float) -> float:
        """Millions of packets a second that come back, by testpmd's own clock."""
        self.testpmd.counters(side.back)
        time.sleep(seconds)
        return self.testpmd.counters(side.back)["rx_pps"] / 1e6


def memif_devices(place: Place, side: Side) -> dict[str, str]:
    """The other ends. The ring back holds all that the ring out and both programs may have in hand: with that, what
    is taken from the generator can reach it again."""
    return {end: f"net_memif{i},role=client,id={i},socket-abstract=no,socket={place.folder}/{side.sockets}-{end}.sock"
                 + (",rsize=12" if end == "back" else "")
            for i, end in enumerate(("front", "back"))}


class Check:
    """From here on, what limpetd has in hand is packets of known flows, and it drops none."""

    def __init__(self, limpetd):
        self.limpetd, self.before = limpetd, Counter(limpetd.counters())

    def hold(self):
        grown = Counter(self.limpetd.counters())
        grown.subtract(self.before)
        drops = {name: value for name, value in grown.items() if name.startswith("drop_") and value}
        missed = grown["received"] - grown["flow_hit"]
        if missed > max(grown["received"] // 1000, capture.FLOWS) or drops:
            raise RuntimeError(f"of {grown['received']} packets {missed} were not of known flows; drops: {drops}")


def show(number: int, ours: float, theirs: float):
    print(f"  turn {number + 1}: limpetd {ours:.2f} Mpps, macswap {theirs:.2f} Mpps, ratio {ours / theirs:.2f}",
          flush=True)


def over_memif(place: Place) -> dict:
    place.need_huge_pages()
    ours, theirs = [], []
    with (Generator(place) as generator, place.limpetd(memif_devices(place, OURS)) as limpetd,
          place.macswap(memif_devices(place, THEIRS)) as macswap):
        generator.wait_linked(OURS)
        generator.wait_linked(THEIRS)
        check = Check(limpetd)
        for number in range(place.turns):
            with running(limpetd), generator.feed(OURS):
                time.sleep(SETTLE_S)
                ours.append(generator.rate(OURS, place.seconds))
            with forwarding(macswap), generator.feed(THEIRS):
                time.sleep(SETTLE_S)
                theirs.append(generator.rate(THEIRS, place.seconds))
            show(number, ours[-1], theirs[-1])
        with running(limpetd):
            check.hold()
    return {"wire.memif": figure(ours, "Mpps", theirs)}


def counted_rate(limpetd, seconds: float) -> float:
    """Millions of packets a second that limpetd gives to its ports."""
    def look():
        before = time.monotonic()
        count = limpetd.counters().get("transmitted", 0)
        return count, (before + time.monotonic()) / 2

    first, begin = look()
    time.sleep(seconds)
    last, end = look()
    return (last - first) / (end - begin) / 1e6


def over_pcap(place: Place) -> dict:
    place.need_two_programs()
    path = capture.write(place.folder / "repeated.pcap")
    devices = {"front": f"net_pcap0,rx_pcap={path},infinite_rx=1", "back": "net_null0,no-rx=1"}
    ours, theirs = [], []
    with place.limpetd(devices) as limpetd, place.macswap(devices) as macswap:
        check = Check(limpetd)
        for number in range(place.turns):
            with running(limpetd):
                time.sleep(SETTLE_S)
                ours.append(counted_rate(limpetd, place.seconds))
            with forwarding(macswap):
                time.sleep(SETTLE_S)
                macswap.counters(1)
                time.sleep(place.seconds)
                theirs.append(macswap.counters(1)["tx_pps"] / 1e6)
            show(number, ours[-1], theirs[-1])
        with running(limpetd):
            check.hold()
    return {"wire.pcap": figure(ours, "Mpps", theirs)}
