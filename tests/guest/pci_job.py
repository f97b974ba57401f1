"""limpetd on PCI NICs that scripts/bind-nic gave to DPDK: runs in the guest and writes observations as JSON, which
test_pci.py judges. Usage: pci_job.py FOLDER.

    clients --- igb0 [limpetd] igb1 --- server       two workers, one queue each
    client and server --- NIC [limpetd]              full NAT by one port, for each of the other NICs
"""

import json
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from pci_devices import Monitor, hide_other_drivers, interface_of, pci_of  # noqa: E402
from support import netns  # noqa: E402
from support.guest_nics import Nic, device_mac, far_mac  # noqa: E402
from support.limpetd import Limpetd  # noqa: E402
from support.programs import ROOT, run  # noqa: E402

NICS = [Nic("igb0", "igb"), Nic("igb1", "igb"), Nic("e1000e0", "e1000e"), Nic("vmxnet30", "vmxnet3", guarded=False),
        Nic("virtio0", "virtio-net-pci,mq=on,vectors=10,rss=on,hash=on,iommu_platform=on,disable-legacy=on", queues=2)]
SINGLE = {"e1000e0": 1, "vmxnet30": 1, "virtio0": 2}  # NICs used alone -> workers
VIP = {4: "192.0.2.11", 6: "2001:db8:1::10"}
SERVER = {4: "198.51.100.12", 6: "2001:db8:2::10"}
CLIENTS = {4: [f"192.0.2.{n}" for n in range(101, 113)], 6: [f"2001:db8:1::{n:x}" for n in range(0x101, 0x10d)]}
PORT = {"nat": 8001, "full_nat": 8002}
TURNS = 3  # questions on each connection
RUNS = {  # by two ports: which services, of which families, RSS
    "nat": (["nat"], [4, 6], "auto"), "full_nat": (["full_nat"], [4, 6], "auto"), "nat by IPv6": (["nat"], [6], "auto"),
    "software": (["nat", "full_nat"], [4, 6], "software")}


def bind_nic(*words, check=True):
    return run([ROOT / "scripts/bind-nic", *words], check=check, timeout_s=200)


class Server:
    """Answers each question with the client's address as it sees it, in one thread."""

    def __init__(self, namespace: netns.Namespace):
        self.waiting = selectors.DefaultSelector()
        with namespace.inside():
            for port in PORT.values():
                listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
                self.waiting.register(listener, selectors.EVENT_READ, self.accept)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            for key, _ in self.waiting.select():
                key.data(key.fileobj)

    def accept(self, listener: socket.socket):
        connection, peer = listener.accept()
        self.waiting.register(connection, selectors.EVENT_READ, lambda one: self.answer(one, peer[0]))

    def answer(self, connection: socket.socket, peer: str):
        try:
            if connection.recv(64):
                connection.sendall(peer.removeprefix("::ffff:").encode())
                return
        except OSError:
            pass
        self.waiting.unregister(connection)
        connection.close()


def ask(namespace: netns.Namespace, client: str, port: int) -> list[str]:
    """The answers on one connection, or what went wrong."""
    family = 6 if ":" in client else 4
    with namespace.inside():
        connection = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        with connection:
            connection.settimeout(60)
            connection.bind((client, 0))
            connection.connect((VIP[family], port))
            answers = []
            for _ in range(TURNS):
                connection.sendall(b"who")
                answers.append(connection.recv(64).decode())
            return answers
    except OSError as error:
        return [str(error)]


def rows(limpetd: Limpetd, what: str) -> list[dict]:
    """As limpetctl asks for them, which takes long to start here."""
    request = {"jsonrpc": "2.0", "id": 1, "method": f"show.{what}", "params": {}}
    return limpetd.ask_raw(json.dumps(request).encode() + b"\n", timeout_s=30)["result"]["items"]


def answers(limpetd: Limpetd) -> bool:
    try:
        return bool(rows(limpetd, "workers"))
    except OSError:
        return False


def counters(limpetd: Limpetd) -> Counter:
    return Counter({row["name"]: int(row["value"]) for row in rows(limpetd, "counters")})


def service(forwarding: str, families) -> dict:
    listen = {4: f"{VIP[4]}:{PORT[forwarding]}/tcp", 6: f"[{VIP[6]}]:{PORT[forwarding]}/tcp"}
    made = {"listen": [listen[family] for family in families], "pool": "web", "forwarding": forwarding,
            "persist": ["client"]}
    if forwarding == "full_nat":
        made["local_addresses"] = ["198.51.100.200", "2001:db8:2::200"]
    return made


