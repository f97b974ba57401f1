"""What IPVS and Limpet each do with the same clients: runs in the guest and writes observations as JSON, which
test_ipvs.py judges. Usage: ipvs_job.py FOLDER."""

import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from worlds import VIP, Ipvs, Limpet, endpoint, ipvs_rules, say  # noqa: E402

TIMEOUT_S = 8  # of the cases that wait: long enough for a busy machine to be in time
# case -> (port, family, IPVS's mask, our profile)
MASKS = {"host4": (8032, 4, "255.255.255.255", {"prefix4": 32}), "net4": (8024, 4, "255.255.255.0", {"prefix4": 24}),
         "host6": (8128, 6, "128", {"prefix6": 128}), "net6": (8064, 6, "64", {"prefix6": 64})}
CLIENTS = {4: [f"198.18.{net}.{host}" for host in (1, 2, 130) for net in (1, 2, 3, 7)],
           6: [f"2001:db8:c:{net:x}::{host:x}" for host in (1, 2, 0xff00) for net in (1, 2, 3, 0x100)]}
PORTS = (8080, 8443)              # addressed by the cases that join ports
UDP, CLOSED, OPEN, EXPIRE = 5301, 8301, 8302, 8303
TCP_PORTS = [port for port, *_ in MASKS.values()] + [*PORTS, CLOSED, OPEN, EXPIRE]
ANY_VIP, MARKED_VIP = "192.0.2.11", "192.0.2.12"
OLD, NEW = CLIENTS[4][:4], ["198.18.50.1", "198.18.50.2", "198.18.50.3", "198.18.50.4"]


def make_ipvs() -> Ipvs:
    rules = []
    for port, family, mask, _ in MASKS.values():
        rules += ipvs_rules(f"-t {endpoint(VIP[family], port)}", family, f"-p 60 -M {mask}", port)
    for port in PORTS:
        rules += ipvs_rules(f"-t {endpoint(VIP[4], port)}", 4, "-p 60", port)
    rules += ipvs_rules(f"-t {ANY_VIP}:0", 4, "-p 60", 0) + ipvs_rules("-f 1", 4, "-p 60", 0)
    for virtual, port, timeout_s in (("-u", UDP, TIMEOUT_S), ("-t", CLOSED, TIMEOUT_S), ("-t", OPEN, TIMEOUT_S),
                                     ("-t", EXPIRE, 60)):
        rules += ipvs_rules(f"{virtual} {endpoint(VIP[4], port)}", 4, f"-p {timeout_s}", port)
    ipvs = Ipvs(TCP_PORTS, [UDP], rules)
    ipvs.director.address("front0", f"{ANY_VIP}/32", f"{MARKED_VIP}/32")
    ports = ",".join(map(str, PORTS))
    ipvs.director.run("nft", "add table ip m; add chain ip m p { type filter hook prerouting priority mangle; }; "
                             f"add rule ip m p ip daddr {MARKED_VIP} tcp dport {{ {ports} }} meta mark set 1")
    return ipvs


def make_limpet(folder: Path) -> Limpet:
    services, profiles = {}, {}

    def add(name: str, listen: list[str], profile: dict, **more):
        pool = more.pop("pool", name)
        profiles[pool] = {"type": "source_ip", **profile}
        services[name] = {"listen": listen, "pool": pool, "persist": [pool], **more}

    for name, (port, family, _, profile) in MASKS.items():
        add(name, [f"{endpoint(VIP[family], port)}/tcp"], profile)
    for port in PORTS:
        add(f"port{port}", [f"{VIP[4]}:{port}/tcp"], {"scope": "pool"}, pool="ports")
    add("any", [f"{ANY_VIP}:*/tcp"], {})
    add("marked", [f"{MARKED_VIP}:{port}/tcp" for port in PORTS], {})
    brief = {"idle_timeout": f"{TIMEOUT_S}s"}
    add("udp", [f"{VIP[4]}:{UDP}/udp"], brief, timeouts={"udp": "1s"})
    add("closed", [f"{VIP[4]}:{CLOSED}/tcp"], brief, timeouts={"closing": "1s"})
    add("open", [f"{VIP[4]}:{OPEN}/tcp"], brief)
    add("expire", [f"{VIP[4]}:{EXPIRE}/tcp"], {"on_drain": "expire"})
    return Limpet(TCP_PORTS, [UDP], folder, services, profiles)


