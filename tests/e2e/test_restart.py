"""limpetd is killed and started again: records stay, connections that were open go on."""

import shutil
import signal
import time

import pytest

from support.keepalive import Client
from support.lab import VIP4, VIP6

VIPS = {4: VIP4, 6: VIP6}


def start_again(limpetd, lab, config=None):
    if config is not None:
        limpetd.write(config)
    limpetd.start()
    for name in lab.names:
        if f"web/{name}" in limpetd.backends():
            limpetd.wait_health(f"web/{name}", "up")


def records(limpetd) -> dict[str, tuple]:
    """key -> backend, of lasting ones."""
    return {row["key"]: row["backend"] for row in limpetd.json("show", "records")}


def wait_for_records(limpetd, count: int) -> dict[str, tuple]:
    limpetd.wait_for(lambda: len(records(limpetd)) == count, f"{count} records")
    return records(limpetd)


def flows(limpetd) -> dict[str, str]:
    return {row["client"]: row["backend"] for row in limpetd.json("show", "flows")}


def session_count(limpetd) -> int:
    return sum(int(row["sessions"]) for row in limpetd.backends().values())


def kill_and_start(lab, limpetd, config=None):
    with Client(lab.namespaces["client"], lab.sessions(), VIPS) as client:
        where = client.ask()
        assert set(where.values()) == set(lab.names)
        before = wait_for_records(limpetd, len(where))
        flows_before = flows(limpetd)
        assert len(flows_before) == len(where)
        limpetd.process.send_signal(signal.SIGKILL)
        limpetd.process.wait()
        start_again(limpetd, lab, config)
        assert records(limpetd) == before, "no record is lost, none is another"
        assert flows(limpetd) == flows_before
        assert session_count(limpetd) == len(where)
        assert client.ask() == where, "the connections of before answer, from the same backends"
        counters = limpetd.counters()
        assert counters.get("flow_new", 0) == 0 and counters.get("violation", 0) == 0
        assert limpetd.moves() == []
    assert {source: lab.curl(source) for source in lab.sessions()} == where, "and new ones go where they went"
    assert limpetd.moves() == []
    return where


def told(limpetd, kind="tables") -> str:
    return " ".join(row["text"] for row in limpetd.json("show", "events") if row["kind"] == kind)


def test_killed_and_started_again(lab, limpetd):
    kill_and_start(lab, limpetd)
    assert "20 records and" in told(limpetd) and "go on;" in told(limpetd)


@pytest.mark.parametrize("workers", [1, 3])
def test_with_another_number_of_workers(lab, limpetd, workers):
    kill_and_start(lab, limpetd, lab.config(limpetd={"workers": [0] * workers}))
    assert "put into new tables" in told(limpetd)


def test_with_a_changed_configuration(lab, limpetd):
    """A service and a backend more, other weights and limits: names keep their slots."""
    kill_and_start(lab, limpetd, lab.config(
        limits={"records_max": 50000},
        pools={"another": {"backends": {"a1": {"address": ["198.51.100.11:80"]}}},
               "web": {"backends": {"b0": {"address": ["198.51.100.11:82"]}, "b2": {"weight": 9}}}},
        services={"another": {"listen": ["192.0.2.10:81/tcp"], "pool": "another", "persist": ["client"]}}))


def test_killed_again_and_again(lab, limpetd):
    """At any time, also while it starts."""
    with Client(lab.namespaces["client"], lab.sessions(), VIPS) as client:
        where = client.ask()
        before = wait_for_records(limpetd, len(where))
        for round_ in range(6):
            limpetd.process.send_signal(signal.SIGKILL)
            limpetd.process.wait()
            limpetd.launch()
            time.sleep(0.1 * round_)
            limpetd.process.send_signal(signal.SIGKILL)
            limpetd.process.wait()
            start_again(limpetd, lab, lab.config(limpetd={"workers": [0] * (1 + round_ % 2)}))
            assert records(limpetd) == before
        assert client.ask() == where
        assert limpetd.moves() == []


def test_a_removed_backend_is_the_reason_of_its_moves(lab, limpetd):
    where = {source: lab.curl(source) for source in lab.sessions()}
    wait_for_records(limpetd, len(where))
    limpetd.process.send_signal(signal.SIGKILL)
    limpetd.process.wait()
    start_again(limpetd, lab, lab.config(pools={"web": {"backends": {"b2": None}}}))
    after = {source: lab.curl(source) for source in lab.sessions()}
    moved = {source for source in where if where[source] != after[source]}
    assert moved == {source for source in where if where[source] == "b2"}
    assert {row["reason"] for row in limpetd.moves()} <= {"backend_removed"}
    assert len(limpetd.moves()) == len(moved)


def test_unusable_tables_are_set_aside(lab, limpetd):
    where = {source: lab.curl(source) for source in lab.sessions()}
    wait_for_records(limpetd, len(where))
    limpetd.process.send_signal(signal.SIGKILL)
    limpetd.process.wait()
    tables = lab.tables / "tables"
    (names,) = tables.glob("set-*/names")
    with names.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 8)
    start_again(limpetd, lab)
    assert records(limpetd) == {}
    assert "names " in told(limpetd) and str(tables / "unreadable") in told(limpetd)
    assert "unreadable" in limpetd.log.read_text()
    assert {source: lab.curl(source) for source in lab.sessions()} == where, "rendezvous chooses as before"
    shutil.rmtree(tables / "unreadable")


def test_takeover(lab, limpetd):
    """A second process takes the place of the first while clients ask without pause. Prints what they notice."""
    with Client(lab.namespaces["client"], lab.sessions(), VIPS) as client:
        where = client.ask()
        before = wait_for_records(limpetd, len(where))
        first = limpetd.process
        client.say("watch 5")
        time.sleep(1)
        limpetd.launch("--takeover")
        assert first.wait(timeout=15) == 0, "the first ends cleanly"
        noticed = client.hear()
        limpetd.wait_for(lambda: "took the place of process" in limpetd.log.read_text(), "the second's word")
        (line,) = [line for line in limpetd.log.read_text().splitlines() if "took the place of process" in line]
        print(f"\n{line}\nclients: {noticed}")
        gap_ms = int(line.split(": ")[2].split()[0])
        assert gap_ms < 2000 and noticed["broken"] == 0 and noticed["longest_ms"] < gap_ms + 3000
        assert records(limpetd) == before
        assert client.ask() == where
        assert limpetd.moves() == [] and limpetd.counters().get("violation", 0) == 0


def test_takeover_of_nobody_is_a_start(lab, limpetd):
    assert limpetd.stop() == 0
    limpetd.launch("--takeover")
    limpetd.wait_for(lambda: limpetd.ctl("version", check=False).returncode == 0, "an answer on the socket")
