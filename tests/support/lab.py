"""The lab: a client, Limpet, a switch and backends, each in a network namespace of its own.

    client --- front0 [limpet] back0 --- br0 [switch] --- eth0 [b1], eth0 [b2], ...

With one arm, clients, Limpet and backends all sit at the switch, Limpet by front0 alone, and backends know no way but
to their own network.

Addresses: clients 192.0.2.101.. and 2001:db8:1::101.., VIPs 192.0.2.10 and 2001:db8:1::10, Limpet 192.0.2.1,
198.51.100.1 and their likes in IPv6, with full NAT also 198.51.100.200 and .201, backends 198.51.100.11.. and 2001:db8:2::11... On the back network the kernel
beside Limpet has 198.51.100.2 and 2001:db8:2::2: monitors speak from there.
"""

import itertools
import os
import re
import shutil
import tempfile
from pathlib import Path

from support import netns
from support.limpetd import Limpetd, eal_options
from support.nginx import Nginx

NUMBERS = itertools.count(1)  # of the labs of this process

VIP4, VIP6 = "192.0.2.10", "2001:db8:1::10"
FRONT_MAC, BACK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


def client4(index: int) -> str:
    return f"192.0.2.{101 + index}"


def client6(index: int) -> str:
    return f"2001:db8:1::{101 + index:d}"


def backend4(index: int) -> str:
    return f"198.51.100.{11 + index}"


def backend6(index: int) -> str:
    return f"2001:db8:2::{11 + index:d}"


def files_of(prefix: str) -> tuple[Path, Path]:
    """Where the lab of this prefix keeps its files, and limpetd's tables (tmpfs)."""
    base = f"{prefix.rstrip('-')}-files"
    return Path(tempfile.gettempdir()) / base, Path("/dev/shm") / base


