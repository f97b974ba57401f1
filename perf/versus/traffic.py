"""Clients: sessions of curl, each with a cookie jar, and load from wrk."""

from dataclasses import dataclass

from support import wrk
from support.lab import VIP4, Lab, client4

from perf.versus.sides import COOKIE


@dataclass(frozen=True)
class Kind:
    """What is counted."""
    name: str
    header: str

    def __str__(self) -> str:
        return self.name


CONNECTION = Kind("connection", wrk.CLOSE)
REQUEST = Kind("request", wrk.KEEP)


def load(lab: Lab, kind: Kind, seconds: int) -> tuple[int, float]:
    """How many of its kind, and how many a second. Each goes to the backend that its cookie names."""
    done = wrk.load(lab.namespaces["client"], f"http://{VIP4}/", kind.header, f"Cookie: {COOKIE}={lab.names[-1]}",
                    seconds=seconds, who=False)
    return done.requests, done.requests / done.took_s


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
