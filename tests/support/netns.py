"""Network namespaces of our own: made with unique names, joined by veth pairs, removed with whatever runs in them.
Nothing here touches an interface of the host."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

from support.programs import run

OWN_NAME = re.compile(r"^limpet-(\d+)-")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def end(process: subprocess.Popen):
    """Asks it to end, and makes it."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Namespace:
    """One namespace; `pid` is part of its name, so that leftovers of a dead process are known as such."""

    def __init__(self, name: str):
        self.name = name
        run(["ip", "netns", "add", name])
        try:
            self.ip("link", "set", "lo", "up")
            self.sysctl("net.ipv4.ip_forward", 0)
            self.sysctl("net.ipv6.conf.all.forwarding", 0)
            for scope in ("all", "default"):
                self.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
                self.sysctl(f"net.ipv6.conf.{scope}.accept_ra", 0)
                self.sysctl(f"net.ipv6.conf.{scope}.router_solicitations", 0)
        except BaseException:
            self.remove()
            raise

    def command(self, *words) -> list[str]:
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, *words, **options):
        return run(self.command(*words), **options)

    def popen(self, *words, **options) -> subprocess.Popen:
        return subprocess.Popen(self.command(*words), **options)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in here: sockets that it makes meanwhile stay here."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter(f"/run/netns/{self.name}")
            try:
                yield
            finally:
                enter(f"/proc/self/fd/{back}")
        finally:
            os.close(back)

    def ip(self, *words):
        return run(["ip", "-n", self.name, *words])

    def sysctl(self, name: str, value):
        self.run("sysctl", "-q", "-w", f"{name}={value}")

    def address(self, device: str, *addresses: str):
        for address in addresses:
            self.ip("addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def up(self, device: str):
        """Up, with checksums and segments finished in software: veth leaves them undone otherwise."""
        offloads = [word for name in ("tx", "rx", "gro", "tso", "gso") for word in (name, "off")]
        self.run("ethtool", "-K", device, *offloads)
        self.ip("link", "set", device, "up")

    def pids(self) -> list[int]:
        result = run(["ip", "netns", "pids", self.name], check=False)
        return [int(word) for word in result.stdout.split()]

    def remove(self):
        remove_namespace(self.name)


def enter(path: str):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {path}")
    finally:
        os.close(descriptor)


def remove_namespace(name: str):
    """Ends what runs inside, then deletes; quiet when it is gone already."""
    for end_signal in (signal.SIGTERM, signal.SIGKILL):
        pids = [int(word) for word in run(["ip", "netns", "pids", name], check=False).stdout.split()]
        for pid in pids:
            try:
                os.kill(pid, end_signal)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 3
        while pids and time.monotonic() < deadline:
            time.sleep(0.02)
            pids = [int(word) for word in run(["ip", "netns", "pids", name], check=False).stdout.split()]
        if not pids:
            break
    run(["ip", "netns", "del", name], check=False)


def join(left: Namespace, left_device: str, right: Namespace, right_device: str, *, left_mac="", right_mac=""):
    """A veth pair between two namespaces, both ends up."""
    run(["ip", "link", "add", left_device, *(["address", left_mac] if left_mac else []), "netns", left.name,
         "type", "veth", "peer", "name", right_device, *(["address", right_mac] if right_mac else []),
         "netns", right.name])
    left.up(left_device)
    right.up(right_device)


def existing(prefix: str = "limpet-") -> list[str]:
    result = run(["ip", "netns", "list"], check=False)
    return [line.split()[0] for line in result.stdout.splitlines() if line.startswith(prefix)]


def sweep():
    """Removes namespaces whose maker no longer lives."""
    for name in existing():
        match = OWN_NAME.match(name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            remove_namespace(name)
