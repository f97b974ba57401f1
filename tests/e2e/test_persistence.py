"""Two hundred clients with kept and short connections, four workers and five nginx, while backends are drained, killed,
removed and brought back and the daemon itself is killed: sessions move for a told reason only, and nothing else breaks."""

import shutil
from collections import Counter

import pytest

from support.crowd import Crowd
from support.lab import Lab

FOUR_WORKERS = {"limpetd": {"workers": [0, 0, 1, 1], "idle": "sleep"}}


@pytest.fixture(scope="module")
def wide_lab():
    with Lab(backends=5, clients=100) as made:
        yield made


@pytest.fixture
def story(wide_lab):
    """A daemon, a crowd that has settled, and the books."""
    for backend in wide_lab.nginx.values():
        if backend.process is None:
            backend.start()
    shutil.rmtree(wide_lab.tables / "tables", ignore_errors=True)  # or it remembers the test before
    limpetd = wide_lab.start_limpetd(wide_lab.config(**FOUR_WORKERS))
    with Crowd(wide_lab.namespaces["client"], wide_lab.sessions()) as crowd:
        yield Story(wide_lab, limpetd, crowd)
    assert limpetd.stop() == 0
    wide_lab.limpetd = None


class Story:
    def __init__(self, lab, limpetd, crowd: Crowd):
        self.lab, self.limpetd, self.crowd = lab, limpetd, crowd
        crowd.wait_rounds(2)
        page = crowd.turn_page()
        self.where = {source: seen.short[0] for source, seen in page.items()}
        self.kept = dict(self.where)  # where the kept connection goes: it outlives its session's moves
        assert len(self.where) == 200 and set(self.where.values()) == set(lab.names)
        self.told = Counter()  # reason -> moves that limpetd has told of so far
        self.check(page, "", (), ())

    def settle(self, *, moving=(), reason="", breaking=()):
        """Lets every client ask, and checks that sessions of the `moving` backends moved and all others stayed, and
        that kept connections to the `breaking` ones broke and no others."""
        self.crowd.wait_rounds(3)
        self.check(self.crowd.turn_page(), reason, moving, breaking)

    def check(self, page, reason: str, moving, breaking):
        assert set(page) == set(self.where)
        moved = set()
        for source, seen in page.items():
            before, after = self.where[source], seen.short[-1]
            if before in moving:
                moved.add(source)
                stays = seen.short.count(before)
                assert seen.short == [before] * stays + [after] * (len(seen.short) - stays), f"{source}: {seen}"
                assert after not in moving, f"{source}: {seen}"
            else:
                assert set(seen.short) == {before} and not seen.failed, f"{source} on {before}: {seen}"
            self.where[source] = after
            self.check_kept(source, seen, breaking)
        self.check_moves(moved, reason)

    def check_kept(self, source: str, seen, breaking):
        before, after = self.kept[source], seen.kept[-1]
        if before in breaking:
            assert seen.broken and set(seen.broken) <= {before, ""}, f"{source} on {before}: {seen}"
            assert after == self.where[source], f"{source}: {seen}"
        else:
            assert set(seen.kept) == {before} and not seen.broken, f"{source} kept to {before}: {seen}"
        self.kept[source] = after

    def check_moves(self, moved: set[str], reason: str):
        """limpetd tells of these moves and no others."""
        rows = self.limpetd.moves()
        told = Counter(row["reason"] for row in rows)
        assert told - self.told == Counter({reason: len(moved)} if moved else {})
        last = {row["key"].split("/")[0]: row["to"] for row in reversed(rows)}
        for source in moved:
            assert last[source] == f"web/{self.where[source]}"
        self.told = told


def test_drained_sessions_stay_until_it_is_offline(story):
    story.limpetd.ctl("backend", "drain", "web/b1")
    story.settle()
    story.limpetd.ctl("backend", "enable", "web/b1")
    story.settle()
    story.limpetd.ctl("backend", "offline", "web/b1")
    story.settle(moving=["b1"], reason="backend_offline")
    story.limpetd.ctl("backend", "enable", "web/b1")
    story.settle()
    assert "b1" not in story.where.values(), "who has moved stays"


def test_a_killed_backend_costs_its_own_sessions_only(story):
    story.lab.nginx["b2"].stop()
    story.limpetd.wait_health("web/b2", "down")
    story.settle(moving=["b2"], reason="backend_down", breaking=["b2"])
    story.lab.nginx["b2"].start()
    story.limpetd.wait_health("web/b2", "up")
    story.settle()


def test_connections_of_untouched_backends_live_through_apply(story):
    config = story.lab.config(**FOUR_WORKERS)
    removed = config["pools"]["web"]["backends"].pop("b5")
    story.limpetd.apply(config)
    story.settle(moving=["b5"], reason="backend_removed", breaking=["b5"])
    config["pools"]["web"]["backends"]["b5"] = removed
    config["pools"]["web"]["backends"]["b3"]["weight"] = 5
    story.limpetd.apply(config)
    story.limpetd.wait_health("web/b5", "up")
    story.settle()


def test_nothing_moves_or_breaks_when_the_daemon_is_killed(story):
    limpetd = story.limpetd
    limpetd.ctl("backend", "offline", "web/b4")  # so that some sessions are where rendezvous would not put them
    story.settle(moving=["b4"], reason="backend_offline")
    limpetd.ctl("backend", "enable", "web/b4")
    story.settle()
    before = {row["key"]: row["backend"] for row in limpetd.json("show", "records")}
    limpetd.kill()
    limpetd.start()
    story.told.clear()
    after = {row["key"]: row["backend"] for row in limpetd.json("show", "records")}
    assert len(before) == 200 and after == before
    story.settle()
