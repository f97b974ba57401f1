"""The lab leaves nothing behind, however a test ends."""

import pytest
from support import netns
from support.lab import Lab, client4


def test_nothing_is_left_after_a_failure():
    with pytest.raises(ZeroDivisionError):
        with Lab(backends=1, clients=1) as lab:
            limpetd = lab.start_limpetd()
            assert lab.curl(client4(0)) == "b1"
            process, namespaces = limpetd.process, [namespace.name for namespace in lab.namespaces.values()]
            raise ZeroDivisionError
    assert process.poll() is not None
    assert not set(namespaces) & set(netns.existing())
    assert not lab.folder.exists() and not lab.tables.exists()


def test_labs_stand_side_by_side():
    """The same addresses twice, and neither sees the other."""
    with Lab(backends=1, clients=1) as one, Lab(backends=2, clients=1) as two:
        for lab in (one, two):
            lab.start_limpetd()
        assert one.curl(client4(0)) == "b1" and two.curl(client4(0)) in ("b1", "b2")
        assert {len(lab.limpetd.backends()) for lab in (one, two)} == {1, 2}
