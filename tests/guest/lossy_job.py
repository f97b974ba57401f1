"""Large transfers over spliced connections whose links lose, delay and reorder packets (netem): runs in the guest and
writes observations as JSON, which test_lossy.py judges. Usage: lossy_job.py FOLDER.

curl reads and writes files at the backend that a cookie names, many at once, each on a connection of its own. Packets
are impaired four times on their way there and back: as they leave the client, the backends, the switch towards a
backend, and as they come to the client, where another device stands in, as net_af_packet goes past its own.
"""

import json
import random
import re
import sys
import time
import zlib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from support.lab import VIP4, VIP6, Lab, client4, client6  # noqa: E402

NETEM = "limit 20000 delay 10ms 1ms loss 2% reorder 10%".split()  # 20 ms there and back on each side of Limpet
PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."},
            "inserted": {"type": "cookie", "name": "LB", "by": "insert"}}
PORT = {"nat": 80, "full_nat": 81, "insert": 82}
MIB = 1 << 20
SIZE, LARGE = 2 * MIB, 10 * MIB  # of a file
COUNT = {"nat": 8, "full_nat": 2, "insert": 1}  # files in each direction and family
LARGE_WAYS = (("nat", 4, "down"), ("nat", 6, "up"))  # where one large file is in three others' place
NOISE = random.Random(1).randbytes(LARGE)
INSERTED = re.compile(r"^Set-Cookie: LB=[\w-]{28};", re.MULTILINE)
LIMIT_S = 240
START = time.monotonic()
WAYS = [(service, family, direction) for service in COUNT for family in (4, 6) for direction in ("down", "up")]
SIZES = {way: [LARGE] * large + [SIZE] * (COUNT[way[0]] - 3 * large) for way in WAYS for large in [way in LARGE_WAYS]}


def impair(lab: Lab):
    """The devices that packets leave by, and the one by which they come to the client."""
    client, switch = lab.namespaces["client"], lab.namespaces["switch"]
    client.ip("link", "add", "ifb0", "type", "ifb")
    client.ip("link", "set", "ifb0", "up")
    client.run("tc", "qdisc", "add", "dev", "eth0", "ingress")
    client.run("tc", "filter", "add", "dev", "eth0", "parent", "ffff:", "matchall", "action", "mirred", "egress",
               "redirect", "dev", "ifb0")
    links = [(client, "eth0"), (client, "ifb0")]
    for name in lab.names:
        links += [(lab.namespaces[name], "eth0"), (switch, f"to{name}")]
    for namespace, device in links:
        namespace.run("tc", "qdisc", "add", "dev", device, "root", "netem", *NETEM)
    return links


def lost(links) -> int:
    return sum(row["drops"] for namespace, device in links
               for row in json.loads(namespace.run("tc", "-s", "-j", "qdisc", "show", "dev", device).stdout)
               if row["kind"] == "netem")


class Transfers:
    """Each file has noise of its own; who reads finds it at whichever backend, who writes may come to either."""

    def __init__(self, lab: Lab):
        self.lab, self.files, self.orders = lab, lab.folder / "client", []
        self.files.mkdir()
        for name in lab.names:
            (lab.folder / name / "put").mkdir()
        self.ways = {way: [self.order(*way, *file) for file in enumerate(SIZES[way])] for way in WAYS}

    def order(self, service: str, family: int, direction: str, number: int, size: int) -> tuple[list[Path], str, int]:
        """Where the file may arrive, its name, which tells its content, and its size."""
        name = self.lab.names[number % len(self.lab.names)]
        label = f"{service}-{direction}{family}-{number}"
        shown = {"dump-header": self.files / f"{label}.head"} if service == "insert" else {"cookie": f"SERVER=s.{name}"}
        order = shown | {"interface": client4(number % 4) if family == 4 else client6(number % 4), "max-time": LIMIT_S,
                         "write-out": "%{http_code} %{errormsg}\\n"}
        host = f"{VIP4 if family == 4 else f'[{VIP6}]'}:{PORT[service]}"
        backends = [self.lab.folder / each for each in (self.lab.names if service == "insert" else [name])]
        if direction == "down":
            targets = [self.files / label]
            for backend in backends:
                (backend / f"large-{label}").write_bytes(content(label, size))
            order |= {"url": f"http://{host}/large-{label}", "output": targets[0]}
        else:
            targets = [backend / "put" / label for backend in backends]
            (self.files / label).write_bytes(content(label, size))
            order |= {"url": f"http://{host}/put/{label}", "upload-file": self.files / label, "output": "/dev/null"}
        self.orders.append(order)
        return targets, label, size

    def run(self) -> list[str]:
        """All at once; curl's own word on each."""
        config = self.files / "orders"
        config.write_text("\nnext\n".join("\n".join(f'{key} = "{value}"' for key, value in order.items())
                                          for order in self.orders))
        done = self.lab.namespaces["client"].run(
            "curl", "--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", 300, "-K", config, check=False,
            timeout_s=2 * LIMIT_S)
        return done.stdout.splitlines() + done.stderr.splitlines()

    def whole(self, way) -> int:
        """How many arrived where they should, with every byte."""
        return sum(any(path.exists() and path.read_bytes() == content(label, size) for path in paths)
                   for paths, label, size in self.ways[way])

    def cookies(self) -> int:
        """How many answers had one that Limpet has put in."""
        return sum(len(INSERTED.findall(path.read_text())) for path in self.files.glob("*.head"))


def content(label: str, size: int) -> bytes:
    """The noise from a place on that is the label's own."""
    begin = zlib.crc32(label.encode()) % len(NOISE)
    return (label.ljust(32).encode() + NOISE[begin:] + NOISE[:begin])[:size]


def bad_checksums(lab: Lab) -> int:
    """Segments that kernels found damaged."""
    return sum(int(line.split()[1]) for name in ("client", *lab.names)
               for line in lab.namespaces[name].run("nstat", "-a", "-s", "-z", "TcpInCsumErrors").stdout.splitlines()
               if not line.startswith("#"))


def note(text: str):
    print(f"{time.monotonic() - START:6.1f} s {text}", flush=True)


def config(lab: Lab) -> dict:
    """The lab's service, one with full NAT and one that puts cookies in, all to the same backends."""
    made = lab.config(profiles=PROFILES, services={"web": {"persist": ["route"]}}, pools={"web": {"monitor": None}})
    for service, changes in (("full_nat", {"forwarding": "full_nat",
                                           "local_addresses": ["198.51.100.200/31", "2001:db8:2::200"]}),
                             ("insert", {"persist": ["inserted"]})):
        listen = [f"{VIP4}:{PORT[service]}/tcp", f"[{VIP6}]:{PORT[service]}/tcp"]
        made["services"][service] = made["services"]["web"] | {"listen": listen} | changes
    return made


def observe() -> dict:
    with Lab(backends=2, clients=4) as lab:
        note("the lab stands")
        limpetd = lab.start_limpetd(config(lab))
        transfers = Transfers(lab)
        links = impair(lab)
        note("transfers begin")
        told = transfers.run()
        note("transfers are done")
        seen = {"told": told, "lost": lost(links), "counters": limpetd.counters(), "moves": limpetd.moves(),
                "profiles": limpetd.json("show", "profiles"),
                "whole": {"{}-{}-{}".format(*way): transfers.whole(way) for way in WAYS},
                "cookies": transfers.cookies(), "bad_checksums": bad_checksums(lab), "exit": limpetd.stop()}
        lab.limpetd = None
    return seen


if __name__ == "__main__":
    (Path(sys.argv[1]) / "seen.json").write_text(json.dumps(observe(), indent=1))
