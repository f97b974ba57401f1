"""Labs for a whole file of tests: making one takes seconds."""

import os
import shutil

import pytest

from support.lab import Lab

if os.geteuid() != 0:
    pytest.exit("end-to-end tests need root for network namespaces", returncode=1)


@pytest.fixture(scope="module", params=["nat", "full_nat"])
def either_nat(request) -> dict:
    """What Lab is told: NAT between two networks, full NAT within one."""
    return {"forwarding": request.param, "one_arm": request.param == "full_nat"}


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=10) as made:
        yield made


@pytest.fixture
def limpetd(lab):
    """A fresh daemon on the file's lab, which remembers nothing; all backends up."""
    shutil.rmtree(lab.tables / "tables", ignore_errors=True)
    shutil.rmtree(lab.folder / "state", ignore_errors=True)
    for backend in lab.nginx.values():
        backend.healthy(True)
        if backend.process is None:
            backend.start()
    daemon = lab.start_limpetd()
    yield daemon
    assert daemon.stop() == 0, "limpetd must end cleanly on SIGTERM"
    lab.limpetd = None
