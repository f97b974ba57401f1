"""Two networks that are alike but for what balances them: the kernel's IPVS in one, limpetd in the other. Runs in the
guest.

    clients --- front0 [director] back0 --- servers

Whole networks of client and backend addresses live behind one link address each, so any of them can be used without
being set up. Servers answer with the name of the backend whose address they were asked at.
"""

import selectors
import socket
import subprocess
import threading
from pathlib import Path

from support import netns
from support.limpetd import Limpetd, eal_options

BACKENDS = [f"b{i}" for i in range(1, 17)]
VIP = {4: "192.0.2.10", 6: "2001:db8:1::10"}
CLIENTS = {4: "198.18.0.0/16", 6: "2001:db8:c::/48"}
SERVERS = {4: "198.51.100.0/24", 6: "2001:db8:b::/64"}
# Link addresses: the director's and the far end's, on the clients' and on the servers' side.
FRONT = {4: ("192.0.2.1/24", "192.0.2.2/24"), 6: ("2001:db8:1::1/64", "2001:db8:1::2/64")}
BACK = {4: ("203.0.113.1/24", "203.0.113.2/24"), 6: ("2001:db8:2::1/64", "2001:db8:2::2/64")}
IPV6_FREEBIND = 78  # linux/in6.h: an address of a local route may be bound, as with IPv4


def backend_address(name: str, family: int) -> str:
    number = int(name[1:])
    return f"198.51.100.{number}" if family == 4 else f"2001:db8:b::{number:x}"


BACKEND_OF = {backend_address(name, family): name for name in BACKENDS for family in (4, 6)}


def host(link: str) -> str:
    return link.split("/")[0]


def family_of(address: str) -> int:
    return 6 if ":" in address else 4


def endpoint(address: str, port) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Servers:
    """Every backend on every port, in one thread."""

    def __init__(self, namespace: netns.Namespace, tcp_ports, udp_ports):
        self.waiting = selectors.DefaultSelector()
        with namespace.inside():
            for port in tcp_ports:
                listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
                self.waiting.register(listener, selectors.EVENT_READ, self.accept)
            for port in udp_ports:
                for name in BACKENDS:  # each by its own socket, so that it answers from the address it was asked at
                    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    asked.bind((backend_address(name, 4), port))
                    self.waiting.register(asked, selectors.EVENT_READ, self.datagram)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            for key, _ in self.waiting.select():
                key.data(key.fileobj)

    def accept(self, listener: socket.socket):
        connection, _ = listener.accept()
        self.waiting.register(connection, selectors.EVENT_READ, self.stream)

    @staticmethod
    def name(peer: socket.socket) -> bytes:
        return BACKEND_OF[peer.getsockname()[0].removeprefix("::ffff:")].encode()

    def stream(self, connection: socket.socket):
        try:
            if connection.recv(64):
                connection.sendall(self.name(connection))
                return
        except OSError:
            pass
        self.waiting.unregister(connection)
        connection.close()

    def datagram(self, asked: socket.socket):
        _, client = asked.recvfrom(64)
        asked.sendto(self.name(asked), client)


