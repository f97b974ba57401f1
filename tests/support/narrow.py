"""A lab with routers on both sides of Limpet and a narrow link between two of them.

    client --- r1 === r2 --- front0 [limpet] back0 --- r3 === r4 --- b1

The links === are narrow, one of them or both. Packets larger than they carry are answered by r1..r4 with ICMP errors
to whoever seems to have sent them."""

from support import netns
from support.lab import BACK_MAC, FRONT_MAC, Lab, merged
from support.nginx import Nginx

NARROW = 1280
CLIENT4, CLIENT6 = "203.0.113.10", "2001:db8:a::10"
BACKEND4, BACKEND6 = "198.51.100.210", "2001:db8:f::10"

# (left, its device, right, its device, left's and right's addresses)
LINKS = [
    ("client", "eth0", "r1", "in0", [f"{CLIENT4}/25", f"{CLIENT6}/64"], ["203.0.113.1/25", "2001:db8:a::1/64"]),
    ("r1", "out0", "r2", "in0", ["203.0.113.129/30", "2001:db8:b::1/64"], ["203.0.113.130/30", "2001:db8:b::2/64"]),
    ("r2", "out0", "limpet", "front0", ["192.0.2.254/24", "2001:db8:1::fe/64"], []),
    ("limpet", "back0", "r3", "in0", [], ["198.51.100.126/25", "2001:db8:2::fe/64"]),
    ("r3", "out0", "r4", "in0", ["198.51.100.129/30", "2001:db8:e::1/64"], ["198.51.100.130/30", "2001:db8:e::2/64"]),
    ("r4", "out0", "b1", "eth0", ["198.51.100.193/26", "2001:db8:f::1/64"], [f"{BACKEND4}/26", f"{BACKEND6}/64"]),
]
ROUTES = {
    "client": [("default", "203.0.113.1", "2001:db8:a::1")],
    "r1": [("default", "203.0.113.130", "2001:db8:b::2")],
    "r2": [("default", "192.0.2.1", "2001:db8:1::1"), (("203.0.113.0/25", "2001:db8:a::/64"), "203.0.113.129",
                                                      "2001:db8:b::1")],
    "r3": [("default", "198.51.100.1", "2001:db8:2::1"), (("198.51.100.192/26", "2001:db8:f::/64"), "198.51.100.130",
                                                         "2001:db8:e::2")],
    "r4": [("default", "198.51.100.129", "2001:db8:e::1")],
    "b1": [("default", "198.51.100.193", "2001:db8:f::1")],
}


class NarrowLab(Lab):
    """`narrow`: "front", "back", or "" for none."""

    def __init__(self, narrow="", **options):
        super().__init__(backends=1, clients=1, **options)
        self.narrow = narrow

    def _build(self):
        for name in ("client", "r1", "r2", "limpet", "r3", "r4", "b1"):
            self._namespace(name)
        for left, left_device, right, right_device, left_addresses, right_addresses in LINKS:
            netns.join(self.namespaces[left], left_device, self.namespaces[right], right_device)
            self.namespaces[left].address(left_device, *left_addresses)
            self.namespaces[right].address(right_device, *right_addresses)
        if self.xdp:
            for device, mac in (("front0", FRONT_MAC), ("back0", BACK_MAC)):
                limpet = self.namespaces["limpet"]
                limpet.ip("link", "set", device, "down")
                limpet.ip("link", "set", device, "address", mac)
                limpet.up(device)
        for name in ("r1", "r2", "r3", "r4"):
            router = self.namespaces[name]
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
            router.sysctl("net.ipv4.icmp_ratelimit", 0)  # errors owed are sent, else tests depend on time
            router.sysctl("net.ipv6.icmp.ratelimit", 0)
        for name, routes in ROUTES.items():
            for to, via4, via6 in routes:
                to4, to6 = ("default", "default") if to == "default" else to
                self.namespaces[name].ip("route", "add", to4, "via", via4)
                self.namespaces[name].ip("-6", "route", "add", to6, "via", via6)
        for side, left, right in (("front", "r1", "r2"), ("back", "r3", "r4")):
            if side == self.narrow:
                self.namespaces[left].ip("link", "set", "out0", "mtu", NARROW)
                self.namespaces[right].ip("link", "set", "in0", "mtu", NARROW)
        self.nginx["b1"] = Nginx(self.namespaces["b1"], "b1", self.folder / "b1")

    def config(self, **changes) -> dict:
        ports = {"front": {"routes": [{"to": "0.0.0.0/0", "via": "192.0.2.254"}, {"to": "::/0", "via": "2001:db8:1::fe"}]},
                 "back": {"addresses": ["198.51.100.1/25", "2001:db8:2::1/64"],
                          "routes": [{"to": "198.51.100.192/26", "via": "198.51.100.126"},
                                     {"to": "2001:db8:f::/64", "via": "2001:db8:2::fe"}]}}
        if self.xdp:
            ports["back"].update(kernel=None, transit=None)  # no monitors here, so no kernel of its own
        pool = {"monitor": None, "backends": {"b1": {"address": [f"{BACKEND4}:80", f"[{BACKEND6}]:80"]}}}
        config = merged(super().config(), {"ports": ports, "pools": {"web": pool}})
        return merged(config, changes)


