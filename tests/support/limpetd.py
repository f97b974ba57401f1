"""One running limpetd: its files, its start and end, and limpetctl on its socket."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from support import toml_text
from support.programs import limpetctl, limpetctl_json, program


class Limpetd:
    """`config` is the whole configuration as a dictionary; start() writes it to `folder`/limpet.toml. The machine seems
    to have been up `booted_s` longer."""

    def __init__(self, namespace, folder: Path, config: dict, *, bpffs=False, booted_s=0):
        self.namespace, self.folder, self.config, self.bpffs = namespace, folder, config, bpffs
        self.booted_s = booted_s
        self.file = folder / "limpet.toml"
        self.log = folder / "limpetd.log"
        self.socket = config["limpetd"]["socket"]
        self.process = None

    def write(self, config: dict | None = None) -> Path:
        if config is not None:
            self.config = config
        self.file.write_text(toml_text.dump(self.config))
        return self.file

    def launch(self, *options):
        """Starts without waiting: for tests of what goes wrong at start."""
        self.write()
        # limpetd takes the place of `ip netns exec`, so that signals reach it. That command gives it a mount namespace
        # of its own: the bpffs that net_af_xdp wants is seen by nobody else and ends with it.
        with_bpffs = ["sh", "-c", 'mount -t bpf bpf /sys/fs/bpf && exec "$@"', "limpetd"] if self.bpffs else []
        booted_before = ["unshare", "--time", "--boottime", self.booted_s] if self.booted_s else []
        self.process = self.namespace.popen(*booted_before, *with_bpffs, program("limpetd"), "--config", self.file, *options,
                                            stdin=subprocess.DEVNULL, stdout=self.log.open("a"),
                                            stderr=subprocess.STDOUT)

    def start(self, timeout_s=30):
        self.launch()
        self.wait_for(lambda: limpetctl(self.socket, "--json", "version", check=False).returncode == 0,
                      "an answer on the socket", timeout_s)

    def wait_for(self, condition, what: str, timeout_s=20):
        """Polls until `condition()` is true; its last value is returned."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"limpetd ended with {self.process.returncode}:\n{self.log.read_text()}")
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited {timeout_s} s in vain for {what}; limpetd says:\n{self.log.read_text()[-4000:]}")

    def signal(self, number: int):
        self.process.send_signal(number)

    def stop(self, timeout_s=10) -> int | None:
        """SIGTERM and the exit code; SIGKILL when that does not help, and an error."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"limpetd did not stop on SIGTERM:\n{self.log.read_text()[-4000:]}") from None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # limpetctl

    def ctl(self, *words, check=True):
        return limpetctl(self.socket, *words, check=check)

    def json(self, *words):
        return limpetctl_json(self.socket, *words)

    def apply(self, config: dict, check=True):
        """`limpetctl apply` of another file with this content; the daemon's own file stays."""
        other = self.folder / "apply.toml"
        other.write_text(toml_text.dump(config))
        return self.ctl("apply", other, check=check)

    def counters(self) -> dict[str, int]:
        """Name -> value, summed over workers."""
        return {row["name"]: int(row["value"]) for row in self.json("show", "counters")}

    def moves(self) -> list[dict]:
        return self.json("show", "moves")

    def backends(self) -> dict[str, dict]:
        """"web/b1" -> row of `show backends`."""
        rows = self.json("show", "backends")
        return {row["name"] if "/" in row["name"] else f"{row['pool']}/{row['name']}": row for row in rows}

    def wait_health(self, backend: str, health: str, timeout_s=20):
        self.wait_for(lambda: self.backends()[backend]["health"] == health, f"{backend} to be {health}", timeout_s)

    # the raw socket

    def connect(self, timeout_s=5) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(timeout_s)
        peer.connect(self.socket)
        return peer

    def ask_raw(self, data: bytes, *, end=False, timeout_s=5) -> dict:
        """Sends bytes as they are and reads one reply line; `end` shuts down our side after sending."""
        with self.connect(timeout_s) as peer:
            peer.sendall(data)
            if end:
                peer.shutdown(socket.SHUT_WR)
            return read_reply(peer)


def read_reply(peer: socket.socket) -> dict:
    received = b""
    while not received.endswith(b"\n"):
        chunk = peer.recv(65536)
        if not chunk:
            raise AssertionError(f"the server closed before the end of its reply: {received[:200]!r}")
        received += chunk
    return json.loads(received)


def eal_options(name: str) -> list[str]:
    """No huge pages, no PCI device, files of its own."""
    return ["--no-pci", "--no-huge", "-m", "512", "--file-prefix", f"{name}-{os.getpid()}", "--log-level", "error"]
