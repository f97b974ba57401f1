"""PCI NICs for the test guest, which need an IOMMU and a newer QEMU than Debian 12 has: that of bookworm-backports,
unpacked into the guest's cache and run in place, with the libraries of the installed one.

Links lie within QEMU: each NIC for DPDK has a far end that the guest's kernel drives (virtio-net). The guest may give
QEMU's monitor orders by its second serial line (`set_link`).
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.guest import CACHE, Machine, NoGuest, fetch
from support.programs import run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"]
RELEASE = "bookworm-backports"


@dataclass
class Nic:
    """`model` is QEMU's name with options. Without `guarded` no IOMMU guards it; `queues`: its link is a tap device
    of so many queues, as QEMU's own links have one."""

    name: str
    model: str
    guarded: bool = True
    queues: int = 1


def device_mac(index: int) -> str:
    return f"02:00:00:00:01:{index:02x}"


def far_mac(index: int) -> str:
    """Of the far end."""
    return f"02:00:00:00:02:{index:02x}"


def qemu10() -> list[str]:
    """The program and where it finds its files. Raises NoGuest."""
    folder = CACHE / "qemu-backports"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="new-") as name:
            made = Path(name) / "qemu"
            unpack(made, Path(name))
            try:
                made.rename(folder)  # whole or not at all; another process may have been first
            except OSError:
                if not folder.exists():
                    raise
    return [str(folder / "usr/bin/qemu-system-x86_64"), "-L", str(folder / "usr/share/qemu"),
            "-L", str(folder / "usr/share/seabios")]


def unpack(target: Path, work: Path):
    """The packages, by an apt of our own that knows only that release: the machine's sources stay as they are."""
    work.chmod(0o755)
    for name in ("lists/partial", "archives/partial", "packages"):
        (work / name).mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {RELEASE} main\n")
    apt = ["apt-get", "-q", *(word for option in (
        f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=/dev/null", f"Dir::State::Lists={work}/lists",
        f"Dir::Cache={work}", "APT::Sandbox::User=root") for word in ("-o", option))]
    fetch([*apt, "update"], work)
    fetch([*apt, "download", "-t", RELEASE, *PACKAGES], work / "packages")
    for package in (work / "packages").glob("*.deb"):
        run(["dpkg", "-x", package, target], timeout_s=120)
    if not (target / "usr/bin/qemu-system-x86_64").exists():
        raise NoGuest(f"{RELEASE} has no {PACKAGES[0]} that can be unpacked")


def mirror() -> str:
    """Where this machine gets Debian from."""
    told = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm"],
               check=False, timeout_s=120).stdout.split()
    return told[0] if told else "http://deb.debian.org/debian"


def taps(nics: list[Nic]) -> list[str]:
    """What goes before QEMU where a link is a tap device: a network namespace that ends with it, with bridged pairs."""
    wanted = [index for index, nic in enumerate(nics) if nic.queues > 1]
    if not wanted:
        return []
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise NoGuest("NICs of several queues need tap devices, in a network namespace of their own: run as root")
    lines = ["set -e"]
    for index in wanted:
        lines += [f"ip link add bridge{index} type bridge forward_delay 0 mcast_snooping 0",
                  f"ip tuntap add near{index} mode tap multi_queue", f"ip tuntap add far{index} mode tap",
                  *(f"ip link set {end}{index} master bridge{index} up" for end in ("near", "far")),
                  f"ip link set bridge{index} up"]
    return ["unshare", "-n", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"]


def machine(nics: list[Nic], folder: Path) -> Machine:
    """Periodic ticks: QEMU has been seen to lose the timers that a kernel without them sets, on a busy machine."""
    return Machine([*taps(nics), *qemu10()], options(nics, folder), "intel_iommu=on nohz=off highres=off")


def options(nics: list[Nic], folder: Path) -> list[str]:
    """QEMU's words for the NICs; the IOMMU must come before what it guards."""
    monitor = folder / "monitor"
    words = ["-device", "intel-iommu,intremap=on", "-device", "pxb-pcie,id=apart,bus_nr=100,bypass_iommu=on",
             "-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off",
             "-mon", "chardev=monitor,mode=readline", "-chardev", f"socket,id=orders,path={monitor}", "-serial", "chardev:orders"]
    for index, nic in enumerate(nics):
        if nic.queues > 1:
            near = f"tap,ifname=near{index},queues={nic.queues},vhost=off,script=no,downscript=no"
            far = f"tap,ifname=far{index},vhost=off,script=no,downscript=no"
        else:
            near = far = f"hubport,hubid={index}"
        bus = "pcie.0" if nic.guarded else "apart"
        words += ["-netdev", f"{near},id=near{index}", "-netdev", f"{far},id=far{index}",
                  "-device", f"pcie-root-port,id=port{index},bus={bus},chassis={index + 1},slot={index + 1}",
                  "-device", f"{nic.model},id={nic.name},bus=port{index},netdev=near{index},"
                             f"mac={device_mac(index)},romfile=",
                  "-device", f"virtio-net-pci,bus=pcie.0,netdev=far{index},mac={far_mac(index)},romfile="]
    return words
