"""Large transfers over spliced connections, on links that lose, delay and reorder packets: every byte arrives, 50 MB
down and 50 MB up, 10 MB of them over one connection, some behind a cookie that Limpet has put in."""

import pytest
from lossy_job import SIZES, WAYS
from support import guest


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one boot of the guest has shown."""
    return guest.observe("lossy_job.py", tmp_path_factory.mktemp("lossy"), limit_s=600)


@pytest.mark.parametrize("way", WAYS, ids="{0[0]}-{0[1]}-{0[2]}".format)
def test_every_byte_arrives(seen, way):
    assert seen["whole"]["{}-{}-{}".format(*way)] == len(SIZES[way]), seen["told"]


def test_it_was_enough_over_connections_that_limpet_has_joined(seen):
    files = {direction: [size for way in WAYS if way[2] == direction for size in SIZES[way]] for direction in ("down", "up")}
    assert all(sum(sizes) > 50e6 and max(sizes) > 10e6 for sizes in files.values())
    assert sorted(seen["told"]) == ["200 "] * len(files["down"]) + ["201 "] * len(files["up"])
    inserted, count = 4, len(files["down"] + files["up"])
    assert seen["counters"]["delayed_spliced"] == count
    assert seen["counters"]["token_hit"] == count - inserted, seen["profiles"]
    assert seen["counters"]["cookies_inserted"] == seen["cookies"] == inserted
    assert seen["lost"] > seen["counters"]["transmitted"] / 100


def test_nothing_is_damaged_and_no_session_moved(seen):
    assert seen["bad_checksums"] == 0
    assert seen["moves"] == []
    assert seen["exit"] == 0
