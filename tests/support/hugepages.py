"""Huge pages of 2 MiB for a while: DPDK's memif wants them. What was reserved before is restored."""

import contextlib
from pathlib import Path

RESERVED = Path("/proc/sys/vm/nr_hugepages")
FREE = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")


@contextlib.contextmanager
def reserved(pages: int):
    """At least `pages` free ones inside; raises RuntimeError where the kernel has no memory for them."""
    before = int(RESERVED.read_text())
    try:
        missing = pages - int(FREE.read_text())
        if missing > 0:
            RESERVED.write_text(str(before + missing))
        if int(FREE.read_text()) < pages:
            raise RuntimeError(f"only {FREE.read_text().strip()} of {pages} huge pages can be had")
        yield
    finally:
        RESERVED.write_text(str(before))
