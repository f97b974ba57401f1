"""plan.apply: what 10 plans a second cost the traffic at full load."""

import copy
import json
import threading
import time

from support import toml_text

from perf.wire.figures import figure
from perf.wire.flows import Check
from perf.wire.forward import OURS, SETTLE_S, Generator, memif_devices
from perf.wire.place import Place

PLANS_A_SECOND = 10


class Applier:
    """Applies two configurations in turn, which differ in a backend's weight, while used as a context manager."""

    def __init__(self, limpetd):
        self.limpetd = limpetd
        other = copy.deepcopy(limpetd.config)
        other["pools"]["web"]["backends"]["b1"]["weight"] = 7
        self.texts = [toml_text.dump(config) for config in (other, limpetd.config)]
        self.applied, self.refused = 0, []
        self.ended = threading.Event()

    def __enter__(self):
        self.ended.clear()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()

    def _run(self):
        due = time.monotonic()
        while not self.ended.wait(max(due - time.monotonic(), 0)):
            due += 1 / PLANS_A_SECOND
            params = {"text": self.texts[self.applied % 2], "file_name": "apply.toml"}
            request = {"jsonrpc": "2.0", "id": 1, "method": "apply", "params": params}
            answer = self.limpetd.ask_raw(json.dumps(request).encode() + b"\n")
            if answer.get("result", {}).get("applied") and answer["result"]["changes"]:
                self.applied += 1
            else:
                self.refused.append(answer)


def lost(generator: Generator, begin: tuple[int, int]) -> int:
    """Packets taken from the generator that never came back, since counted() was `begin`."""
    with generator.feed(OURS, ports=f"{OURS.back},{OURS.sink}"):  # nothing new; what is on the way arrives
        deadline = time.monotonic() + 10
        while True:
            sent, back = counted(generator)
            missing = sent - begin[0] - (back - begin[1])
            if missing == 0 or time.monotonic() > deadline:
                return missing
            time.sleep(0.05)


def counted(generator: Generator) -> tuple[int, int]:
    return generator.testpmd.counters(OURS.out)["tx"], generator.testpmd.counters(OURS.back)["rx"]


def apply_at_full_load(place: Place) -> dict:
    place.need_huge_pages()
    quiet, applying = [], []
    with Generator(place, [OURS]) as generator, place.limpetd(memif_devices(place, OURS)) as limpetd:
        generator.wait_linked(OURS)
        generator.establish(OURS, limpetd)
        check, begin = Check(limpetd), counted(generator)
        applier = Applier(limpetd)
        took_s = 0.0
        with generator.feed(OURS):
            time.sleep(SETTLE_S)
            for number in range(place.turns):
                quiet.append(generator.rate(OURS, place.seconds))
                before = time.monotonic()
                with applier:
                    applying.append(generator.rate(OURS, place.seconds))
                took_s += time.monotonic() - before
                print(f"  turn {number + 1}: {quiet[-1]:.2f} Mpps, applying {applying[-1]:.2f} Mpps, "
                      f"ratio {applying[-1] / quiet[-1]:.2f}", flush=True)
        missing = lost(generator, begin)
        check.hold()
        check_applied(applier, limpetd, took_s)
    print(f"  {applier.applied} plans applied, {missing} packets lost", flush=True)
    return {"plan.apply": figure(applying, "Mpps", quiet), "plan.apply.lost": figure([missing], "packets", digits=0)}


def check_applied(applier: Applier, limpetd, took_s: float):
    wanted = PLANS_A_SECOND * took_s * 0.9 - 1
    if applier.refused or applier.applied < wanted:
        raise RuntimeError(f"{applier.applied} plans applied in {took_s:.1f} s, refused: {applier.refused[:1]}")
    if moves := limpetd.moves():
        raise RuntimeError(f"sessions moved: {moves[:3]}")