class Lab:
    """Use as a context manager. `keep_as` names a lab that outlives this process; `xdp` drives with net_af_xdp."""

    def __init__(self, *, backends=3, clients=20, forwarding="nat", xdp=False, one_arm=False, keep_as=""):
        netns.sweep()
        sweep_files()
        self.prefix = keep_as or f"limpet-{os.getpid()}-{next(NUMBERS)}-"
        self.forwarding, self.xdp, self.one_arm, self.client_count = forwarding, xdp, one_arm, clients
        self.names = [f"b{i + 1}" for i in range(backends)]
        self.namespaces: dict[str, netns.Namespace] = {}
        self.nginx: dict[str, Nginx] = {}
        self.limpetd: Limpetd | None = None
        self.folder, self.tables = files_of(self.prefix)

    def __enter__(self):
        try:
            self.folder.mkdir(mode=0o755)
            self.tables.mkdir(mode=0o700)
            self._build()
            for backend in self.nginx.values():
                backend.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Takes everything down, whatever state it is in."""
        try:
            if self.limpetd is not None:
                self.limpetd.stop()
        finally:
            for backend in self.nginx.values():
                backend.stop()
            for namespace in self.namespaces.values():
                namespace.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.tables, ignore_errors=True)

    # making it

    def _namespace(self, name: str) -> netns.Namespace:
        self.namespaces[name] = netns.Namespace(self.prefix + name)
        return self.namespaces[name]

    def _build(self):
        client, limpet, switch = (self._namespace(name) for name in ("client", "limpet", "switch"))
        if self.one_arm:
            netns.join(client, "eth0", switch, "toclient")
        else:
            netns.join(limpet, "front0", client, "eth0")
        for index in range(self.client_count):
            client.address("eth0", f"{client4(index)}/24", f"{client6(index)}/64")
        switch.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        switch.ip("link", "set", "br0", "up")
        netns.join(limpet, self.back, switch, "limpet0")
        for name in ("limpet0", "toclient") if self.one_arm else ("limpet0",):
            switch.ip("link", "set", name, "master", "br0")
        self._build_kernel_side(limpet)
        for index, name in enumerate(self.names):
            self._build_backend(index, name)

    @property
    def back(self) -> str:
        """The interface towards backends."""
        return "front0" if self.one_arm else "back0"

    def _build_kernel_side(self, limpet: netns.Namespace):
        """What the kernel beside Limpet speaks from: an address on back0, or the far end of the kernel device."""
        if self.xdp:
            for port, mac, addresses in (("front", FRONT_MAC, []),
                                         ("back", BACK_MAC, ["198.51.100.1/24", "2001:db8:2::1/64"])):
                limpet.ip("link", "set", f"{port}0", "down")
                limpet.ip("link", "set", f"{port}0", "address", mac)
                limpet.up(f"{port}0")
                if addresses:
                    netns.join(limpet, f"{port}k0", limpet, f"{port}k1", right_mac=mac)
                    limpet.address(f"{port}k1", *addresses)
        else:
            limpet.address(self.back, "198.51.100.2/24", "2001:db8:2::2/64")

    def _build_backend(self, index: int, name: str):
        backend = self._namespace(name)
        switch = self.namespaces["switch"]
        netns.join(backend, "eth0", switch, f"to{name}", left_mac=f"02:00:00:00:00:{0x11 + index:02x}")
        switch.ip("link", "set", f"to{name}", "master", "br0")
        backend.address("eth0", f"{backend4(index)}/24", f"{backend6(index)}/64")
        if self.forwarding == "dr":
            self._accept_vip(backend)
        if not self.one_arm:
            backend.ip("route", "add", "default", "via", "198.51.100.1")
            backend.ip("-6", "route", "add", "default", "via", "2001:db8:2::1")
        self.nginx[name] = Nginx(backend, name, self.folder / name)

    def _accept_vip(self, backend: netns.Namespace):
        """Direct return: the backend has the VIP too, silently (no ARP, no ND for it), and replies by itself."""
        for scope in ("all", "eth0"):
            backend.sysctl(f"net.ipv4.conf.{scope}.arp_ignore", 1)
            backend.sysctl(f"net.ipv4.conf.{scope}.arp_announce", 2)
            backend.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        backend.address("lo", f"{VIP4}/32", f"{VIP6}/128")

    # configuration and daemon

    def config(self, **changes) -> dict:
        """A configuration for this lab; `changes` replace whole top-level tables or, as dictionaries, merge."""
        driver = "net_af_xdp" if self.xdp else "net_af_packet"
        ports = {
            "front": {"device": f"{driver}0,iface=front0", "mac": FRONT_MAC, "side": "clients",
                      "addresses": ["192.0.2.1/24", "2001:db8:1::1/64"]},
            "back": {"device": f"{driver}1,iface=back0", "mac": BACK_MAC, "side": "backends",
                     "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"]},
        }
        if self.one_arm:
            ports["front"] |= {"side": "both", "addresses": ports["front"]["addresses"] + ports.pop("back")["addresses"]}
        if self.forwarding == "dr":
            ports["back"]["transit"] = "route"  # the backends' answers, already from the VIP, pass through
        if self.xdp:
            for port in ports.values():
                del port["mac"]  # the device has it
            ports["back"]["kernel"] = "net_af_packet2,iface=backk0"
            ports["back"]["transit"] = "kernel"
        config = {
            "limpetd": {"socket": str(self.folder / "limpetd.sock"), "state_dir": str(self.folder / "state"),
                        "tables": str(self.tables / "tables"), "secret_file": str(self.folder / "secret"),
                        "workers": [0, 0], "idle": "sleep", "eal": eal_options(self.prefix.strip("-"))},
            "limits": {"flows_max": 20000, "records_max": 20000, "held_max": "4MiB"},
            "ports": ports,
            "profiles": {"client": {"type": "source_ip", "prefix4": 32, "prefix6": 128, "idle_timeout": "30m"}},
            "pools": {"web": {
                "algorithm": "rendezvous",
                "monitor": {"type": "http", "path": "/health", "interval": "300ms", "timeout": "250ms",
                            "rise": 2, "fall": 2},
                "backends": {name: {"address": [f"{backend4(i)}:80", f"[{backend6(i)}]:80"]}
                             for i, name in enumerate(self.names)}}},
            "services": {"web": {"listen": [f"{VIP4}:80/tcp", f"[{VIP6}]:80/tcp"], "forwarding": self.forwarding,
                                 "pool": "web", "persist": ["client"]}},
        }
        if self.forwarding == "full_nat":
            config["services"]["web"]["local_addresses"] = ["198.51.100.200/31", "2001:db8:2::200"]
        return merged(config, changes)

    def config_in_turn(self, l4_port: int, monitor: dict, **changes) -> dict:
        """The same with backends at this port, each next one for who is not known."""
        config = self.config(**changes)
        config["pools"]["web"] = {
            "algorithm": "weighted_round_robin",
            "monitor": monitor | {"interval": "300ms", "timeout": "250ms"},
            "backends": {name: {"address": [f"{backend4(i)}:{l4_port}", f"[{backend6(i)}]:{l4_port}"]}
                         for i, name in enumerate(self.names)}}
        return config

    def start_limpetd(self, config: dict | None = None) -> Limpetd:
        """Ready: it answers on its socket and all backends are up."""
        self.limpetd = Limpetd(self.namespaces["limpet"], self.folder, config or self.config(), bpffs=self.xdp)
        self.limpetd.start()
        for name, row in self.limpetd.backends().items():
            if row["health"] != "up":
                self.limpetd.wait_health(name, "up")
        return self.limpetd

    # traffic

    def curl(self, source: str, path="/", *, vip="", timeout_s=5, check=True, options=()) -> str:
        """The answer's text without its line end; empty when there was none and `check` is off."""
        vip = vip or (f"[{VIP6}]" if ":" in source else VIP4)
        result = self.namespaces["client"].run("curl", "-s", "-S", "-m", timeout_s, "--interface", source, *options,
                                               f"http://{vip}{path}", check=check)
        return result.stdout.strip()

    def sessions(self) -> list[str]:
        """One per client address and family."""
        return [client4(i) for i in range(self.client_count)] + [client6(i) for i in range(self.client_count)]

    def ask_all(self, times=1) -> dict[str, list[str]]:
        """Who answered whom: client address -> the answers of `times` connections, in order."""
        return {source: [self.curl(source) for _ in range(times)] for source in self.sessions()}


def merged(base: dict, changes: dict) -> dict:
    """A copy of `base` with `changes` laid over it, table by table; None removes a key."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def sweep_files():
    """Removes the files of labs whose maker no longer lives."""
    for parent in (Path(tempfile.gettempdir()), Path("/dev/shm")):
        for path in parent.glob("limpet-*-files"):
            match = re.match(r"limpet-(\d+)-\d+-files$", path.name)
            if match and not os.path.exists(f"/proc/{match.group(1)}"):
                shutil.rmtree(path, ignore_errors=True)


