"""Sessions through each tunnel to the kernel's own devices, and by direct return from one VLAN to another: runs in the
guest and writes observations as JSON, which test_tunnels.py judges. Usage: tunnels_job.py FOLDER.

    client --- front0 [limpet] back0 --- west [router] east --- eth0 [server]

Answers come back the same way, already from the VIP. The router's ways are narrow: to clients 1280 bytes, to the server
1340, which is 1280 and the headers of the largest tunnel, rounded. Each case has VIPs and client addresses of its
own, so that each learns its path anew.

For direct return the client speaks in VLAN 100 and the router is itself the server, in VLAN 200, of the same links. At
last all links lose, repeat and reorder packets (netem).
"""

import json
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from support import netns  # noqa: E402
from support.limpetd import Limpetd, eal_options  # noqa: E402
from support.nginx import Nginx  # noqa: E402

TUNNELS = [(encap, outer, inner) for encap in ("ipip", "gre", "gue") for outer in (4, 6) for inner in (4, 6)]
DIRECT = [("dr", family, family) for family in (4, 6)]
LOSSY = [*DIRECT, ("gue", 6, 4), ("ipip", 4, 6)]
NETEM = "delay 4ms 2ms loss 4% duplicate 4% reorder 20%".split()
SERVER = {4: "203.0.113.11", 6: "2001:db8:3::11"}
TO_CLIENT, TO_SERVER = 1280, 1340  # bytes
SINK = 9000                        # takes what is sent and answers with how much it was
UPLOAD = DOWNLOAD = 100_000
BAD = ("Csum", "HdrErrors", "InErrors", "InErrs", "Truncated", "AddrErrors", "Unknown")  # in names of kernel counters
LIMIT_S = 90                       # of one transfer
NUMBER = {encap: number for number, encap in enumerate(("ipip", "gre", "gue", "dr"))}


def label(case) -> str:
    """"gre-6in4" is IPv6 within IPv4."""
    return "{}-{}in{}".format(case[0], case[2], case[1])


def last(encap: str, outer: int) -> int:
    return 10 + NUMBER[encap] * 10 + outer


def vip(encap: str, outer: int, inner: int) -> str:
    return f"192.0.2.{last(encap, outer)}" if inner == 4 else f"2001:db8:1::{last(encap, outer):x}"


def client(encap: str, outer: int, inner: int) -> str:
    """Those of VLAN 100 have their addresses there, the others theirs on lo."""
    link = "100" if encap == "dr" else "0"
    return f"198.18.{link}.{last(encap, outer)}" if inner == 4 else f"2001:db8:c:{link}::{last(encap, outer):x}"


def whole(address: str) -> str:
    return f"{address}/{32 if '.' in address else 128}"


def make_network() -> dict[str, netns.Namespace]:
    names = {name: netns.Namespace(f"tunnels-{name}") for name in ("client", "limpet", "router", "server")}
    clients, limpet, router, server = names.values()
    netns.join(limpet, "front0", clients, "eth0")
    netns.join(limpet, "back0", router, "west")
    netns.join(router, "east", server, "eth0")
    clients.address("eth0", "192.0.2.2/24", "2001:db8:1::2/64")
    clients.address("lo", *(whole(client(*case)) for case in TUNNELS))
    router.address("west", "198.51.100.254/24", "2001:db8:2::fe/64")
    router.address("east", "203.0.113.1/24", "2001:db8:3::1/64")
    server.address("eth0", f"{SERVER[4]}/24", f"{SERVER[6]}/64")
    server.address("lo", *(whole(vip(*case)) for case in TUNNELS))
    router.sysctl("net.ipv4.ip_forward", 1)
    router.sysctl("net.ipv6.conf.all.forwarding", 1)
    for net in ("198.18.0.0/24", "192.0.2.0/24"):
        router.ip("route", "add", net, "via", "198.51.100.1", "mtu", "lock", TO_CLIENT)
    for net in ("2001:db8:c::/64", "2001:db8:1::/64"):
        router.ip("-6", "route", "add", net, "via", "2001:db8:2::1", "mtu", "lock", TO_CLIENT)
    router.ip("route", "add", f"{SERVER[4]}/32", "dev", "east", "mtu", "lock", TO_SERVER)
    router.ip("-6", "route", "add", f"{SERVER[6]}/128", "dev", "east", "mtu", "lock", TO_SERVER)
    server.ip("route", "add", "default", "via", "203.0.113.1")
    server.ip("-6", "route", "add", "default", "via", "2001:db8:3::1")
    make_vlans(clients, router)
    return names


