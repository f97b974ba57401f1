"""The test guest: QEMU under plain software emulation with Debian's own kernel, which has what the kernel of the machine
may lack (IPVS, netem, tunnels, 802.1Q). It boots in seconds and sees the host's root file system read-only under an
overlay, so nothing has to be packed; what a job writes to its folder stays. Needs no KVM.

The packages are unpacked, not installed, into a cache keyed by kernel version. One job is one boot of the guest.
"""

import json
import gzip
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.programs import BUILD, ROOT, CommandFailed, run

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limpet-guest"
KERNEL_PACKAGE = re.compile(r"linux-image-(\d[\w.+-]*-amd64)")
# In the order in which they are loaded; each may need those before it.
INITRD_MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "9pnet",
                  "9pnet_virtio", "netfs", "fscache", "9p", "overlay"]
SHARE = "trans=virtio,version=9p2000.L,msize=512000,cache=loose"

INIT = f"""#!/bin/busybox sh
export PATH=/bin
busybox mkdir -p /dev /proc /sys /lower /upper /new
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for module in {' '.join(INITRD_MODULES)}; do busybox insmod /modules/$module.ko; done
busybox mount -t 9p -o {SHARE},ro hostroot /lower
busybox mount -t tmpfs -o mode=755 upper /upper
busybox mkdir /upper/up /upper/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work root /new
for folder in dev proc sys; do busybox mount --move /$folder /new/$folder; done
busybox mount -t tmpfs -o mode=755 run /new/run
busybox mkdir /new/run/job /new/run/kernel
busybox mount -t 9p -o {SHARE.replace('cache=loose', 'cache=none')} job /new/run/job
busybox mount -t 9p -o {SHARE},ro kernel /new/run/kernel
busybox cp /bin/busybox /new/run/busybox
exec busybox switch_root /new /bin/sh /run/job/init
"""

# Runs after the change of root; the job's own environment is that of a login without a terminal.
JOB_INIT = """export PATH=/run/kernel/bin:/run/kernel/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/run LANG=C.UTF-8 LIMPET_BUILD={build}
export LD_LIBRARY_PATH=/run/kernel/lib/x86_64-linux-gnu:/run/kernel/usr/lib/x86_64-linux-gnu
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t hugetlbfs huge /dev/hugepages
mkdir -p /lib/modules
mount --bind /run/kernel/lib/modules /lib/modules
echo /run/kernel/bin/modprobe >/proc/sys/kernel/modprobe
ip link set lo up
cd {cwd}
setsid {command} </dev/null >/run/job/output 2>&1
echo $? >/run/job/code
sync
exec /run/busybox poweroff -f
"""


# A boot takes 5 to 10 s. On a busy machine QEMU has been seen to stand still for good while PCI devices are looked for.
BOOT_LIMIT_S = 90
NOT_BEGUN = f"the guest did not come to its job in {BOOT_LIMIT_S} s"


class NoGuest(RuntimeError):
    """The guest can't be had on this machine; the text says why."""


@dataclass
class Kernel:
    folder: Path
    version: str

    @property
    def image(self) -> Path:
        return self.folder / "boot" / f"vmlinuz-{self.version}"


@dataclass
class Machine:
    """What a guest has beyond the usual: QEMU itself, its options, the kernel's."""

    program: list[str] = field(default_factory=lambda: ["qemu-system-x86_64"])
    options: list[str] = field(default_factory=list)
    append: str = ""


@dataclass
class Ended:
    """How a job ended: its exit code and what it printed."""

    code: int
    output: str


# what it is made of


def prepare() -> Kernel:
    """The guest's kernel, modules and tools; from the cache when they are there. Raises NoGuest."""
    if shutil.which("qemu-system-x86_64") is None:
        fetch(["scripts/packages", "guest"], ROOT)
    version = kernel_version()
    folder = CACHE / version
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="new-") as name:
            made = Path(name) / "kernel"
            make(made, version)
            try:
                made.rename(folder)  # whole or not at all; another process may have been first
            except OSError:
                if not folder.exists():
                    raise
    return Kernel(folder, version)


def fetch(command: list[str], cwd: Path):
    """Runs what gets packages; once more with fresh lists when it failed."""
    result = run(command, check=False, cwd=cwd, timeout_s=300)
    if result.returncode != 0:
        run(["apt-get", "-q", "update"], check=False, timeout_s=120)
        result = run(command, check=False, cwd=cwd, timeout_s=300)
    if result.returncode != 0:
        raise NoGuest(f"the test guest needs packages that can't be had: `{' '.join(command)}` says\n"
                      f"{(result.stdout + result.stderr).strip()[-1500:]}")


def kernel_version() -> str:
    """Of Debian's current kernel; where apt knows none, the newest in the cache."""
    told = run(["apt-cache", "depends", "linux-image-amd64"], check=False, timeout_s=120).stdout
    if match := KERNEL_PACKAGE.search(told):
        return match[1]
    ready = sorted(path.name for path in CACHE.glob("*-amd64"))
    if not ready:
        raise NoGuest("apt knows no linux-image-amd64 and no guest kernel is in the cache: run apt-get update")
    return ready[-1]


