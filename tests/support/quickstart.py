"""The quickstart: real clients, real servers, sessions that stay. scripts/quickstart builds and runs it."""

import argparse
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import netns
from support.lab import Lab, files_of
from support.programs import CommandFailed, program

KEPT = "limpet-quickstart-"
REQUESTS = 5


def say(text: str = ""):
    print(text, flush=True)


def table(answers: dict[str, list[str]]) -> str:
    """Backends, and the clients that each has answered."""
    by_backend: dict[str, list[str]] = {}
    for source, names in answers.items():
        by_backend.setdefault("+".join(sorted(set(names))), []).append(source)
    return "\n".join(f"  {name}: {len(sources):2d} sessions  {' '.join(sources[:3])}{' ...' if len(sources) > 3 else ''}"
                     for name, sources in sorted(by_backend.items()))


class Story:
    """What happens, step by step; the books are kept from curl's answers and limpetd's own list of moves."""

    def __init__(self, lab: Lab):
        self.lab, self.limpetd = lab, lab.start_limpetd()
        self.where: dict[str, str] = {}  # session -> the backend that answered it last
        self.moved: set[str] = set()
        self.unexplained: list[str] = []

    def requests(self, title: str):
        """Requests from every session; a backend other than before must be explained by a move that limpetd lists."""
        say(f"\n{title}: {REQUESTS} requests from each of {len(self.lab.sessions())} client addresses")
        answers = self.lab.ask_all(REQUESTS)
        say(table(answers))
        explained = {row["key"].split("/")[0]: row for row in self.limpetd.moves()}
        for source, names in answers.items():
            before = self.where.get(source, names[0])
            if set(names) != {before}:
                self.moved.add(source)
                if source not in explained or set(names) != {explained[source]["to"].split("/")[1]}:
                    self.unexplained.append(f"{source}: {before} -> {' '.join(names)}")
            self.where[source] = names[-1]
        self.check_why()

    def check_why(self):
        """`limpetctl why` says of each session what its requests have shown."""
        for source, backend in self.where.items():
            told = self.limpetd.json("why", "--service", "web", "--client", source)["backend"]
            if told != f"web/{backend}":
                self.unexplained.append(f"{source}: reached web/{backend}, but `limpetctl why` says {told}")

    def stop(self, name: str):
        say(f"\nStopping the nginx of {name}")
        self.lab.nginx[name].stop()
        self.limpetd.wait_health(f"web/{name}", "down")
        say("  its monitor has seen it: " + f"{name} is down")

    def drain(self, name: str):
        say(f"\nDraining {name}: its sessions stay, new ones go elsewhere")
        self.limpetd.ctl("backend", "drain", f"web/{name}")

    def summary(self) -> bool:
        moves = self.limpetd.moves()
        say("\nMoves, as `limpetctl show moves` lists them:")
        say(self.limpetd.ctl("show", "moves").stdout.rstrip() or "  none")
        reasons = Counter(row["reason"] for row in moves)
        violations = reasons.pop("violation", 0) + len(self.unexplained)
        for line in self.unexplained:
            say(f"violation: {line}")
        why = f" ({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))})" if reasons else ""
        say(f"\nsessions {len(self.where)}, moved {len(self.moved)}{why}, violations {violations}")
        return violations == 0


def look_around(lab: Lab):
    ctl = f"{program('limpetctl')} --socket {lab.limpetd.socket}"
    say(f"""
The lab stands. Look around:
  {ctl} show backends
  {ctl} why --service web --client 192.0.2.101
  {ctl}                                 (interactive)
  ip netns exec {KEPT}client curl --interface 192.0.2.101 http://192.0.2.10/
  configuration: {lab.limpetd.file}
Take it down: sudo scripts/quickstart --clean""")


def clean():
    for name in netns.existing(KEPT):
        netns.remove_namespace(name)
    for folder in files_of(KEPT):
        shutil.rmtree(folder, ignore_errors=True)


def run(arguments) -> bool:
    clean()
    say("Making the lab: a client with 20 addresses, Limpet, three nginx backends, each in a namespace of its own")
    lab = Lab(xdp=arguments.xdp, keep_as=KEPT)
    try:
        lab.__enter__()
        say(f"Starting limpetd on {'net_af_xdp' if arguments.xdp else 'net_af_packet'}")
        story = Story(lab)
        story.requests("First contact")
        story.stop("b1")
        story.requests("Without b1")
        story.drain("b2")
        story.requests("With b2 draining")
        well = story.summary()
        if arguments.keep:
            look_around(lab)
    except BaseException:
        arguments.keep = False
        if lab.limpetd is not None and lab.limpetd.log.exists():
            say(lab.limpetd.log.read_text()[-4000:])
        raise
    finally:
        if not arguments.keep:
            lab.close()
    return well


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/quickstart", description="Limpet in five minutes, on real traffic")
    parser.add_argument("--keep", action="store_true", help="leave the lab standing and say how to look around")
    parser.add_argument("--xdp", action="store_true", help="drive the ports with net_af_xdp")
    parser.add_argument("--clean", action="store_true", help="remove a lab that was kept")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the lab goes, however the story ends
    if arguments.clean:
        clean()
        return 0
    try:
        return 0 if run(arguments) else 1
    except (AssertionError, CommandFailed, KeyboardInterrupt) as error:
        say(f"scripts/quickstart: {str(error) or 'interrupted'}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
