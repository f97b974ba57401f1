"""What perf/wire measures, each figure with real programs on two CPUs: limpetd, or testpmd in its place, has one, the
source and sink of its packets the other.

  wire.memif   limpetd between two net_memif ports of a testpmd that repeats a capture into the one and counts what
               comes out of the other; floor: a testpmd that only swaps MAC addresses
  wire.pcap    limpetd takes a repeated capture from net_pcap and sends to another, which drops; floor: macswap there
  plan.apply   wire.memif's packets while 10 plans a second are applied; floor: the same without
  latency.*    one packet through net_memif, alone (`idle`) and at 80 % of what gets through; floor: macswap

The flows of these packets are live: answered by their backends before anything is measured (flows.py).

The two sides of a comparison take turns in one run: both programs run all the time, one of them is held (SIGSTOP, or
testpmd's `stop`). The figure's ratio is the median of the ratios of neighbouring turns.
"""

import argparse
import json
import signal
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from perf.wire import forward, latency, plans
from perf.wire.place import Place, Unavailable

MEASURES = {
    ("wire.memif",): forward.over_memif,
    ("wire.pcap",): forward.over_pcap,
    ("plan.apply", "plan.apply.lost"): plans.apply_at_full_load,
    latency.NAMES: latency.through_memif,
}


def measure(place: Place, glob: str) -> dict:
    figures: dict = {}
    for names, take in MEASURES.items():
        wanted = [name for name in names if fnmatchcase(name, glob)]
        if not wanted:
            continue
        print(f"{names[0]}:", flush=True)
        try:
            found = take(place)
        except Unavailable as reason:
            print(f"perf/wire: left out {', '.join(wanted)}: {reason}", file=sys.stderr, flush=True)
            continue
        figures |= {name: found[name] for name in wanted}
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", required=True, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns: about 40 s")
    parser.add_argument("--only", default="*", metavar="GLOB", help="figures whose name matches")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as an interrupt does: everything is put back
    try:
        with Place(options.quick) as place:
            figures = measure(place, options.only)
    except KeyboardInterrupt:
        print("perf/wire: interrupted", file=sys.stderr)
        return 130
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0
