"""Limpet among routers: path MTU discovery, traceroute, ping and fragments between real kernels."""

import errno
import socket
import struct
import subprocess
import time

import pytest
from support.lab import VIP4, VIP6
from support.narrow import BACKEND4, CLIENT4, CLIENT6, NarrowLab
from support.programs import ROOT

PYTHON = "/usr/bin/python3"
DOWNLOAD, UPLOAD = 100_000_000, 24 << 20
LIMIT_S = 120  # of one transfer
ECHO_PORT = 5353
VIPS = {4: VIP4, 6: VIP6}
CLIENTS = {4: CLIENT4, 6: CLIENT6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])
FAULTS = ("IpInHdrErrors", "TcpInErrs", "UdpInErrors", "IcmpInErrors", "IcmpInCsumErrors", "TcpInCsumErrors",
          "UdpInCsumErrors", "Udp6InErrors", "Udp6InCsumErrors", "Icmp6InErrors", "Icmp6InCsumErrors",
          "Ip6InHdrErrors", "IpReasmFails", "Ip6ReasmFails")


def faults(lab) -> dict[str, int]:
    """What the kernels of both ends found wrong with packets."""
    found = {}
    for name in ("client", "b1"):
        text = lab.namespaces[name].run("sh", "-c", "cat /proc/net/snmp /proc/net/snmp6").stdout
        lines = text.splitlines()
        for line in lines:
            words = line.split()
            if line.startswith(("Ip6", "Icmp6", "Udp6")) and words[0] in FAULTS:
                found[f"{name} {words[0]}"] = int(words[1])
        for names, values in zip(lines, lines[1:]):
            if names.split(":")[0] == values.split(":")[0] and names.split()[1].isalpha():
                for key, value in zip(names.split()[1:], values.split()[1:]):
                    if names.split(":")[0] + key in FAULTS:
                        found[f"{name} {names.split(':')[0] + key}"] = int(value)
    return found


