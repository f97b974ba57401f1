"""The two that are compared. Each is started alone, between the same clients and backends, on a CPU of its own, and
tells how long it has been busy."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

from support.lab import VIP4, Lab, backend4
from support.netns import end

L4_PORT = 82  # of backends
FLOWS = 200_000
COOKIE = "SERVER"
ENDS = ("drop_consumed", "drop_not_ours")  # Limpet's own handshakes with backends; the other kernel's frames
BACKEND_SERVER = """
  server {{
    listen {port} reuseport backlog=1024;
    location / {{ return 200 "{name}\\n"; }}
    location = /login {{ add_header Set-Cookie "{cookie}={name}"; return 200 "{name}\\n"; }}
  }}
"""
HAPROXY_CONFIG = """
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen web
  bind {vip}:80
  balance roundrobin
  cookie {cookie} insert indirect nocache
{servers}
"""
CPU_CLOCK_OF_ALL = 2  # of the kernel's clock numbers: all that a process's threads have run


class Cpus:
    """`own`: what is measured has it to itself. All else, this program and what it starts too, runs on `others`."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0))
        self.own, self.others = allowed[0], set(allowed[1:])

    @contextlib.contextmanager
    def all_allowed(self):
        os.sched_setaffinity(0, {self.own, *self.others})
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.others)


def make_lab(backends: int, clients: int) -> Lab:
    lab = Lab(backends=backends, clients=clients)
    lab.__enter__()
    lab.namespaces["client"].sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    for name, nginx in lab.nginx.items():
        nginx.add(BACKEND_SERVER.format(port=L4_PORT, name=name, cookie=COOKIE))
    return lab


def forget_neighbours(lab: Lab):
    """The VIP has another's MAC address from now on."""
    lab.namespaces["client"].ip("neigh", "flush", "dev", "eth0")


class Limpet:
    name = "limpet"

    def __init__(self, lab: Lab, cpus: Cpus):
        self.lab, self.cpus = lab, cpus

    def config(self) -> dict:
        backends = {name: {"address": f"{backend4(i)}:{L4_PORT}"} for i, name in enumerate(self.lab.names)}
        return self.lab.config(
            limits={"flows_max": FLOWS, "records_max": FLOWS},
            limpetd={"workers": [self.cpus.own], "idle": "poll", "time_devices": True},
            profiles={"route": {"type": "cookie", "name": COOKIE, "by": "route"}},
            pools={"web": {"backends": backends}},
            services={"web": {"listen": [f"{VIP4}:80/tcp"], "persist": ["route"]}})

    def __enter__(self):
        forget_neighbours(self.lab)
        with self.cpus.all_allowed():
            self.limpetd = self.lab.start_limpetd(self.config())
        os.sched_setaffinity(self.limpetd.process.pid, self.cpus.others)  # its main thread is control
        self.begin = time.monotonic(), cpu_us(self.limpetd.process)
        return self

    def __exit__(self, *error):
        self.limpetd.stop()
        self.lab.limpetd = None

    def busy_us(self) -> dict[str, float]:
        """Since it started: of its stages, and with the calls of devices."""
        time.sleep(0.1)  # the last connections' ends are still on their way
        (worker,) = self.limpetd.json("show", "workers")
        return {"stages": worker["busy_us"] - worker["device_us"], "all": worker["busy_us"]}

    def check(self, logins: int):
        """Everything went the way that is measured; so many connections came without a cookie."""
        counters = self.limpetd.counters()
        login = counters["delayed_spliced"] - counters["token_hit"]
        lost = {name: value for name, value in counters.items() if name.startswith("drop_") and name not in ENDS and value}
        if sum(lost.values()) > counters["received"] // 1000 or login > logins + counters["delayed_spliced"] // 100:
            raise RuntimeError(f"limpetd dropped {lost}; of {counters['delayed_spliced']} connections {login} came "
                               "without a cookie")
        share = (cpu_us(self.limpetd.process) - self.begin[1]) / (time.monotonic() - self.begin[0]) / 1e6
        if share < 0.95:  # it polls
            print(f"perf/versus_haproxy: the worker had {share:.0%} of its CPU, and its times are too long for that: the "
                  "machine is not quiet", file=sys.stderr, flush=True)


class Haproxy:
    name = "haproxy"

    def __init__(self, lab: Lab, cpus: Cpus):
        self.lab, self.cpus = lab, cpus
        self.namespace = lab.namespaces["limpet"]
        servers = "\n".join(f"  server {name} {backend4(i)}:{L4_PORT} cookie {name}" for i, name in enumerate(lab.names))
        self.config = lab.folder / "haproxy.cfg"
        self.config.write_text(HAPROXY_CONFIG.format(vip=VIP4, cookie=COOKIE, servers=servers))

    def __enter__(self):
        self.namespace.address("front0", f"{VIP4}/24")
        forget_neighbours(self.lab)
        with self.cpus.all_allowed():
            self.process = self.namespace.popen("taskset", "-c", self.cpus.own, program(), "-db", "-f", self.config,
                                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_answer(self, timeout_s=10):
        deadline = time.monotonic() + timeout_s
        while not self.lab.curl("192.0.2.101", timeout_s=1, check=False):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"haproxy does not answer: haproxy -c -f {self.config} may say why")
            time.sleep(0.02)

    def __exit__(self, *error):
        end(self.process)
        self.namespace.ip("addr", "del", f"{VIP4}/24", "dev", "front0")

    def busy_us(self) -> dict[str, float]:
        """Since it started: user and system time of its process."""
        return {"all": cpu_us(self.process)}

    def check(self, logins: int):
        """It is still there."""
        if self.process.poll() is not None:
            raise RuntimeError(f"haproxy ended with {self.process.returncode}")


def cpu_us(process: subprocess.Popen) -> float:
    """User and system time of all its threads."""
    return time.clock_gettime(~process.pid << 3 | CPU_CLOCK_OF_ALL) * 1e6


def program() -> str | None:
    return shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
