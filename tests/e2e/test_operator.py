"""What an operator does to backends and records, seen by real clients."""

import json
from collections import Counter

from support.lab import client4


def who(lab, clients=10):
    return {client4(i): lab.curl(client4(i)) for i in range(clients)}


def most_used(answers):
    return Counter(answers.values()).most_common(1)[0][0]


def changed(before, after):
    return {source for source in before if before[source] != after[source]}


def reasons(limpetd):
    return Counter(row["reason"] for row in limpetd.moves())


def test_a_drain_ends_at_its_deadline(lab, limpetd):
    """Sessions stay while it drains; when the time is over they leave, and a restart does not bring the backend back."""
    before = who(lab)
    drained = most_used(before)
    answer = limpetd.json("backend", "drain", f"web/{drained}", "--for", "3s")
    row = limpetd.backends()[f"web/{drained}"]
    assert (row["state"], row["until"]) == ("drain", answer["until"])
    limpetd.wait_for(lambda: limpetd.backends()[f"web/{drained}"]["state"] == "drained", "the deadline")
    after = who(lab)
    assert changed(before, after) == {source for source in before if before[source] == drained}
    assert reasons(limpetd) == {"drain_expired": len(changed(before, after))}
    limpetd.ctl("backend", "drain", f"web/{drained}", "--for", "1h")
    until = limpetd.backends()[f"web/{drained}"]["until"]
    assert limpetd.stop() == 0
    limpetd.start()
    row = limpetd.backends()[f"web/{drained}"]
    assert (row["state"], row["until"]) == ("drain", until)
    limpetd.ctl("backend", "enable", f"web/{drained}")


def test_live_traffic_takes_a_backend_down_and_tries_it_again(lab, limpetd):
    """No monitor looks: three refused connections in a row are enough."""
    limpetd.apply(lab.config(pools={"web": {"monitor": None, "passive": {"failures": 3, "retry": "3s"}}}))
    before = who(lab)
    dead = most_used(before)
    source = next(source for source in before if before[source] == dead)
    lab.nginx[dead].stop()
    for _ in range(3):
        assert lab.curl(source, check=False) == ""
    limpetd.wait_health(f"web/{dead}", "down")
    assert "live traffic" in limpetd.backends()[f"web/{dead}"]["detail"]
    assert lab.curl(source) not in ("", dead)
    assert reasons(limpetd) == {"backend_down": 1}
    lab.nginx[dead].start()
    limpetd.wait_health(f"web/{dead}", "up")
    assert any("live traffic tries it again" in row["text"] for row in limpetd.json("show", "events"))


def test_records_are_dumped_cleared_and_loaded(lab, limpetd):
    before = who(lab)
    file = lab.folder / "records.jsonl"
    file.write_text(limpetd.ctl("records", "dump").stdout)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["key"].split("/")[0]: line["backend"].split("/")[1] for line in lines} == before
    assert limpetd.json("records", "clear", "--all")["cleared"] == len(before)
    assert limpetd.json("records", "list") == []
    swapped = [dict(line, backend="web/b1") for line in lines]
    file.write_text("".join(json.dumps(line) + "\n" for line in swapped) + "half a li")
    loaded = limpetd.ctl("records", "load", file, check=False)
    assert loaded.returncode == 1 and f"{file}:{len(lines) + 1}: expected one JSON object" in loaded.stderr
    assert set(who(lab).values()) == {"b1"}, "what was loaded counts"
    assert limpetd.json("show", "violations") == []


def test_a_session_is_bound_by_hand(lab, limpetd):
    source = client4(0)
    before = lab.curl(source)
    other = next(name for name in lab.names if name != before)
    told = limpetd.json("records", "set", source, f"web/{other}", "--service", "web")
    assert (told["before"], told["backend"]) == (f"web/{before}", f"web/{other}")
    assert lab.curl(source) == other
    assert [(row["reason"], row["from"], row["to"]) for row in limpetd.moves()] == [
        ("operator_set", f"web/{before}", f"web/{other}")]
    assert limpetd.json("records", "show", source, "--service", "web")["backend"] == f"web/{other}"
    assert "operator_set 1, violation 0" in limpetd.ctl("show", "moves").stdout
    limpetd.ctl("records", "clear", "--key", source, "--service", "web")
    assert lab.curl(source) == before, "a first contact again: where the algorithm puts it"


def test_why_foretells_drain_and_removal(lab, limpetd):
    before = who(lab)
    told = {source: limpetd.json("why", "--service", "web", "--client", source) for source in before}
    for source, answer in told.items():
        assert (answer["step"], answer["backend"]) == ("record", f"web/{before[source]}")
        assert answer["if_drained"]["backend"] == answer["backend"], "a record outlives a drain"
        assert "backend_removed" in answer["if_removed"]["reason"]
    gone = most_used(before)
    limpetd.ctl("backend", "drain", f"web/{gone}")
    fresh = limpetd.json("why", "--service", "web", "--client", "192.0.2.250")
    assert fresh["ruled_out"] == [{"backend": f"web/{gone}", "reason": "draining"}]
    foretold = limpetd.json("backend", "remove", f"web/{gone}", "--dry-run")
    assert (foretold["applied"], foretold["live_sessions"]) == (False, len(before))
    assert f"web/{gone}" in limpetd.backends()
    limpetd.ctl("backend", "remove", f"web/{gone}")
    assert f"web/{gone}" not in limpetd.backends()
    after = who(lab)
    assert foretold["moving_sessions"] == len(changed(before, after))
    assert foretold["reasons"] == dict(reasons(limpetd)) == {"backend_removed": len(changed(before, after))}
    assert {source: f"web/{after[source]}" for source in changed(before, after)} == {
        source: told[source]["if_removed"]["backend"] for source in changed(before, after)}


def test_shares_and_memory_are_told(lab, limpetd):
    before = who(lab)
    pool = limpetd.json("show", "pools")[0]
    assert pool["sessions"] == len(before)
    counts = Counter(before.values())
    assert {row["backend"].split("/")[1]: row["sessions_percent"] for row in pool["shares"] if
            row["sessions_percent"]} == {name: 100.0 * count / len(before) for name, count in counts.items()}
    assert pool["sessions_skew"] == round(max(counts.values()) * len(lab.names) / len(before), 3)
    memory = {row["name"]: row for row in limpetd.json("show", "memory")}
    assert memory["records: narrow live"]["used"] == len(before)
    assert memory["records: narrow live"]["entry_bytes"] == 32
    assert memory["records: wide live"]["entry_bytes"] == 48
    assert all(row["used"] <= row["capacity"] for row in memory.values()), memory
    assert {name for name in memory if name.startswith("flows of worker 1")} == {
        f"flows of worker 1: {width} {share}" for width in ("narrow", "wide") for share in ("live", "embryonic")}
