"""The flows that limpetd is measured with: opened by the clients, answered by their backends, taken up by the clients
again. Only then are they live, and only live flows' packets go the express way (lib/path/express.hpp)."""

import time
from collections import Counter

from perf.wire import capture
from perf.wire.place import wait_for

PLAN_AGE_S = 1.5    # flows go the express way when they were used under a plan that is a second old


def live(limpetd) -> int:
    """How many of the flows are live, both ways."""
    rows = limpetd.json("show", "flows", "--limit", str(2 * capture.FLOWS))
    return sum(row["state"] == "established" for row in rows)


def establish(limpetd, ask, answer, tries=20):
    """`ask()` lets each client send, `answer()` each backend; whatever got lost on the way is sent once more."""
    for _ in range(tries):
        ask()
        answer()
        ask()
        if live(limpetd) == capture.FLOWS:
            time.sleep(PLAN_AGE_S)
            return
    raise RuntimeError(f"of {capture.FLOWS} flows only {live(limpetd)} are live")


def wait_established(limpetd):
    wait_for(lambda: live(limpetd) == capture.FLOWS, f"{capture.FLOWS} live flows")
    time.sleep(PLAN_AGE_S)


class Check:
    """From here on, what limpetd has in hand is packets of live flows, and it drops none."""

    def __init__(self, limpetd):
        self.limpetd, self.before = limpetd, Counter(limpetd.counters())
        self._all_live()

    def _all_live(self):
        if (count := live(self.limpetd)) != capture.FLOWS:
            raise RuntimeError(f"of {capture.FLOWS} flows {count} are live: others' packets go the long way")

    def hold(self):
        """A flow, once live, stays so while no other is made in its place."""
        self._all_live()
        grown = Counter(self.limpetd.counters())
        grown.subtract(self.before)
        drops = {name: value for name, value in grown.items() if name.startswith("drop_") and value}
        if grown["flow_new"] or grown["flow_ended"] or drops:
            raise RuntimeError(f"flows were made: {grown['flow_new']}, ended: {grown['flow_ended']}; drops: {drops}")
        missed = grown["received"] - grown["forwarded_in"]
        if missed > max(grown["received"] // 1000, capture.FLOWS):
            raise RuntimeError(f"of {grown['received']} packets {missed} were not clients' of known flows")
