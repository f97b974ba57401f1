"""Where a run happens: a folder of its own, two CPUs, huge pages for a while. Leaves nothing behind."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from support import hugepages, memif
from support.limpetd import Limpetd
from support.testpmd import Testpmd

HUGE_PAGES = 600     # of 2 MiB, for three DPDK processes
NO_HUGE = ["--no-huge", "-m", "512"]
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Unavailable(Exception):
    """This machine can't measure that; the text says why."""


def end_with_parent():
    """In a new child: it is killed when its parent ends, however that ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Host:
    """Where Limpetd starts its process: here, in a session of its own, so that an interrupt reaches only us. `huge`: a
    directory that is a hugetlbfs for it alone, and no longer than it lives."""

    def __init__(self, huge: Path | None):
        self.before = [] if huge is None else ["unshare", "--mount", "sh", "-c",
                                               f'mount -t hugetlbfs limpet {huge} && exec "$@"', "limpetd"]

    def popen(self, *words, **options):
        return subprocess.Popen([*self.before, *map(str, words)], preexec_fn=end_with_parent, start_new_session=True,
                                **options)


class Place:
    """Use as a context manager. `turns` and `seconds`: how often each side is measured, and for how long."""

    def __init__(self, quick: bool):
        self.turns, self.seconds = (3, 0.5) if quick else (15, 1.0)
        cpus = sorted(os.sched_getaffinity(0))
        self.cpu, self.other_cpu = cpus[0], cpus[-1]
        self.stack = contextlib.ExitStack()
        self.has_huge = False

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="limpet-wire-"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.tables = Path("/dev/shm") / self.folder.name
            stack.callback(shutil.rmtree, self.tables, ignore_errors=True)
            try:
                stack.enter_context(hugepages.reserved(HUGE_PAGES))
                self.has_huge = True
            except (RuntimeError, OSError) as error:
                self.no_huge_because = f"no {HUGE_PAGES} huge pages ({error})"
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.stack.close()

    def need_two_programs(self):
        if self.cpu == self.other_cpu:
            raise Unavailable("it takes two CPUs")
        if shutil.which("dpdk-testpmd") is None:
            raise Unavailable("there is no dpdk-testpmd")

    def need_huge_pages(self):
        self.need_two_programs()
        if not self.has_huge:
            raise Unavailable(f"net_memif needs huge pages, and there are {self.no_huge_because}")

    @contextlib.contextmanager
    def limpetd(self, devices: dict[str, str]):
        """A running limpetd with its worker on `cpu`, spinning; control, which would be in its way, on the other."""
        name = f"limpetd{len(list(self.folder.iterdir()))}"
        folder, tables = self.folder / name, self.tables / name
        folder.mkdir()
        tables.mkdir(parents=True)
        config = memif.config(folder, tables / "tables", workers=[self.cpu], idle="poll")
        for port, device in devices.items():
            config["ports"][port]["device"] = device
        if not self.has_huge:
            config["limpetd"]["eal"] += NO_HUGE
        limpetd = Limpetd(Host(tables if self.has_huge and os.geteuid() == 0 else None), folder, config)
        try:
            limpetd.start()
            os.sched_setaffinity(limpetd.process.pid, {self.other_cpu})  # its main thread is control
            yield limpetd
        finally:
            if limpetd.process is not None:
                limpetd.signal(signal.SIGCONT)
            limpetd.stop()

    def testpmd(self, name: str, devices: list[str], cpu: int, own=()) -> Testpmd:
        return Testpmd(name, devices, own=own, cpus=[cpu], memory=["--in-memory"] if self.has_huge else NO_HUGE)

    def macswap(self, devices: dict[str, str]) -> Testpmd:
        return self.testpmd("macswap", list(devices.values()), self.cpu, ["--forward-mode=macswap"])


@contextlib.contextmanager
def running(limpetd: Limpetd):
    """limpetd runs inside only."""
    limpetd.signal(signal.SIGCONT)
    try:
        yield
    finally:
        limpetd.signal(signal.SIGSTOP)


@contextlib.contextmanager
def forwarding(testpmd: Testpmd):
    """testpmd forwards inside only."""
    testpmd.tell("start")
    try:
        yield
    finally:
        testpmd.tell("stop")


def wait_for(condition, what: str, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {timeout_s} s in vain for {what}")
        time.sleep(0.05)