class Network:
    """The namespaces of one director. `ask` and `open` are what clients do."""

    def __init__(self, name: str, tcp_ports, udp_ports):
        self.clients, self.director, self.servers = (netns.Namespace(f"{name}-{end}")
                                                     for end in ("clients", "director", "servers"))
        netns.join(self.director, "front0", self.clients, "eth0")
        netns.join(self.director, "back0", self.servers, "eth0")
        for family in (4, 6):
            self.clients.address("eth0", FRONT[family][1])
            self.servers.address("eth0", BACK[family][1])
            route = ["-6"] if family == 6 else []
            self.clients.ip(*route, "route", "add", "local", CLIENTS[family], "dev", "lo")
            self.servers.ip(*route, "route", "add", "local", SERVERS[family], "dev", "lo")
            self.servers.ip(*route, "route", "add", "default", "via", host(BACK[family][0]))
        Servers(self.servers, tcp_ports, udp_ports)

    def open(self, client: str, port: int, vip="") -> socket.socket:
        with self.clients.inside():
            connection = socket.socket(socket.AF_INET6 if ":" in client else socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(20)
        if ":" in client:
            connection.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        connection.bind((client, 0))
        connection.connect((vip or VIP[family_of(client)], port))
        return connection

    def ask(self, client: str, port: int, vip="") -> str:
        """Who answers on a connection of its own, closed by the client first."""
        with self.open(client, port, vip) as connection:
            return say(connection)

    def ask_udp(self, client: str, port: int) -> str:
        """Who answers a datagram from a port of its own."""
        with self.clients.inside():
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            asking.settimeout(20)
            asking.bind((client, 0))
            asking.connect((VIP[4], port))
            return say(asking)


def say(connection: socket.socket) -> str:
    connection.sendall(b"who")
    return connection.recv(64).decode()


class Ipvs(Network):
    """`rules` are ipvsadm's own words, for ipvsadm -R."""

    def __init__(self, tcp_ports, udp_ports, rules: list[str]):
        super().__init__("ipvs", tcp_ports, udp_ports)
        for family in (4, 6):
            self.director.address("front0", FRONT[family][0])
            self.director.address("back0", BACK[family][0])
            self.director.address("front0", VIP[family] + ("/32" if family == 4 else "/128"))
            route = ["-6"] if family == 6 else []
            self.director.ip(*route, "route", "add", CLIENTS[family], "via", host(FRONT[family][1]))
            self.director.ip(*route, "route", "add", SERVERS[family], "via", host(BACK[family][1]))
        self.director.sysctl("net.ipv4.ip_forward", 1)
        self.director.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.restore(rules)
        self.director.run("ipvsadm", "--set", "0", "0", "1")  # a UDP "connection" lives one second

    def restore(self, rules: list[str]):
        with self.director.inside():
            subprocess.run(["ipvsadm", "-R"], input="\n".join(rules) + "\n", text=True, check=True)

    def expire_quiescent_template(self, on: int):
        self.director.sysctl("net.ipv4.vs.expire_quiescent_template", on)


def ipvs_rules(virtual: str, family: int, options: str, backend_port: int) -> list[str]:
    """A service and all backends behind it. `virtual` is e.g. "-t 192.0.2.10:80"."""
    servers = (f"-a {virtual} -r {endpoint(backend_address(name, family), backend_port)} -m -w 1" for name in BACKENDS)
    return [f"-A {virtual} -s rr {options}", *servers]


class Limpet(Network):
    """limpetd with a service, a pool and a profile for each case."""

    def __init__(self, tcp_ports, udp_ports, folder: Path, services: dict, profiles: dict):
        super().__init__("limpet", tcp_ports, udp_ports)
        folder.mkdir()
        pool = {name: {"address": [backend_address(name, family) for family in (4, 6)]} for name in BACKENDS}
        self.limpetd = Limpetd(self.director, folder, {
            "limpetd": {"socket": "/run/limpetd.sock", "state_dir": str(folder / "state"), "tables": "/dev/shm/limpet",
                        "secret_file": str(folder / "secret"), "workers": [0, 1], "idle": "sleep",
                        "eal": eal_options("guest")},
            "limits": {"flows_max": 20000, "records_max": 20000, "held_max": "4MiB"},
            "ports": {"front": self.port(0, "front", FRONT, CLIENTS), "back": self.port(1, "back", BACK, SERVERS)},
            "profiles": profiles, "services": services,
            "pools": {service["pool"]: {"backends": pool} for service in services.values()}})
        self.limpetd.start(timeout_s=60)

    @staticmethod
    def port(number: int, side: str, links: dict, behind: dict) -> dict:
        return {"device": f"net_af_packet{number},iface={side}0", "mac": f"02:00:00:00:00:0{number + 1}",
                "addresses": [links[family][0] for family in (4, 6)],
                "routes": [{"to": behind[family], "via": host(links[family][1])} for family in (4, 6)]}
