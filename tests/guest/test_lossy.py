"""Large transfers over spliced connections, on links that lose, delay and reorder packets: every byte arrives, 50 MB
down and 50 MB up."""

import pytest
from lossy_job import COUNT, SIZE, WAYS
from support import guest


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one boot of the guest has shown."""
    return guest.observe("lossy_job.py", tmp_path_factory.mktemp("lossy"), limit_s=600)


@pytest.mark.parametrize("way", WAYS, ids="{0[0]}-{0[1]}-{0[2]}".format)
def test_every_byte_arrives(seen, way):
    assert seen["whole"]["{}-{}-{}".format(*way)] == COUNT[way[0]], seen["told"]


def test_it_was_enough_over_connections_that_limpet_has_joined(seen):
    count = 2 * sum(COUNT.values())  # in each direction
    assert count * SIZE > 50e6
    assert sorted(seen["told"]) == ["200 "] * count + ["201 "] * count
    assert seen["counters"]["delayed_spliced"] == seen["counters"]["token_hit"] == 2 * count
    assert seen["lost"] > seen["counters"]["transmitted"] / 100


def test_nothing_is_damaged_and_no_session_moved(seen):
    assert seen["bad_checksums"] == 0
    assert seen["moves"] == []
    assert seen["exit"] == 0
