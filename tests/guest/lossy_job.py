"""Large transfers over spliced connections whose links lose, delay and reorder packets (netem): runs in the guest and
writes observations as JSON, which test_lossy.py judges. Usage: lossy_job.py FOLDER.

curl reads and writes files at the backend that a cookie names, many at once, each on a connection of its own. Packets
are impaired four times on their way there and back: as they leave the client, the backends, the switch towards a
backend, and as they come to the client, where another device stands in, as net_af_packet goes past its own.
"""

import json
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from support.lab import VIP4, VIP6, Lab, client4, client6  # noqa: E402

NETEM = "limit 20000 delay 10ms 1ms loss 2% reorder 10%".split()  # 20 ms there and back on each side of Limpet
PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}}
SIZE = 2 << 20  # of a file
PORT = {"nat": 80, "full_nat": 81}
COUNT = {"nat": 13, "full_nat": 2}  # files in each direction and family
NOISE = random.Random(1).randbytes(SIZE)
LIMIT_S = 150
START = time.monotonic()
WAYS = [(forwarding, family, direction) for forwarding in COUNT for family in (4, 6) for direction in ("down", "up")]


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
    """Files alike but for their beginning, which has the backend's name when they are read, and their own when written.
    """

    def __init__(self, lab: Lab):
        self.lab, self.files, self.orders = lab, lab.folder / "client", []
        self.files.mkdir()
        for name in lab.names:
            (lab.folder / name / "put").mkdir()
            (lab.folder / name / "large-file").write_bytes(content(name))
        self.ways = {way: [self.order(*way, number) for number in range(COUNT[way[0]])] for way in WAYS}

    def order(self, forwarding: str, family: int, direction: str, number: int) -> tuple[Path, bytes]:
        """Where the file is to arrive, and its content."""
        name = self.lab.names[number % len(self.lab.names)]
        label = f"{forwarding}-{direction}{family}-{number}"
        common = {"interface": client4(number % 4) if family == 4 else client6(number % 4),
                  "cookie": f"SERVER=s.{name}", "max-time": LIMIT_S, "write-out": "%{http_code} %{errormsg}\\n"}
        host = f"{VIP4 if family == 4 else f'[{VIP6}]'}:{PORT[forwarding]}"
        if direction == "down":
            target, expected = self.files / label, content(name)
            self.orders.append(common | {"url": f"http://{host}/large-file", "output": target})
        else:
            target, expected = self.lab.folder / name / "put" / label, content(label)
            (self.files / label).write_bytes(expected)
            self.orders.append(common | {"url": f"http://{host}/put/{label}", "upload-file": self.files / label,
                                         "output": "/dev/null"})
        return target, expected

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
        return sum(path.exists() and path.read_bytes() == expected for path, expected in self.ways[way])


def content(name: str) -> bytes:
    return name.ljust(32).encode() + NOISE[32:]


def bad_checksums(lab: Lab) -> int:
    """Segments that kernels found damaged."""
    return sum(int(line.split()[1]) for name in ("client", *lab.names)
               for line in lab.namespaces[name].run("nstat", "-a", "-s", "-z", "TcpInCsumErrors").stdout.splitlines()
               if not line.startswith("#"))


def note(text: str):
    print(f"{time.monotonic() - START:6.1f} s {text}", flush=True)


def config(lab: Lab) -> dict:
    """The lab's service, and one more with full NAT, to the same backends."""
    made = lab.config(profiles=PROFILES, services={"web": {"persist": ["route"]}}, pools={"web": {"monitor": None}})
    made["services"]["full"] = made["services"]["web"] | {
        "listen": [f"{VIP4}:{PORT['full_nat']}/tcp", f"[{VIP6}]:{PORT['full_nat']}/tcp"], "forwarding": "full_nat",
        "local_addresses": ["198.51.100.200/31", "2001:db8:2::200"]}
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
                "whole": {"{}-{}-{}".format(*way): transfers.whole(way) for way in WAYS},
                "bad_checksums": bad_checksums(lab), "exit": limpetd.stop()}
        lab.limpetd = None
    return seen


if __name__ == "__main__":
    (Path(sys.argv[1]) / "seen.json").write_text(json.dumps(observe(), indent=1))