def make_vlans(clients: netns.Namespace, router: netns.Namespace):
    for namespace, device, tag, four, six in ((clients, "eth0", 100, "198.18.100.2/24", "2001:db8:c:100::2/64"),
                                              (router, "west", 200, "198.18.200.2/24", "2001:db8:c:200::2/64")):
        namespace.ip("link", "add", "link", device, "name", f"vlan{tag}", "type", "vlan", "id", tag)
        namespace.ip("link", "set", f"vlan{tag}", "up")
        namespace.address(f"vlan{tag}", four, six)
    for case in DIRECT:
        clients.address("vlan100", whole(client(*case)))
        router.address("lo", whole(vip(*case)))
        family = [f"-{case[2]}"]
        to_limpet, to_client = ("198.18.100.1", "198.18.200.1") if case[2] == 4 else ("2001:db8:c:100::1",
                                                                                     "2001:db8:c:200::1")
        clients.ip(*family, "route", "add", vip(*case), "via", to_limpet)
        router.ip(*family, "route", "add", "198.18.100.0/24" if case[2] == 4 else "2001:db8:c:100::/64", "via",
                  to_client)


def make_tunnels(server: netns.Namespace):
    """As docs/forwarding.md tells backends to."""
    for device, *words in (("tun4", "ipip", "local", SERVER[4]), ("tun64", "sit", "local", SERVER[4]),
                           ("tun6", "ip6tnl", "mode", "any", "local", SERVER[6]), ("gre4", "gre", "local", SERVER[4]),
                           ("gre6", "ip6gre", "local", SERVER[6])):
        server.ip("link", "add", device, "type", *words)
        server.ip("link", "set", device, "up")
        server.sysctl(f"net.ipv4.conf.{device}.rp_filter", 0)
    server.sysctl("net.ipv4.conf.all.rp_filter", 0)
    server.run("modprobe", "fou")  # which nothing loads by itself
    server.run("ip", "fou", "add", "port", "6080", "gue")
    server.run("ip", "-6", "fou", "add", "port", "6080", "gue")


def make_sink(server: netns.Namespace):
    def serve(listener: socket.socket):
        while True:
            connection, _ = listener.accept()
            count = 0
            with connection:
                while data := connection.recv(65536):
                    count += len(data)
                connection.sendall(str(count).encode())

    with server.inside():
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            threading.Thread(target=serve, args=[socket.create_server((address, SINK), family=family)],
                             daemon=True).start()


def settings(folder: Path) -> dict:
    services = {}
    for encap, outer in [*dict.fromkeys(case[:2] for case in TUNNELS), ("dr", 0)]:
        hosts = [vip(*case) for case in DIRECT] if encap == "dr" else [vip(encap, outer, inner) for inner in (4, 6)]
        services[f"{encap}{outer}"] = {
            "listen": [f"{f'[{host}]' if ':' in host else host}:{port}/tcp" for host in hosts for port in (80, SINK)],
            "pool": f"only{outer}", "forwarding": encap, "persist": ["client"]}
    backends = {4: SERVER[4], 6: SERVER[6], 0: ["198.18.200.2", "2001:db8:c:200::2"]}
    return {
        "limpetd": {"socket": "/run/limpetd.sock", "state_dir": str(folder / "state"), "tables": "/dev/shm/limpet",
                    "secret_file": str(folder / "secret"), "workers": [0, 1], "idle": "sleep",
                    "eal": eal_options("guest")},
        "limits": {"flows_max": 20000, "records_max": 20000, "held_max": "4MiB"},
        "ports": {"front": {"device": "net_af_packet0,iface=front0", "mac": "02:00:00:00:00:01",
                            "addresses": ["192.0.2.1/24", "2001:db8:1::1/64"],
                            "routes": [{"to": "198.18.0.0/24", "via": "192.0.2.2"},
                                       {"to": "2001:db8:c::/64", "via": "2001:db8:1::2"}],
                            "vlans": {100: {"addresses": ["198.18.100.1/24", "2001:db8:c:100::1/64"]}}},
                  "back": {"device": "net_af_packet1,iface=back0", "mac": "02:00:00:00:00:02", "transit": "route",
                           "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"],
                           "routes": [{"to": "203.0.113.0/24", "via": "198.51.100.254"},
                                      {"to": "2001:db8:3::/64", "via": "2001:db8:2::fe"}],
                           "vlans": {200: {"addresses": ["198.18.200.1/24", "2001:db8:c:200::1/64"],
                                           "transit": "route"}}}},
        "profiles": {"client": {"type": "source_ip"}}, "services": services,
        "pools": {f"only{outer}": {"backends": {"b1": {"address": address}}} for outer, address in backends.items()}}


def errors_of(namespace: netns.Namespace) -> dict[str, int]:
    """What the kernel counts of packets that were not as they should be."""
    found = {}
    # SYN-ACKs sent again because the guest is slow: not bad, but counted among TcpInErrs where the connection is open.
    challenged = 0
    for line in namespace.run("nstat", "-asz").stdout.splitlines():
        name, *rest = line.split()
        if name == "TcpExtTCPSYNChallenge":
            challenged = int(rest[0])
        elif any(word in name for word in BAD):
            found[name] = int(rest[0])
    if "TcpInErrs" in found:
        found["TcpInErrs"] = max(found["TcpInErrs"] - challenged, 0)
    links = json.loads(namespace.run("ip", "-s", "-j", "link").stdout)
    found.update({f"{link['ifname']} rx_errors": link["stats64"]["rx"]["errors"] for link in links})
    return found


