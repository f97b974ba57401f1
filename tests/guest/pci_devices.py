"""The devices of pci_job.py, seen from within the guest: which is which, and whose link is up."""

import os
import shutil
import termios
import tty
from pathlib import Path

from support.programs import run

DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_bond", "net_e1000", "net_virtio", "net_vmxnet3")


def interface_of(mac: str) -> str:
    for folder in Path("/sys/class/net").iterdir():
        if (folder / "address").read_text().strip() == mac:
            return folder.name
    raise LookupError(f"no interface has {mac}")


def pci_of(interface: str) -> str:
    path = Path("/sys/class/net", interface, "device").resolve()
    return path.parent.name if path.name.startswith("virtio") else path.name


def hide_other_drivers():
    """DPDK loads each driver that it finds, and files come slowly here."""
    kept = Path("/run/drivers")
    kept.mkdir()
    for folder in Path("/usr/lib").glob("*/dpdk/pmds-*"):
        for name in DRIVERS:
            for file in folder.glob(f"librte_{name}.so*"):
                shutil.copy(file, kept, follow_symlinks=False)
        run(["mount", "--bind", kept, folder])


class Monitor:
    """QEMU's own, on the other end of the second serial line."""

    def __init__(self):
        self.line = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.line)
        self.order("")  # the terminal has sent back the greeting, which is no order

    def order(self, text: str):
        termios.tcflush(self.line, termios.TCIFLUSH)
        os.write(self.line, f"{text}\n".encode())