class Side:
    """One of the two, with what differs in how it is told to take no new sessions."""

    def __init__(self, network, seen: dict):
        self.network, self.seen = network, seen

    def quiesce(self, case: str, port: int):
        backends = set(self.seen[case]["first"].values())
        if isinstance(self.network, Ipvs):
            virtual = f"{'-u' if port == UDP else '-t'} {VIP[4]}:{port}"
            self.network.restore([f"-e {virtual} -r 198.51.100.{name[1:]}:{port} -m -w 0" for name in backends])
        else:
            for name in backends:  # as limpetctl does, which takes long to start here
                request = {"jsonrpc": "2.0", "id": 1, "method": "backend.drain", "params": {"backend": f"{case}/{name}"}}
                reply = self.network.limpetd.ask_raw(json.dumps(request).encode() + b"\n")
                assert "result" in reply, reply

    def masks(self):
        for name, (port, family, *_) in MASKS.items():
            rounds = [{client: self.network.ask(client, port) for client in order(family, turn)} for turn in range(2)]
            self.seen[name] = {client: [answers[client] for answers in rounds] for client in CLIENTS[family]}

    def ports(self):
        """Per client the backends over both ports: services of their own, one on any port, and one that joins ports."""
        for name, vip in (("apart", VIP[4]), ("any", ANY_VIP), ("marked", MARKED_VIP)):
            self.seen[name] = {client: [] for client in OLD}
            for port in (*PORTS, *PORTS):
                for client in OLD if port == PORTS[0] else OLD[::-1]:
                    self.seen[name][client].append(self.network.ask(client, port, vip))

    def start(self) -> float:
        """First contacts of the cases that wait; then the backends they reached take no new sessions. Returns when."""
        self.live = {client: self.network.open(client, OPEN) for client in OLD}
        self.seen["open"] = {"first": {client: say(connection) for client, connection in self.live.items()}}
        self.quiesce("open", OPEN)
        begin = time.monotonic()
        self.seen["udp"] = {"first": {client: self.network.ask_udp(client, UDP) for client in OLD}}
        self.seen["closed"] = {"first": {client: self.network.ask(client, CLOSED) for client in OLD}}
        self.quiesce("udp", UDP)
        self.quiesce("closed", CLOSED)
        return begin

    def steps(self):
        """What to do when, in timeouts since first contact: use at less than a timeout each keeps a session."""
        return [(0.6, lambda: self.within("within")), (1.2, lambda: self.within("refreshed")), (1.2, self.strangers),
                (3.0, self.after)]

    def within(self, name: str):
        self.seen["udp"][name] = {client: self.network.ask_udp(client, UDP) for client in OLD}
        self.seen["closed"][name] = {client: self.network.ask(client, CLOSED) for client in OLD}

    def strangers(self):
        self.seen["udp"]["strangers"] = {client: self.network.ask_udp(client, UDP) for client in NEW}
        self.seen["closed"]["strangers"] = {client: self.network.ask(client, CLOSED) for client in NEW}

    def after(self):
        self.within("after")
        self.seen["open"]["after"] = {client: self.network.ask(client, OPEN) for client in OLD}
        self.seen["open"]["live"] = {client: say(connection) for client, connection in self.live.items()}

    def expire(self):
        live = {client: self.network.open(client, EXPIRE) for client in OLD}
        seen = self.seen["expire"] = {"first": {client: say(connection) for client, connection in live.items()}}
        self.quiesce("expire", EXPIRE)
        seen["after"] = {client: self.network.ask(client, EXPIRE) for client in OLD}
        seen["again"] = {client: self.network.ask(client, EXPIRE) for client in OLD}
        seen["live"] = {client: say(connection) for client, connection in live.items()}


def order(family: int, turn: int) -> list[str]:
    """Another order each time: what comes together must not depend on who came after whom."""
    clients = CLIENTS[family]
    return clients if turn == 0 else clients[::-1]


def observe(folder: Path) -> dict:
    start = time.monotonic()

    def note(text: str):
        print(f"{time.monotonic() - start:6.1f} s {text}", flush=True)

    seen = {"ipvs": {}, "limpet": {}}
    ipvs = make_ipvs()
    note("ipvs stands")
    limpet = make_limpet(folder)
    note("limpet stands")
    sides = [Side(ipvs, seen["ipvs"]), Side(limpet, seen["limpet"])]
    for side in sides:
        side.masks()
        note("masks")
        side.ports()
        note("ports")
    seen["limpet"]["records"] = limpet.limpetd.json("show", "records")
    plan = []
    for side in sides:
        begin = side.start()
        note("first contacts")
        plan += [(begin + at * TIMEOUT_S, step) for at, step in side.steps()]
    for due, step in sorted(plan, key=lambda row: row[0]):
        time.sleep(max(due - time.monotonic(), 0))
        step()
        note("waited")
    ipvs.expire_quiescent_template(1)
    for side in sides:
        side.expire()
    note("expire")
    seen["limpet"]["moves"] = limpet.limpetd.moves()
    seen["limpet"]["exit"] = limpet.limpetd.stop()
    return seen


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "seen.json").write_text(json.dumps(observe(Path("/run/limpet-files")), indent=1))
