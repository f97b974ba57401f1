"""Packets a second: wire.memif and wire.pcap."""

import time
from dataclasses import dataclass

from support import memif

from perf.wire import capture
from perf.wire.figures import figure
from perf.wire.flows import Check, establish, wait_established
from perf.wire.place import Place, forwarding, running, wait_for

SETTLE_S = 0.3
ROUND_S = 0.05          # in which each flow has its turn many times
ANSWERS_REPEATED = 16   # while limpetd reads those, it reads the clients' packets as often


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

    @property
    def sink(self) -> int:
        return self.first + 3

    def ports(self) -> str:
        return ",".join(str(self.first + i) for i in range(4))


OURS, THEIRS = Side(0, "limpetd"), Side(4, "macswap")


class Generator:
    """A testpmd that has a Side for limpetd and one for macswap, and feeds one of them at a time. Its last port is what
    backends answer."""

    def __init__(self, place: Place, sides=(OURS, THEIRS)):
        requests = capture.write(place.folder / "requests.pcap", capture.requests())
        answers = capture.write(place.folder / "answers.pcap", capture.answers())
        devices = []
        for number, side in enumerate(sides):
            devices += [f"net_pcap{number},rx_pcap={requests},infinite_rx=1",
                        *(f"net_memif{2 * number + i},role=server,id={i},socket-abstract=no,"
                          f"socket={place.folder}/{side.sockets}-{end}.sock" for i, end in enumerate(("front", "back"))),
                        f"net_null{number},no-rx=1"]
        self.answers = len(devices)
        devices.append(f"net_pcap{len(sides)},rx_pcap={answers},infinite_rx=1")
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

    def establish(self, side: Side, limpetd):
        """Makes the flows live that it feeds to a running limpetd; at the end nothing is on its way."""
        def fed(ports: str):
            with self.feed(side, ports):
                time.sleep(ROUND_S)

        establish(limpetd, ask=lambda: fed(side.ports()), answer=lambda: fed(f"{self.answers},{side.back}"))
        fed(f"{side.back},{side.sink}")

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
        generator.establish(OURS, limpetd)
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
    """Both ports are net_pcap: clients' packets without end, and the answers that make their flows live, which end
    before anything is measured. What is sent is dropped; the answers' port is still polled in vain, on both sides."""
    place.need_two_programs()
    requests = capture.write(place.folder / "repeated.pcap", capture.requests())
    answers = capture.write(place.folder / "answered.pcap", capture.answers() * ANSWERS_REPEATED)
    devices = {"front": f"net_pcap0,rx_pcap={requests},infinite_rx=1", "back": f"net_pcap1,rx_pcap={answers}"}
    ours, theirs = [], []
    with place.limpetd(devices) as limpetd, place.macswap(devices) as macswap:
        wait_established(limpetd)
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
