"""Huge pages of 2 MiB for a while: DPDK's memif wants them. What was added is given back, whatever others have
added meanwhile."""

import contextlib
from pathlib import Path

RESERVED = Path("/proc/sys/vm/nr_hugepages")
FREE = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")


@contextlib.contextmanager
def reserved(pages: int):
    """At least `pages` free ones inside; raises RuntimeError where the kernel has no memory for them."""
    before = int(RESERVED.read_text())
    added = max(pages - int(FREE.read_text()), 0)
    try:
        if added:
            RESERVED.write_text(str(before + added))
            added = int(RESERVED.read_text()) - before  # the kernel may have found fewer
        if int(FREE.read_text()) < pages:
            raise RuntimeError(f"only {FREE.read_text().strip()} of {pages} huge pages can be had")
        yield
    finally:
        if added:
            RESERVED.write_text(str(max(int(RESERVED.read_text()) - added, 0)))