class Bench:
    """What the NICs' far ends are part of, and one limpetd at a time."""

    def __init__(self, folder: Path, addresses: dict[str, str]):
        self.folder, self.addresses, self.runs = folder, addresses, 0
        self.here = netns.Namespace("pci-limpet")

    def limpetd(self, workers: int, ports: dict, forwardings, families=(4, 6)) -> Limpetd:
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir(parents=True)
        services = {name: service(name, families) for name in forwardings}
        started = Limpetd(self.here, folder, {
            "limpetd": {"socket": "/run/limpetd.sock", "state_dir": str(folder / "state"), "tables": "/dev/shm/limpet",
                        "secret_file": str(self.folder / "secret"), "workers": list(range(workers)), "idle": "sleep",
                        "eal": ["--file-prefix", f"pci{self.runs}", "--log-level", "error"]},
            "limits": {"flows_max": 1000, "records_max": 1000, "held_max": "4MiB", "sources_max": 1000}, "ports": ports,
            "profiles": {"client": {"type": "source_ip", "prefix6": 128}}, "services": services,
            "pools": {"web": {"backends": {"b1": {"address": [SERVER[4], SERVER[6]]}}}}})
        started.launch()
        started.wait_for(lambda: answers(started), "an answer on the socket", 180)
        return started

    def two_ports(self, forwardings, families, rss: str) -> Limpetd:
        ports = {"front": {"device": self.addresses["igb0"], "side": "clients", "rss": rss,
                           "addresses": ["192.0.2.1/24", "2001:db8:1::1/64"]},
                 "back": {"device": self.addresses["igb1"], "side": "backends", "rss": rss,
                          "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"]}}
        return self.limpetd(2, ports, forwardings, families)


def far_namespace(name: str, index: int, *addresses: str) -> netns.Namespace:
    """With the far end of a NIC, as eth0."""
    namespace = netns.Namespace(f"pci-{name}")
    run(["ip", "link", "set", interface_of(far_mac(index)), "netns", namespace.name, "name", "eth0"])
    namespace.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off", check=False)
    namespace.ip("link", "set", "eth0", "up")
    words = "".join(f"addr add {one} dev eth0{' nodad' if ':' in one else ''}\n" for one in addresses)
    run(["ip", "-n", namespace.name, "-batch", "-"], input=words)
    return namespace


def pairs(note, bench: Bench) -> dict:
    """Sessions by two ports of igb, two workers."""
    clients = far_namespace("clients", 0, *(f"{one}/24" for one in CLIENTS[4]), *(f"{one}/64" for one in CLIENTS[6]))
    server = far_namespace("server", 1, f"{SERVER[4]}/24", f"{SERVER[6]}/64")
    for family, gateway in ((4, "198.51.100.1"), (6, "2001:db8:2::1")):
        server.ip(f"-{family}", "route", "add", "default", "via", gateway)
    Server(server)

    def ask_all(limpetd: Limpetd, forwarding: str, family: int) -> dict:
        before = counters(limpetd)
        told = {one: ask(clients, one, PORT[forwarding]) for one in CLIENTS[family]}
        return {"answers": told, "counters": counters(limpetd) - before}

    seen = {}
    for name, (forwardings, families, rss) in RUNS.items():
        limpetd = bench.two_ports(forwardings, families, rss)
        note(f"{name}: limpetd stands")
        one = seen[name] = {"asked": {f"{forwarding} {family}": ask_all(limpetd, forwarding, family)
                                      for forwarding in forwardings for family in families},
                            "ports": rows(limpetd, "ports"), "workers": rows(limpetd, "workers")}
        note(f"{name}: {json.dumps(one)}")
        if name == "nat":
            one["link"] = cut(limpetd, clients)
            note(f"link: {one['link']}")
        one["violations"] = rows(limpetd, "violations")
        one["exit"] = limpetd.stop(timeout_s=60)
    return seen


