"""Clients: sessions of curl, each with a cookie jar, and load from wrk."""

import re
from dataclasses import dataclass

from support.lab import VIP4, Lab, client4

from perf.versus.sides import COOKIE

CONNECTIONS = 20  # of wrk, at once
REQUESTS = re.compile(r"^\s*(\d+) requests in ([\d.]+)(m?s),", re.MULTILINE)


@dataclass(frozen=True)
class Kind:
    """What is counted."""
    name: str
    header: str

    def __str__(self) -> str:
        return self.name


CONNECTION = Kind("connection", "Connection: close")
REQUEST = Kind("request", "Connection: keep-alive")


def load(lab: Lab, kind: Kind, seconds: int) -> tuple[int, float]:
    """How many of its kind, and how many a second. Each goes to the backend that its cookie names."""
    done = lab.namespaces["client"].run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", kind.header, "-H",
                                        f"Cookie: {COOKIE}={lab.names[-1]}", f"http://{VIP4}/", timeout_s=seconds + 20)
    found = REQUESTS.search(done.stdout)
    if not found or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"wrk had failures:\n{done.stdout}")
    took_s = float(found[2]) / (1000 if found[3] == "ms" else 1)
    return int(found[1]), int(found[1]) / took_s


def session(lab: Lab, number: int, connections: int) -> list[str]:
    """Who has answered each connection of one session: the first logs in, and half way the client's address changes."""
    jar = lab.folder / f"jar-{number}"
    jar.unlink(missing_ok=True)
    answers = []
    for place, (paths, count) in enumerate((("/login", 1), ("/", connections // 2), ("/", connections // 2))):
        address = client4((number + (place == 2)) % lab.client_count)
        answers += lab.curl(address, paths, options=("-b", jar, "-c", jar, "-H", "Connection: close", *
                                                     [f"http://{VIP4}/"] * (count - 1))).split()
    return answers


def moved(lab: Lab, numbers: range, connections: int) -> tuple[int, set[str]]:
    """Of these sessions, those that did not stay with the backend that answered first; and which these were."""
    count, seen = 0, set()
    for number in numbers:
        first, *later = session(lab, number, connections)
        if len(later) != connections // 2 * 2:
            raise RuntimeError(f"a session has {len(later) + 1} answers")
        seen.add(first)
        count += any(answer != first for answer in later)
    return count, seen