@pytest.fixture(params=["front", "back"])
def narrow_lab(request):
    with NarrowLab(request.param) as lab:
        lab.start_limpetd()
        (lab.folder / "b1" / "large100").write_bytes(bytes(range(250)) * (DOWNLOAD // 250))
        (lab.folder / "body").write_bytes(bytes(range(256)) * (UPLOAD // 256))
        yield lab
        assert lab.limpetd.stop() == 0
        lab.limpetd = None


def url(family, path) -> str:
    return f"http://{VIPS[family] if family == 4 else f'[{VIPS[family]}]'}{path}"


def download(lab, family) -> int:
    return int(lab.namespaces["client"].run("curl", "-s", "-S", "-m", LIMIT_S, "-o", "/dev/null", "-w",
                                            "%{size_download}", url(family, "/large100"), timeout_s=LIMIT_S + 10).stdout)


def upload(lab, family) -> int:
    return int(lab.namespaces["client"].run("curl", "-s", "-S", "-m", LIMIT_S, "-T", lab.folder / "body", "-H", "Expect:",
                                            "-X", "POST", url(family, "/upload"), timeout_s=LIMIT_S + 10).stdout)


def test_path_mtu(narrow_lab):
    """Both ways through a link of 1280 bytes: who sends too much is told, and sends less. Before a sender knows,
    its packets are lost; without errors that reach it they would be so for ever. First the way on which Limpet lies
    between the narrow link and the sender: who knows asks the other for small segments."""
    lab = narrow_lab
    for family in (4, 6):
        moves = [(download, DOWNLOAD), (upload, UPLOAD)]
        for move, size in moves if lab.narrow == "front" else reversed(moves):
            assert move(lab, family) == size
    counters = lab.limpetd.counters()
    assert counters.get("icmp_relayed", 0) >= 2  # one family's sender each
    assert all(value == 0 for value in faults(lab).values()), faults(lab)
    # Who learnt: the backend about the way to the client, or the client about the way to the backend.
    learner, about = ("b1", CLIENTS) if lab.narrow == "front" else ("client", VIPS)
    for family in (4, 6):
        route = lab.namespaces[learner].ip("-6" if family == 6 else "-4", "route", "get", about[family]).stdout
        assert "mtu 1280" in route, route


@pytest.fixture(scope="module")
def lab():
    """Wide links; Limpet with four workers, and a UDP service whose backend echoes. Driven by net_af_xdp: what
    net_af_packet hands up, the kernel has put together (PACKET_FANOUT_FLAG_DEFRAG, IPv4)."""
    with NarrowLab(xdp=True) as made:
        udp = {"listen": [f"{VIP4}:{ECHO_PORT}/udp", f"[{VIP6}]:{ECHO_PORT}/udp"], "forwarding": "nat", "pool": "echo",
               "persist": ["client"], "echo": "healthy"}
        backend = {"address": [f"{BACKEND4}:{ECHO_PORT}", f"[2001:db8:f::10]:{ECHO_PORT}"]}
        made.start_limpetd(made.config(limpetd={"workers": [0, 1, 0, 1]}, services={"web": {"echo": "never"}, "udp": udp},
                                       pools={"echo": {"backends": {"b1": backend}}}))
        echo = made.namespaces["b1"].popen(PYTHON, ROOT / "tests/support/udp_echo.py", ECHO_PORT,
                                           stdout=subprocess.PIPE, text=True)
        try:
            assert echo.stdout.readline() == "ready\n"
            yield made
        finally:
            echo.terminate()
            echo.wait()
        assert made.limpetd.stop() == 0
        made.limpetd = None


def client_socket(lab, family) -> socket.socket:
    with lab.namespaces["client"].inside():
        made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    made.settimeout(5)
    return made


@FAMILIES
def test_large_datagrams_both_ways(lab, family):
    """4000 bytes as DNS may send, 9000, and almost the largest that there is, through four workers."""
    before = lab.limpetd.counters()
    for size in (1472, 1473, 4000, 9000, 40000, 65000):
        for _ in range(5):
            with client_socket(lab, family) as asker:
                question = bytes(i * 7 % 251 for i in range(size))
                asker.sendto(question, (VIPS[family], ECHO_PORT))
                answer, sender = asker.recvfrom(65536)
                assert answer == question and sender[:2] == (VIPS[family], ECHO_PORT)
    after = lab.limpetd.counters()
    assert after["fragment_first"] - before.get("fragment_first", 0) >= 2 * 4 * 5
    assert not [name for name in after if name.startswith("drop_fragment") and after[name] != before.get(name)]
    assert all(value == 0 for value in faults(lab).values()), faults(lab)


IP_RECVERR, IPV6_RECVERR = 11, 25


def hop(lab, family, ttl) -> str:
    """Who answers a datagram of this TTL: the sender of an ICMP error, or of an answer."""
    with client_socket(lab, family) as asker:
        if family == 4:
            asker.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        else:
            asker.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            asker.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        asker.sendto(b"who is there", (VIPS[family], ECHO_PORT))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                return asker.recvfrom(2048)[1][0]
            except OSError as problem:
                assert problem.errno == errno.EHOSTUNREACH, problem
                _, control, _, _ = asker.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
                (_, _, data), = [row for row in control if row[1] in (IP_RECVERR, IPV6_RECVERR)]
                raw = data[struct.calcsize("=IBBBBII"):]
                if family == 4:
                    return socket.inet_ntop(socket.AF_INET, raw[4:8])
                return socket.inet_ntop(socket.AF_INET6, raw[8:24])
    raise AssertionError("no answer")


@FAMILIES
def test_traceroute(lab, family):
    """The routers before Limpet, Limpet, and behind it nothing but the VIP: the network inside stays hidden."""
    hops = [hop(lab, family, ttl) for ttl in range(1, 8)]
    if family == 4:
        assert hops == ["203.0.113.1", "203.0.113.130", "192.0.2.1", VIP4, VIP4, VIP4, VIP4]
    else:
        assert hops == ["2001:db8:a::1", "2001:db8:b::2", "2001:db8:1::1", VIP6, VIP6, VIP6, VIP6]
    assert lab.limpetd.counters()["icmp_relayed"] >= 2


@FAMILIES
def test_a_closed_port_is_told(lab, family):
    """The backend's port unreachable becomes an error of the client's socket."""
    config = lab.limpetd.config
    backend = {"address": [f"{BACKEND4}:9", "[2001:db8:f::10]:9"]}
    closed = {"listen": [f"{VIP4}:9/udp", f"[{VIP6}]:9/udp"], "forwarding": "nat", "pool": "closed"}
    lab.limpetd.apply({**config, "pools": {**config["pools"], "closed": {"backends": {"b1": backend}}},
                       "services": {**config["services"], "closed": closed}})
    with client_socket(lab, family) as asker:
        asker.connect((VIPS[family], 9))
        asker.send(b"anybody")
        with pytest.raises(ConnectionRefusedError):
            asker.recv(100)
    lab.limpetd.apply(config)


@FAMILIES
def test_ping_by_health(lab, family):
    """The VIP answers ping while the pool of its service has a backend that takes sessions."""
    def ping() -> bool:
        return lab.namespaces["client"].run("ping", "-c", 1, "-W", 2, VIPS[family], check=False).returncode == 0
    assert ping()
    lab.limpetd.ctl("backend", "offline", "echo/b1")
    assert not ping()
    lab.limpetd.ctl("backend", "enable", "echo/b1")
    assert ping()