def cut(limpetd: Limpetd, clients: netns.Namespace) -> dict:
    """The front port's link goes down and comes up again."""
    def link_events() -> list[str]:
        return [row["text"] for row in reversed(rows(limpetd, "events")) if row["kind"] == "link"]

    monitor = Monitor()
    monitor.order("set_link igb0 off")
    limpetd.wait_for(lambda: link_events()[-1:] == ["front is down"], "the link to go down", 120)
    down = {row["name"]: row["link"] for row in rows(limpetd, "ports")}
    monitor.order("set_link igb0 on")
    limpetd.wait_for(lambda: link_events()[-1:] == ["front is up"], "the link to come up", 120)
    served = {one: ask(clients, one, PORT["nat"]) for one in CLIENTS[4][:2]}
    limpetd.wait_for(lambda: link_events()[-1:] == ["front is up"], "the link to stay up", 120)
    return {"down": down, "up": {row["name"]: row["link"] for row in rows(limpetd, "ports")},
            "events": link_events(), "answers": served}


def alone(note, bench: Bench) -> dict:
    """One connection in each family by each of the other NICs."""
    seen = {}
    for index, nic in enumerate(NICS):
        if nic.name not in SINGLE:
            continue
        ends = far_namespace(nic.name, index, f"{CLIENTS[4][0]}/24", f"{CLIENTS[6][0]}/64", f"{SERVER[4]}/24",
                             f"{SERVER[6]}/64")
        Server(ends)
        limpetd = bench.limpetd(SINGLE[nic.name], {"only": {
            "device": bench.addresses[nic.name],
            "addresses": ["192.0.2.1/24", "2001:db8:1::1/64", "198.51.100.1/24", "2001:db8:2::1/64"]}}, ["full_nat"])
        seen[nic.name] = {"answers": {CLIENTS[family][0]: ask(ends, CLIENTS[family][0], PORT["full_nat"])
                                      for family in (4, 6)}, "ports": rows(limpetd, "ports"), "exit": limpetd.stop(timeout_s=60)}
        note(f"{nic.name}: {seen[nic.name]}")
    return seen


def refusals(interface: str, address: str) -> dict:
    """What bind-nic says when it must not or can't; `interface` is one that nothing else uses yet."""
    def said(*words) -> list:
        result = bind_nic(*words, check=False)
        return [result.returncode, result.stdout, result.stderr]

    run(["ip", "link", "set", interface, "up"])
    run(["ip", "addr", "add", "203.0.113.2/24", "dev", interface])
    run(["ip", "route", "add", "default", "via", "203.0.113.1"])
    seen = {"interface": interface, "default route": said(interface)}
    run(["ip", "route", "del", "default"])
    run(["ip", "link", "add", "link", interface, "name", "vlan7", "type", "vlan", "id", "7"])
    run(["ip", "addr", "add", "2001:db8:7::2/64", "dev", "vlan7", "nodad"])
    run(["ip", "link", "set", "vlan7", "up"])
    run(["ip", "-6", "route", "add", "default", "via", "2001:db8:7::1", "dev", "vlan7"])
    seen["default route above"] = said(address)
    seen["no such device"] = said("0000:ff:00.0")
    seen["no NIC"] = said("0000:00:00.0")
    seen["no address"] = said("eth99")
    seen["no driver"] = said("--driver", "no_such_driver", "--force", address)
    seen["still there"] = Path("/sys/class/net", interface).exists()
    seen["not bound"] = said("--unbind", address)
    seen["forced"] = said("--force", address)
    seen["twice"] = said("--force", address)
    return seen


def observe(folder: Path) -> dict:
    start = time.monotonic()

    def note(text: str):
        print(f"{time.monotonic() - start:6.1f} s {text}", flush=True)

    hide_other_drivers()
    Path("/proc/sys/vm/nr_hugepages").write_text("300")
    for driver in ("virtio_net", "igb", "e1000e", "vmxnet3"):
        run(["modprobe", driver], timeout_s=60)
    interfaces = {nic.name: interface_of(device_mac(index)) for index, nic in enumerate(NICS)}
    addresses = {name: pci_of(interface) for name, interface in interfaces.items()}
    note(f"NICs: {addresses}")
    seen = {"addresses": addresses, "refusals": refusals(interfaces["igb0"], addresses["igb0"])}
    note(f"refusals: {json.dumps(seen['refusals'])}")
    note(bind_nic(*[addresses[name] for name in addresses if name != "igb0"]).stdout)
    seen["status"] = bind_nic("--status").stdout
    note(seen["status"])
    bench = Bench(folder, addresses)
    seen["pairs"] = pairs(note, bench)
    seen["alone"] = alone(note, bench)
    seen["unbound"] = bind_nic("--unbind", *addresses.values()).stdout
    note(f"unbound: {seen['unbound']}")
    return seen


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "seen.json").write_text(json.dumps(observe(Path("/run/limpet-files")), indent=1))
