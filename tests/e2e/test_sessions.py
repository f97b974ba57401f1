"""Real clients reach real servers, and stay with them."""

import shutil
from collections import Counter

import pytest

from support.lab import VIP4, VIP6, client4, client6


def backend_of(answers):
    """Each client's one backend; fails when it saw two."""
    mixed = {source: names for source, names in answers.items() if len(set(names)) != 1}
    assert not mixed, f"clients that saw several backends: {mixed}"
    return {source: names[0] for source, names in answers.items()}


def moves_by_key(limpetd):
    return {row["key"].split("/")[0]: row for row in limpetd.moves()}


def test_clients_stay_and_servers_see_them(lab, limpetd):
    where = backend_of(lab.ask_all(5))
    assert set(where.values()) == set(lab.names), "20 clients spread over all backends"
    for source in (client4(0), client6(0)):
        assert lab.curl(source, "/who") == f"{where[source]} {source}"
    assert limpetd.moves() == []


def test_large_answers_arrive_whole(lab, limpetd):
    for source, vip in ((client4(1), VIP4), (client6(1), f"[{VIP6}]")):
        size = lab.curl(source, "/large", options=["-o", "/dev/null", "-w", "%{size_download}"])
        assert size == str(256 * 4096)
    assert limpetd.counters().get("flow_port_rewritten", 0) == 0


def test_only_the_sessions_of_a_stopped_backend_move(lab, limpetd):
    before = backend_of(lab.ask_all(2))
    lab.nginx["b1"].stop()
    limpetd.wait_health("web/b1", "down")
    after = backend_of(lab.ask_all(2))
    moved = {source for source in before if before[source] != after[source]}
    assert moved == {source for source in before if before[source] == "b1"}
    told = moves_by_key(limpetd)
    assert set(told) == moved
    assert Counter(row["reason"] for row in told.values()) == {"backend_down": len(moved)}
    lab.nginx["b1"].start()
    limpetd.wait_health("web/b1", "up")
    assert backend_of(lab.ask_all(1)) == after, "a backend that comes back takes no session away"


def test_drain_keeps_sessions_and_takes_no_new_ones(lab, limpetd):
    old = {source: lab.curl(source) for source in map(client4, range(10))}
    drained = Counter(old.values()).most_common(1)[0][0]
    limpetd.ctl("backend", "drain", f"web/{drained}")
    assert {source: lab.curl(source) for source in old} == old
    new = {source: lab.curl(source) for source in map(client6, range(10))}
    assert drained not in new.values()
    limpetd.ctl("backend", "offline", f"web/{drained}")
    after = {source: lab.curl(source) for source in old}
    assert drained not in after.values()
    assert {s for s in old if old[s] != after[s]} == {s for s in old if old[s] == drained}
    assert {row["reason"] for row in limpetd.moves()} == {"backend_offline"}
    limpetd.ctl("backend", "enable", f"web/{drained}")


def test_why_agrees_with_what_happened(lab, limpetd):
    foretold = {source: limpetd.json("why", "--service", "web", "--client", source) for source in lab.sessions()}
    assert {answer["step"] for answer in foretold.values()} == {"algorithm"}
    where = backend_of(lab.ask_all(1))
    assert {source: answer["backend"] for source, answer in foretold.items()} == {
        source: f"web/{name}" for source, name in where.items()}
    for source, name in where.items():
        told = limpetd.json("why", "--service", "web", "--client", source)
        assert (told["step"], told["backend"]) == ("record", f"web/{name}")


def test_the_same_secret_gives_the_same_choices(lab, limpetd):
    first = backend_of(lab.ask_all(1))
    assert limpetd.stop() == 0
    shutil.rmtree(lab.tables / "tables")
    limpetd.start()
    for name in lab.names:
        limpetd.wait_health(f"web/{name}", "up")
    assert limpetd.json("show", "records") == [], "without its tables nothing is remembered, all is chosen again"
    assert backend_of(lab.ask_all(1)) == first


def test_ping_and_arp_for_vips(lab, limpetd):
    client = lab.namespaces["client"]
    for vip in (VIP4, VIP6, "192.0.2.1", "2001:db8:1::1"):
        assert "2 received" in client.run("ping", "-c", "2", "-i", "0.2", "-W", "2", vip).stdout


@pytest.mark.parametrize("what", ["services", "pools", "backends", "flows", "records", "counters", "ports", "workers",
                                  "events", "moves", "neighbors", "memory"])
def test_every_listing_prints(lab, limpetd, what):
    lab.curl(client4(0))
    assert isinstance(limpetd.json("show", what), list)
    assert limpetd.ctl("show", what).stdout.strip()