def make(folder: Path, version: str):
    packages = folder / "packages"
    packages.mkdir(parents=True)
    packages.chmod(0o755)
    unpacked = run([ROOT / "scripts/packages", "--list", "unpacked"]).stdout.split()
    fetch(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"linux-image-{version}", *unpacked], packages)
    for package in packages.glob("*.deb"):
        run(["dpkg", "-x", package, folder], timeout_s=120)
    shutil.rmtree(packages)
    for tool in ("depmod", "modprobe"):
        (folder / "bin" / tool).unlink(missing_ok=True)
        (folder / "bin" / tool).symlink_to("kmod")
    run([folder / "bin/depmod", "-b", folder, version], timeout_s=120)


# running it


def make_initrd(kernel: Kernel, folder: Path) -> Path:
    tree = folder / "initrd"
    for name in ("bin", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(kernel.folder / "bin/busybox", tree / "bin/busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    modules = {path.stem: path for path in (kernel.folder / "lib/modules" / kernel.version).rglob("*.ko")}
    for name in INITRD_MODULES:
        shutil.copy(modules[name], tree / "modules" / f"{name}.ko")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run([kernel.folder / "bin/busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=tree,
                             capture_output=True, check=True)
    shutil.rmtree(tree)
    packed = folder / "initrd.gz"
    packed.write_bytes(gzip.compress(archive.stdout, 6))
    return packed


def share(name: str, folder: Path, *, writable=False) -> list[str]:
    only = "" if writable else ",readonly=on"
    return ["-fsdev", f"local,id={name},path={folder},security_model=none,multidevs=remap{only}",
            "-device", f"virtio-9p-pci,bus=pcie.0,fsdev={name},mount_tag={name}"]


def qemu(kernel: Kernel, initrd: Path, folder: Path, memory_mb: int, machine: Machine) -> list[str]:
    # no_timer_check: on a busy machine the timer's interrupts come too late for the kernel's liking.
    append = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off tsc=reliable no_timer_check"
    return [*machine.program, "-accel", "tcg,thread=multi", "-M", "q35,kernel-irqchip=split", "-cpu", "max",
            "-smp", "2", "-m", str(memory_mb), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-serial", f"file:{folder}/serial.log", "-kernel", str(kernel.image), "-initrd", str(initrd),
            "-append", f"{append} {machine.append}", *machine.options, *share("hostroot", Path("/")),
            *share("job", folder, writable=True), *share("kernel", kernel.folder)]


def boot(words: list[str], folder: Path, limit_s: float) -> str:
    """Runs QEMU to its end. What went wrong, if anything."""
    start = time.monotonic()
    with (folder / "qemu.log").open("w+") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while process.poll() is None:
            took_s = time.monotonic() - start
            late = took_s > limit_s
            if late or (took_s > BOOT_LIMIT_S and not (folder / "output").exists()):
                process.kill()
                process.wait()
                return f"not done after {limit_s} s" if late else NOT_BEGUN
            time.sleep(0.1)
    return f"qemu ended with {process.returncode}: {read(folder / 'qemu.log').strip()}" if process.returncode else ""


def run_job(command: list, folder: Path, *, limit_s: float, memory_mb=2048, machine: Machine | None = None) -> Ended:
    """Boots the guest for one command, run as root in this tree; the guest sees `folder` (on the host) as /run/job
    and may write there. Raises NoGuest, and CommandFailed when the job was not done in time or the guest died."""
    kernel = prepare()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "init").write_text(JOB_INIT.format(cwd=shlex.quote(str(ROOT)), build=shlex.quote(str(BUILD)),
                                                 command=shlex.join(map(str, command))))
    words = qemu(kernel, make_initrd(kernel, folder), folder, memory_mb, machine or Machine())
    problem = boot(words, folder, limit_s)
    if problem == NOT_BEGUN:
        print(f"guest: {problem}; once more")
        problem = boot(words, folder, limit_s)
    code, output = (read(folder / name) for name in ("code", "output"))
    if problem or not code.strip():
        told = f"{output[-3000:]}\nconsole:\n{read(folder / 'serial.log')[-2000:]}\n"
        raise CommandFailed([*command], problem or "none: the guest ended before the job", told, "")
    return Ended(int(code), output)


def observe(job: str, folder: Path, *, limit_s: float) -> dict:
    """What a job of tests/guest, which writes it to seen.json, has seen in one boot of the guest."""
    ended = run_job(["/usr/bin/python3", f"tests/guest/{job}", "/run/job"], folder, limit_s=limit_s)
    print(ended.output)
    assert ended.code == 0, ended.output[-4000:]
    return json.loads((folder / "seen.json").read_text())



def read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
