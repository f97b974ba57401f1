"""Huge pages of 2 MiB for a while: DPDK's memif wants them. What was added is given back, whatever others have
added meanwhile."""

import contextlib
from pathlib import Path

RESERVED = Path("/proc/sys/vm/nr_hugepages")
FREE = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")


TRIES = 5  # the kernel may have to move memory about, and others take and give back


def number(file: Path) -> int:
    return int(file.read_text())


def add(pages: int) -> int:
    """How many were found."""
    before = number(RESERVED)
    RESERVED.write_text(str(before + pages))
    return max(number(RESERVED) - before, 0)


@contextlib.contextmanager
def reserved(pages: int):
    """At least `pages` free ones inside; raises RuntimeError where the kernel has no memory for them."""
    added = 0
    try:
        for _ in range(TRIES):
            if (missing := pages - number(FREE)) <= 0:
                break
            added += add(missing)
        if number(FREE) < pages:
            raise RuntimeError(f"only {number(FREE)} of {pages} huge pages can be had")
        yield
    finally:
        if added:
            RESERVED.write_text(str(max(number(RESERVED) - added, 0)))