def received(*namespaces: netns.Namespace) -> dict[str, int]:
    links = [link for one in namespaces for link in json.loads(one.run("ip", "-s", "-j", "link").stdout)]
    return {link["ifname"]: link["stats64"]["rx"]["packets"] for link in links}


def upload(clients: netns.Namespace, case) -> int | str:
    """What has arrived, or what went wrong."""
    family = socket.AF_INET if case[2] == 4 else socket.AF_INET6
    with clients.inside():
        sending = socket.socket(family, socket.SOCK_STREAM)
    try:
        with sending:
            sending.settimeout(LIMIT_S)
            sending.bind((client(*case), 0))
            sending.connect((vip(*case), SINK))
            sending.sendall(bytes(UPLOAD))
            sending.shutdown(socket.SHUT_WR)
            return int(sending.recv(64) or 0)
    except OSError as error:
        return str(error)


def download(clients: netns.Namespace, case) -> list[str]:
    """nginx's word on who asks, and how much of a larger page has come."""
    host = vip(*case) if case[2] == 4 else f"[{vip(*case)}]"
    common = ["-s", "-S", "-m", LIMIT_S, "--interface", client(*case)]
    part = ["-r", f"0-{DOWNLOAD - 1}", "-o", "/run/large", "-w", "%{size_download}\n"]
    return clients.run("curl", *common, f"http://{host}/who", "--next", *common, *part, f"http://{host}/large",
                       check=False, timeout_s=2 * LIMIT_S + 20).stdout.splitlines()


def counters(limpetd: Limpetd) -> Counter:
    request = {"jsonrpc": "2.0", "id": 1, "method": "show.counters", "params": {}}
    reply = limpetd.ask_raw(json.dumps(request).encode() + b"\n", timeout_s=30)
    return Counter({row["name"]: int(row["value"]) for row in reply["result"]["items"]})


def try_case(names, limpetd: Limpetd, case) -> dict:
    """The upload comes first: a narrow way back tells a server what not to ask of its clients."""
    ends = [names["router"], names["client"]] if case in DIRECT else [names["server"]]
    before, packets = counters(limpetd), received(*ends)
    seen = {"upload": upload(names["client"], case), "download": download(names["client"], case)}
    seen["counters"] = counters(limpetd) - before
    seen["devices"] = sorted(name for name, count in received(*ends).items()
                             if count != packets[name] and name not in ("eth0", "west", "east", "lo"))
    return seen


def lose_packets(names) -> list[tuple]:
    links = [(names["client"], "eth0"), (names["router"], "west"), (names["router"], "east"), (names["server"], "eth0")]
    for namespace, device in links:
        namespace.run("tc", "qdisc", "add", "dev", device, "root", "netem", *NETEM)
    return links


def lost(links: list[tuple]) -> int:
    return sum(json.loads(namespace.run("tc", "-s", "-j", "qdisc", "show", "dev", device).stdout)[0]["drops"]
               for namespace, device in links)


def observe(folder: Path) -> dict:
    start = time.monotonic()

    def note(text: str):
        print(f"{time.monotonic() - start:6.1f} s {text}", flush=True)

    def try_cases(cases) -> dict:
        tried = {}
        for case in cases:
            tried[label(case)] = try_case(names, limpetd, case)
            note(f"{label(case)}: {tried[label(case)]}")
        return tried

    folder.mkdir()
    names = make_network()
    make_tunnels(names["server"])
    servers = [Nginx(names[end], name, folder / name) for end, name in (("server", "far"), ("router", "near"))]
    for nginx in servers:
        make_sink(nginx.namespace)
        nginx.start()
    note("the network stands")
    limpetd = Limpetd(names["limpet"], folder, settings(folder))
    limpetd.start(timeout_s=60)
    note("limpetd stands")
    ends = ("client", "router", "server")
    before = {name: errors_of(names[name]) for name in ends}
    seen = {"cases": try_cases([*TUNNELS, *DIRECT])}
    links = lose_packets(names)
    seen["lossy"] = try_cases(LOSSY)
    seen["lost"] = lost(links)
    after = {name: errors_of(names[name]) for name in ends}
    seen["errors"] = {f"{end} {name}": value - before[end].get(name, 0) for end in after
                      for name, value in after[end].items() if value != before[end].get(name, 0)}
    seen["watched"] = sorted(after["server"])
    seen["moves"] = limpetd.moves()
    seen["exit"] = limpetd.stop()
    for nginx in servers:
        nginx.stop()
    return seen


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "seen.json").write_text(json.dumps(observe(Path("/run/limpet-files")), indent=1))
