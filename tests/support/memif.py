"""limpetd between two net_memif ports of one testpmd, which sends a capture in and counts what comes out.

    net_pcap (port 0) -> memif (1) -> front [limpetd] back -> memif (2) -> net_null (3)
"""

import subprocess
from pathlib import Path

FRONT_MAC, BACK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
GATEWAY_MAC = "02:00:00:00:00:fe"
FRONT_OUT, BACK_IN = 1, 2  # testpmd's ports
BACKENDS = 4


class Here:
    """The host's own namespace, as far as Limpetd asks for one: memif is a Unix socket and shared memory."""

    def popen(self, *words, **options):
        return subprocess.Popen([str(word) for word in words], **options)


def testpmd_devices(folder: Path, captures: list[Path], *, repeat=False) -> list[str]:
    """A queue for each capture, so also of memif: give limpetd as many workers, and testpmd as many queues."""
    again = ",infinite_rx=1" if repeat else ""
    return ["net_pcap0," + ",".join(f"rx_pcap={capture}" for capture in captures) + again,
            f"net_memif0,role=server,id=0,socket={folder}/front.sock,socket-abstract=no",
            f"net_memif1,role=server,id=1,socket={folder}/back.sock,socket-abstract=no",
            "net_null0,no-rx=1"]


def queue_options(count: int) -> list[str]:
    return [f"--rxq={count}", f"--txq={count}"]


def limpet_devices(folder: Path) -> dict[str, str]:
    return {"front": f"net_memif0,role=client,id=0,socket={folder}/front.sock,socket-abstract=no",
            "back": f"net_memif1,role=client,id=1,socket={folder}/back.sock,socket-abstract=no"}


def backends_of(count: int = BACKENDS) -> dict[str, tuple[str, str]]:
    """Name -> address and MAC of the config's backends."""
    return {f"b{i}": (f"198.51.100.{10 + i}", f"02:00:00:00:01:{i:02x}") for i in range(1, count + 1)}


def config(folder: Path, tables: Path, *, workers=(0,), idle="sleep", backends=BACKENDS, flows=100_000) -> dict:
    devices = limpet_devices(folder)
    servers = backends_of(backends)
    return {
        "limpetd": {"socket": str(folder / "limpetd.sock"), "state_dir": str(folder / "state"), "tables": str(tables),
                    "secret_file": str(folder / "secret"), "workers": list(workers), "idle": idle,
                    "eal": ["--no-pci", "--log-level", "error"]},
        "limits": {"flows_max": flows, "records_max": flows},
        "ports": {
            "front": {"device": devices["front"], "mac": FRONT_MAC, "side": "clients", "addresses": ["192.0.2.1/24"],
                      "neighbors": {"192.0.2.254": GATEWAY_MAC},
                      "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.254"}]},
            "back": {"device": devices["back"], "mac": BACK_MAC, "side": "backends", "addresses": ["198.51.100.1/24"],
                     "neighbors": dict(servers.values())}},
        "profiles": {"client": {"type": "source_ip"}},
        "pools": {"web": {"backends": {name: {"address": f"{address}:80"} for name, (address, _) in servers.items()}}},
        "services": {"web": {"listen": ["192.0.2.10:80/tcp", "192.0.2.10:80/udp"], "pool": "web",
                             "persist": ["client"]}},
    }
