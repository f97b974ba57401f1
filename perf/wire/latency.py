"""latency.*: how long one packet takes from a source through limpetd to a sink, by perf/wire/probe.cpp."""

import json
import os
import subprocess

from support import programs

from perf.wire import capture
from perf.wire.figures import figure
from perf.wire.flows import Check, establish
from perf.wire.forward import OURS, THEIRS, memif_devices
from perf.wire.place import Place, end_with_parent, forwarding, running

PERCENTILES = ("p50", "p99", "p999")
NAMES = tuple(f"latency.{load}{percentile}" for load in ("", "idle.") for percentile in PERCENTILES)
IDLE_PPS = 10_000
EACH_PPS, EACH_S = 50_000, 0.2  # what it takes to send each frame once and more
SHARE = 0.8     # of what gets through at most
STAMP_BYTES = 12


class Probe:
    """The program, which sends to one of two sides, at a rate, for a while. Use as a context manager."""

    def __init__(self, place: Place):
        captures = [capture.write(place.folder / f"stamped-{number}.pcap", frames(STAMP_BYTES))
                    for number, frames in enumerate((capture.requests, capture.answers))]
        self.command = [str(programs.BUILD / "perf/wire/wire_probe"), "--no-pci", "--in-memory", "--no-telemetry",
                        "--log-level=error", f"--file-prefix=probe-{os.getpid()}", f"--lcores=0@{place.other_cpu}"]
        for number, side in enumerate((OURS, THEIRS)):
            for i, end in enumerate(("front", "back")):
                self.command += ["--vdev", f"net_memif{2 * number + i},role=server,id={i},socket-abstract=no,"
                                           f"socket={place.folder}/{side.sockets}-{end}.sock"]
        self.command += ["--", *map(str, captures)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=end_with_parent, start_new_session=True)
        try:
            self._answer()
        except BaseException:
            self.process.kill()
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)}\nended with {self.process.wait()}")
        return json.loads(line)

    def send(self, side, pps: float, seconds: float, answers=False) -> dict:
        """`pps` 0: as fast as it goes. {"received": packets, "pps": received a second, "p50": ns, ...}"""
        self.process.stdin.write(f"{0 if side is OURS else 1} {int(answers)} {pps:.0f} {seconds}\n")
        self.process.stdin.flush()
        return self._answer()


class Load:
    """Percentiles of one load, turn by turn, for both sides."""

    def __init__(self, title: str, prefix: str):
        self.title, self.prefix, self.found = title, prefix, {OURS: [], THEIRS: []}

    def figures(self) -> dict:
        return {f"{self.prefix}{percentile}": figure([row[percentile] for row in self.found[OURS]], "ns",
                                                     [row[percentile] for row in self.found[THEIRS]], digits=0)
                for percentile in PERCENTILES}

    def show(self, side):
        row = self.found[side][-1]
        print(f"  {side.sockets}, {self.title} ({row['pps'] / 1e6:.2f} Mpps): "
              + ", ".join(f"{name} {row[name] / 1e3:.1f} us" for name in PERCENTILES), flush=True)


def one_turn(probe: Probe, side, seconds: float, idle: Load, loaded: Load):
    most = probe.send(side, 0, seconds / 2)["pps"]
    for load, pps in ((idle, IDLE_PPS), (loaded, SHARE * most)):
        row = probe.send(side, pps, seconds)
        if row["received"] == 0:
            raise RuntimeError(f"nothing came back from {side.sockets}")
        load.found[side].append(row)
        load.show(side)


def through_memif(place: Place) -> dict:
    place.need_huge_pages()
    idle, loaded = Load("idle", "latency.idle."), Load("80 % load", "latency.")
    with (Probe(place) as probe, place.limpetd(memif_devices(place, OURS)) as limpetd,
          place.macswap(memif_devices(place, THEIRS)) as macswap):
        establish(limpetd, ask=lambda: probe.send(OURS, EACH_PPS, EACH_S),
                  answer=lambda: probe.send(OURS, EACH_PPS, EACH_S, answers=True))
        check = Check(limpetd)
        for _ in range(max(place.turns // 3, 3)):
            with running(limpetd):
                one_turn(probe, OURS, place.seconds, idle, loaded)
            with forwarding(macswap):
                one_turn(probe, THEIRS, place.seconds, idle, loaded)
        with running(limpetd):
            check.hold()
    return {**loaded.figures(), **idle.figures()}
