"""What perf/versus_haproxy measures: Limpet (a `cookie` profile, `by = "route"`, nat) and HAProxy (`cookie insert
indirect nocache`, one thread), one after the other in the same network namespaces, on the same veth pairs, between the
same clients and nginx backends. The one under test has a CPU to itself, all else runs on the others.

  l7.cookie.connection   busy CPU time of a connection that asks one thing: opened, a GET, closed
  l7.cookie.request      of a further request on a connection
  ...devices             the same with the time in the calls that receive and transmit
  ...rate                how many thousand a second there were: clients and backends are what limits that
  l7.cookie.moved        sessions of curl, with a cookie jar each, that met more than one backend

HAProxy's time is its process's, user and system: what the kernel does in its name, which is its TCP and its devices.
Limpet's is of turns of its worker that had packets, by the TSC, less the calls of its devices. What the kernel does for
either on the other CPU, such as interrupts of the client's frames, is not counted. The two take turns; a ratio is the
median of the ratios of neighbouring turns.

It fails where a session moved, with either, and with exit code 77 where nothing can be measured.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

from perf.support.programs import NOT_HERE
from perf.versus import sides, traffic
from perf.wire.figures import figure

NAMES = tuple(f"l7.cookie.{kind}{suffix}" for kind in (traffic.CONNECTION, traffic.REQUEST)
              for suffix in ("", ".devices", ".rate")) + ("l7.cookie.moved",)
BACKENDS, CLIENTS = 3, 20


class Run:
    """`turns` of each side; `seconds` of load each. Sessions are shared out among the turns."""

    def __init__(self, quick: bool, turns: int | None):
        self.turns, self.seconds, self.sessions, self.connections = (3, 1, 12, 6) if quick else (9, 2, 60, 10)
        self.turns = turns or self.turns
        self.found: dict = defaultdict(list)  # (side, what) -> a value each turn
        self.moved: dict[str, int] = defaultdict(int)
        self.first: dict[str, set] = defaultdict(set)  # backends that sessions began at

    def take(self, lab, side, turn: int):
        """What a connection and a request take, and whether sessions stay."""
        each = self.sessions // self.turns
        count, first = traffic.moved(lab, range(turn * each, (turn + 1) * each), self.connections)
        self.moved[side.name] += count
        self.first[side.name] |= first
        for kind in (traffic.CONNECTION, traffic.REQUEST):
            before = side.busy_us()
            count, rate = traffic.load(lab, kind, self.seconds)
            for part, value in side.busy_us().items():
                self.found[side.name, kind, part].append((value - before[part]) / count)
            self.found[side.name, kind, "rate"].append(rate)
        side.check(each)

    def show(self, number: int):
        texts = []
        for kind in (traffic.CONNECTION, traffic.REQUEST):
            ours, devices, theirs = (self.found[key][-1] for key in (
                ("limpet", kind, "stages"), ("limpet", kind, "all"), ("haproxy", kind, "all")))
            rates = "/".join(f"{self.found[side, kind, 'rate'][-1] / 1e3:.1f}" for side in ("limpet", "haproxy"))
            texts.append(f"{kind} {ours:.2f} us, with devices {devices:.2f}, haproxy {theirs:.2f} ({rates} k/s)")
        print(f"  turn {number + 1}: {'; '.join(texts)}", flush=True)

    def figures(self) -> dict:
        result = {}
        for kind in (traffic.CONNECTION, traffic.REQUEST):
            theirs = self.found["haproxy", kind, "all"]
            for suffix, part in (("", "stages"), (".devices", "all")):
                result[f"l7.cookie.{kind}{suffix}"] = figure(self.found["limpet", kind, part], "us", theirs)
            rates = (self.found[side, kind, "rate"] for side in ("limpet", "haproxy"))
            ours, theirs = ([value / 1e3 for value in side] for side in rates)
            result[f"l7.cookie.{kind}.rate"] = figure(ours, "k/s", theirs)
        moved = figure([self.moved["limpet"]], "sessions", digits=0)
        result["l7.cookie.moved"] = moved | {"floor": self.moved["haproxy"]}
        return result


def missing() -> str:
    """Why nothing can be measured here; empty: it can."""
    if os.geteuid() != 0:
        return "network namespaces want root"
    if len(os.sched_getaffinity(0)) < 2:
        return "it takes two CPUs"
    programs = [name for name in ("wrk", "curl") if shutil.which(name) is None]
    programs += [] if sides.program() else ["haproxy"]
    return f"there is no {' and no '.join(programs)}" if programs else ""


def measure(quick: bool, turns: int | None) -> dict:
    run, cpus = Run(quick, turns), sides.Cpus()
    os.sched_setaffinity(0, cpus.others)
    lab = sides.make_lab(BACKENDS, CLIENTS)
    try:
        rivals = sides.Limpet(lab, cpus), sides.Haproxy(lab, cpus)
        for number in range(run.turns):
            for side in rivals:
                with side:
                    run.take(lab, side, number)
            run.show(number)
    finally:
        lab.close()
    if any(len(first) < 2 for first in run.first.values()):
        raise RuntimeError(f"sessions began at {dict(run.first)}: that they stay shows nothing")
    print(f"  sessions that moved: limpet {run.moved['limpet']}, haproxy {run.moved['haproxy']}, of "
          f"{run.sessions // run.turns * run.turns} each", flush=True)
    return run.figures()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns: about 30 s")
    parser.add_argument("--turns", type=int, choices=range(1, 13), metavar="1-12", help="how often each is measured")
    parser.add_argument("--only", default="*", metavar="GLOB", help="figures whose name matches")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as an interrupt does: everything is taken down
    wanted = [name for name in NAMES if fnmatchcase(name, options.only)]
    reason, found = missing(), {}
    if reason:
        print(f"perf/versus_haproxy: left out {', '.join(wanted)}: {reason}", file=sys.stderr, flush=True)
    elif wanted:
        found = measure(options.quick, options.turns)
    if options.json:
        options.json.write_text(json.dumps({name: found[name] for name in wanted if found}, indent=1) + "\n")
    return NOT_HERE if reason else int(has_moved(found))


def has_moved(figures: dict) -> bool:
    """Whether a session did, with either."""
    stayed = figures.get("l7.cookie.moved", {"median": 0, "floor": 0})
    return stayed["median"] > 0 or stayed["floor"] > 0
