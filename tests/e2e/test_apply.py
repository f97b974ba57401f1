"""Configurations change under load; broken ones change nothing."""

import re
import signal

from support.lab import VIP4, client4


def config_with(lab, **backend_changes):
    """The lab's configuration with changed backends: name -> table, None removes."""
    return lab.config(pools={"web": {"backends": backend_changes}})


def test_no_request_fails_while_configurations_change(lab, limpetd):
    """wrk at 64 connections for 10 s; a backend drained, three configurations applied meanwhile."""
    client = lab.namespaces["client"]
    wrk = client.popen("wrk", "-t", "2", "-c", "64", "-d", "10s", f"http://{VIP4}/", stdout=-1, text=True)
    limpetd.wait_for(lambda: limpetd.counters().get("flow_new", 0) >= 64, "wrk's connections")
    limpetd.ctl("backend", "drain", "web/b2")
    limpetd.apply(config_with(lab, b1={"weight": 5}))
    limpetd.apply(config_with(lab, b4={"address": "198.51.100.11:81", "weight": 1}))
    limpetd.apply(lab.config())
    output = wrk.communicate(timeout=60)[0]
    assert wrk.returncode == 0
    assert "Socket errors" not in output and "Non-2xx" not in output, output
    assert int(re.search(r"(\d+) requests in", output).group(1)) > 1000, output
    assert {row["reason"] for row in limpetd.moves()} <= {"backend_removed", "backend_offline"}
    assert limpetd.backends()["web/b2"]["state"] == "drain", "the CLI's word outlives an apply"
    limpetd.ctl("backend", "enable", "web/b2")


def test_a_broken_file_changes_nothing_and_says_why(lab, limpetd):
    before = limpetd.ctl("config", "show").stdout
    answer = lab.curl(client4(0))
    broken = lab.config(pools={"web": {"algoritm": "rendezvous"}}, services={"web": {"pool": "wab"}})
    result = limpetd.apply(broken, check=False)
    assert result.returncode == 1
    assert 'algoritm' in result.stderr and 'did you mean "algorithm"' in result.stderr, result.stderr
    assert 'wab' in result.stderr, "all problems at once"
    assert limpetd.ctl("config", "show").stdout == before
    assert lab.curl(client4(0)) == answer


def test_hangup_with_a_broken_file_changes_nothing_and_says_why(lab, limpetd):
    before = limpetd.ctl("config", "show").stdout
    good = limpetd.file.read_text()
    limpetd.file.write_text(good + "\n[pools.web\n")
    limpetd.signal(signal.SIGHUP)
    limpetd.wait_for(lambda: any(str(limpetd.file) in row["text"] and row["kind"] != "daemon"
                                 for row in limpetd.json("show", "events")), "an event about the broken file")
    assert limpetd.ctl("config", "show").stdout == before
    limpetd.file.write_text(good.replace("weight = 1", "weight = 2"))
    limpetd.signal(signal.SIGHUP)
    assert lab.curl(client4(0)) in lab.names


def test_what_needs_a_restart_is_refused_with_that_word(lab, limpetd):
    result = limpetd.apply(lab.config(limits={"flows_max": 30000}), check=False)
    assert result.returncode == 1 and "restart" in result.stderr and "flows_max" in result.stderr


def test_dry_run_tells_and_changes_nothing(lab, limpetd):
    where = {client4(i): lab.curl(client4(i)) for i in range(10)}
    before = limpetd.ctl("config", "show").stdout
    other = lab.folder / "without-b1.toml"
    from support import toml_text
    other.write_text(toml_text.dump(config_with(lab, b1=None)))
    told = limpetd.json("apply", other, "--dry-run")
    assert "b1" in str(told["changes"])
    assert told["moving_sessions"] == sum(name == "b1" for name in where.values()), told
    assert limpetd.ctl("config", "show").stdout == before
    limpetd.ctl("apply", other)
    after = {source: lab.curl(source) for source in where}
    assert {s for s in where if where[s] != after[s]} == {s for s in where if where[s] == "b1"}
    assert {row["reason"] for row in limpetd.moves()} == {"backend_removed"}


def test_an_added_backend_moves_nothing(lab, limpetd):
    limpetd.apply(config_with(lab, b3=None))
    where = {client4(i): lab.curl(client4(i)) for i in range(10)}
    limpetd.apply(lab.config())
    limpetd.wait_health("web/b3", "up")
    assert {source: lab.curl(source) for source in where} == where
    assert limpetd.moves() == []


def test_config_show_loads_to_the_same(lab, limpetd):
    text = limpetd.ctl("config", "show").stdout
    shown = lab.folder / "shown.toml"
    shown.write_text(text)
    assert limpetd.ctl("config", "check", shown).returncode == 0
    told = limpetd.json("apply", shown, "--dry-run")
    assert told["changes"] == []
