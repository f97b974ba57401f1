"""What servers answer leads their clients back: learnt, rewritten, or with a cookie that Limpet puts in."""

import hashlib

import pytest
from support import wrk
from support.lab import VIP4, Lab, client4, client6

PROFILES = {
    "learnt": {"type": "cookie", "name": "SESSION"},
    "agent": {"type": "header", "name": "Mcp-Session-Id"},
    "rewritten": {"type": "cookie", "name": "SRV", "by": "rewrite"},
    "inserted": {"type": "cookie", "name": "LB", "by": "insert", "close_on_conflict": True, "max_life": "8h",
                 "set_cookie": {"path": "/", "same_site": "strict", "max_age": "1h"}},
}
LOAD_LEAST = 200  # requests in a second, on a machine that does much else: a tenth of what there are


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=8, **either_nat) as made:
        yield made


@pytest.fixture
def start(lab):
    def begin(*persist, **changes):
        return lab.start_limpetd(lab.config(profiles=PROFILES, services={"web": {"persist": list(persist)}}, **changes))

    yield begin
    if lab.limpetd is not None:
        assert lab.limpetd.stop() == 0
        lab.limpetd = None


def sources(lab):
    return lab.sessions()[:4] + lab.sessions()[-4:]


def asked_by_others(lab, source: str, *options) -> set[str]:
    """The backends that eight other addresses of the source's family get."""
    others = [client6(i) if ":" in source else client4(i) for i in range(8)]
    return {lab.curl(other, options=options) for other in others}


@pytest.mark.parametrize("persist, header", [("learnt", None), ("agent", "mcp-session-id"), ("rewritten", None)])
def test_what_a_server_hands_out_leads_back(lab, start, tmp_path, persist, header):
    daemon = start(persist)
    seen = set()
    for i, source in enumerate(sources(lab)):
        jar, head = tmp_path / f"jar{i}", tmp_path / f"head{i}"
        name = lab.curl(source, "/start", options=("-c", jar, "-D", head))
        fields = dict(line.split(": ", 1) for line in head.read_text().lower().splitlines() if ": " in line)
        show = ("-H", f"{header}: {fields[header]}") if header else ("-b", jar)
        assert asked_by_others(lab, source, *show) == {name}
        seen.add(name)
    assert len(seen) > 1
    counters = daemon.counters()
    if persist == "rewritten":
        assert "0000000000000000000000000000" not in jar.read_text()
        assert counters["cookies_rewritten"] == 8 and counters["token_hit"] == 64
    else:
        assert counters["record_learned"] == 8 and counters["record_hit"] == 64


def test_an_inserted_cookie_leads_back(lab, start, tmp_path):
    daemon = start("inserted")
    tokens = set()
    for i, source in enumerate(sources(lab)):
        jar, head = tmp_path / f"jar{i}", tmp_path / f"head{i}"
        name = lab.curl(source, options=("-c", jar, "-D", head))
        line = next(line for line in head.read_text().splitlines() if line.startswith("Set-Cookie: LB="))
        token, attributes = line.removeprefix("Set-Cookie: LB=").split("; ", 1)
        assert attributes.strip() == "Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"
        assert len(token) == 28
        tokens.add(token)
        assert asked_by_others(lab, source, "-b", jar) == {name}
        assert "LB=" not in lab.curl(source, options=("-b", jar, "-i")), "who shows it needs no other"
    assert len(tokens) == 8, "which of them name one backend cannot be told"
    assert daemon.counters()["cookies_inserted"] == 8
    assert daemon.json("show", "records") == []


def test_the_token_outlives_a_restart_and_tells_why(lab, start, tmp_path):
    daemon = start("inserted")
    head = tmp_path / "head"
    name = lab.curl(client4(0), options=("-D", head))
    token = head.read_text().split("LB=")[1].split(";")[0]
    assert daemon.stop() == 0
    lab.limpetd = None
    daemon = start("inserted")
    assert asked_by_others(lab, client4(0), "-b", f"LB={token}") == {name}
    why = daemon.json("why", "--service", "web", "--client", client4(5), "--cookie", f"LB={token}")
    assert why["backend"] == f"web/{name}" and why["step"] == "token"
    forged = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    assert daemon.json("why", "--service", "web", "--client", client4(5), "--cookie", f"LB={forged}")["step"] != "token"


@pytest.mark.parametrize("source", [client4(0), client6(0)])
def test_large_bodies_arrive_whole_behind_an_inserted_cookie(lab, start, tmp_path, source):
    daemon = start("inserted")
    got = tmp_path / "got"
    for _ in range(3):
        lab.curl(source, "/large", options=("-o", got), timeout_s=30)
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(bytes(range(256)) * 4096).digest()
    assert daemon.counters()["cookies_inserted"] == 3


def test_a_connection_that_asks_for_another_backend_is_closed(lab, start, tmp_path):
    """curl asks twice on one connection, with the cookies of two sessions; it tries again on a new one by itself."""
    daemon = start("inserted")
    tokens = {}
    for i in range(40):
        head = tmp_path / "head"
        name = lab.curl(client4(i % 8), options=("-D", head))
        tokens[name] = head.read_text().split("LB=")[1].split(";")[0]
        if len(tokens) > 1:
            break
    (first, token), (second, other) = list(tokens.items())[:2]
    url = "http://192.0.2.10/"
    both = lab.curl(client4(0), options=("-b", f"LB={token}", url, "--next", "-s", "-S", "-m", "5", "--interface",
                                         client4(0), "-b", f"LB={other}"))
    assert both.split() == [first, second]
    assert daemon.counters()["resets"] >= 1


@pytest.mark.parametrize("header", [wrk.CLOSE, wrk.KEEP])
def test_load_without_a_failed_request(lab, start, header):
    """Strangers, each connection of which is given a cookie, and those that show one, who are all led back."""
    daemon = start("inserted", "learnt")
    strangers = wrk.load(lab.namespaces["client"], f"http://{VIP4}/start", header)
    assert strangers.requests > LOAD_LEAST and sum(strangers.answers.values()) == strangers.requests
    before = daemon.counters()
    assert_connections(strangers, header, before["cookies_inserted"])
    assert before.get("token_hit", 0) <= wrk.CONNECTIONS, "none but what an earlier run of wrk's left under way"
    head = lab.folder / "head"
    name = lab.curl(client4(0), options=("-D", head))
    known = wrk.load(lab.namespaces["client"], f"http://{VIP4}/start", header,
                     f"Cookie: LB={head.read_text().split('LB=')[1].split(';')[0]}")
    assert known.requests > LOAD_LEAST and known.answers == {name: known.requests}
    after = daemon.counters()
    assert_connections(known, header, after["token_hit"] - before.get("token_hit", 0))
    assert after["cookies_inserted"] <= before["cookies_inserted"] + 1 + wrk.CONNECTIONS, "curl's, and what was under way"


def assert_connections(load: wrk.Load, header: str, count: int):
    """Some may be under way at the end."""
    connections = load.requests if header == wrk.CLOSE else wrk.CONNECTIONS
    assert connections <= count <= connections + wrk.CONNECTIONS
