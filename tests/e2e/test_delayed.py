"""Sessions told apart by what clients say: real clients and servers, whose handshakes Limpet completes itself."""

import hashlib
import signal
import socket
import time

import pytest
from support import wrk
from support.lab import VIP4, VIP6, Lab, client4, client6

PROFILES = {
    "route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."},
    "session": {"type": "header", "name": "Mcp-Session-Id"},
}
LOAD_LEAST = 200  # requests in a second, on a machine that does much else: a tenth of what there are


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=8, **either_nat) as made:
        yield made


@pytest.fixture
def daemon(lab):
    limpetd = lab.start_limpetd(lab.config(profiles=PROFILES, services={"web": {"persist": ["route", "session"]}}))
    yield limpetd
    assert limpetd.stop() == 0
    lab.limpetd = None


def test_a_cookie_leads_to_the_backend_it_names(lab, daemon, tmp_path):
    for source in lab.sessions()[:4] + lab.sessions()[-4:]:
        jar = tmp_path / source.replace(":", "-")
        name = lab.curl(source, "/login", options=("-c", jar))  # the jar belongs to one VIP
        others = [client6(i) if ":" in source else client4(i) for i in range(8)] * 2
        assert {lab.curl(other, options=("-b", jar)) for other in others} == {name}, "whatever address it comes from"
    counters = daemon.counters()
    assert counters["token_hit"] == 8 * 16
    assert counters["delayed_spliced"] == counters["delayed_opened"] == 8 * 17
    assert daemon.json("show", "records") == []


def test_a_header_is_remembered(lab, daemon):
    where = {}
    for i in range(60):
        session = f"session-{i % 10}"
        name = lab.curl(client4(i % 8), options=("-H", f"Mcp-Session-Id: {session}"))
        assert where.setdefault(session, name) == name
    assert len(set(where.values())) > 1
    assert daemon.counters()["record_new"] == 10
    assert daemon.counters().get("drop_no_syn_cookie", 0) == 0


@pytest.mark.parametrize("source", [client4(0), client6(0)])
def test_large_bodies_arrive_whole(lab, daemon, tmp_path, source):
    """Both ways, megabytes after the handshake that was Limpet's; the window scales of both sides are at work."""
    body = tmp_path / "body"
    body.write_bytes(bytes(range(251)) * 20000)
    size = lab.curl(source, "/upload", options=("--data-binary", f"@{body}"), timeout_s=30)
    assert int(size) == body.stat().st_size
    got = tmp_path / "got"
    lab.curl(source, "/large", options=("-o", got), timeout_s=30)
    assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(bytes(range(256)) * 4096).digest()


def test_a_backend_that_has_just_gone_fails_nobody(lab, daemon, tmp_path):
    """Its port is closed, and no monitor has noticed yet: the connection goes to the next one by itself."""
    jar = tmp_path / "jar"
    name = lab.curl(client4(0), "/login", options=("-c", jar))
    lab.nginx[name].stop()
    try:
        other = lab.curl(client4(0), options=("-b", jar))
        assert other in lab.names and other != name
        assert daemon.counters()["delayed_redispatched"] == 1
    finally:
        lab.nginx[name].start()


def connect(lab, source: str) -> socket.socket:
    with lab.namespaces["client"].inside():
        connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    connection.settimeout(20)
    connection.bind((source, 0))
    connection.connect((VIP6 if ":" in source else VIP4, 80))
    return connection


@pytest.mark.parametrize("source", [client4(0), client6(0)])
def test_a_request_written_byte_by_byte_is_read_whole(lab, daemon, source):
    """The kernel sends the first byte and waits until that is acknowledged (Nagle's algorithm) before it sends more."""
    for name in lab.names:
        with connect(lab, source) as connection:
            begin = time.monotonic()
            for byte in f"GET / HTTP/1.0\r\nCookie: SERVER=s.{name}\r\n\r\n".encode():
                connection.send(bytes([byte]))
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
            took_s = time.monotonic() - begin
        assert answer.endswith(f"\r\n\r\n{name}\n"), answer
        assert took_s < 2, "inspect_delay is five seconds"
    counters = daemon.counters()
    assert counters["token_hit"] == len(lab.names)
    assert len(lab.names) <= counters["delayed_owned"] <= 3 * len(lab.names)


@pytest.fixture
def quick_beginners(lab):
    """The client's kernel sends as many packets at once as it likes, from the first one on."""
    for vip in (f"{VIP4}/32", f"{VIP6}/128"):
        lab.namespaces["client"].ip("route", "add", vip, "dev", "eth0", "initcwnd", 500)
    yield
    for vip in (f"{VIP4}/32", f"{VIP6}/128"):
        lab.namespaces["client"].ip("route", "del", vip, "dev", "eth0")


@pytest.mark.usefixtures("quick_beginners")
@pytest.mark.parametrize("source", [client4(0), client6(0)])
def test_a_request_in_a_packet_for_each_byte_is_read_whole(lab, daemon, source):
    """Nagle's algorithm switched off: more packets than may be held of one connection."""
    for name in lab.names:
        with lab.namespaces["client"].inside():
            connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        with connection:
            connection.settimeout(20)
            connection.bind((source, 0))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect((VIP6 if ":" in source else VIP4, 80))
            for byte in f"GET / HTTP/1.0\r\nX-Filler: {'x' * 200}\r\nCookie: SERVER=s.{name}\r\n\r\n".encode():
                connection.send(bytes([byte]))
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        assert answer.endswith(f"\r\n\r\n{name}\n"), answer
    counters = daemon.counters()
    assert counters["token_hit"] == len(lab.names)
    assert counters["delayed_held"] > 100 * len(lab.names)
    assert counters.get("drop_held_full", 0) == 0


@pytest.mark.parametrize("source", [client4(0), client6(0)])
def test_half_a_head_is_told_as_held(lab, daemon, source):
    half = b"GET / HTTP/1.0\r\nCookie: SERVER=s"
    assert daemon.json("show", "held") == []
    with connect(lab, source) as connection:
        address, port = connection.getsockname()[:2]
        connection.send(half)
        row = daemon.wait_for(lambda: next((row for row in daemon.json("show", "held") if row["owned_bytes"]), None),
                              "the half to be acknowledged")
        assert row["client"] == (f"[{address}]:{port}" if ":" in source else f"{address}:{port}")
        assert (row["service"], row["waits_for"], row["backend"], row["tried"]) == ("web", "data", None, [])
        assert (row["packets"], row["bytes"], row["owned_bytes"]) == (row["packets"], len(half), len(half))
        assert 40 <= row["waited_ms"] <= 5000 and row["left_ms"] <= 5000 - 40, "inspect_delay is five seconds"
        page = daemon.ctl("show", "held", "--filter", f"client={source}").stdout
        assert "totals: connections 1" in page, page
        connection.send(b".b2\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert answer.endswith("\r\n\r\nb2\n"), answer
    assert daemon.json("show", "held") == []
    assert daemon.json("show", "held", "--filter", f"client={source}") == []


def profile_counts(daemon) -> dict[str, dict[str, int]]:
    """Those that are not zero, by profile."""
    return {row["name"]: {name: value for name, value in row.items() if isinstance(value, int) and value}
            for row in daemon.json("show", "profiles")}


def test_profiles_tell_what_they_were_asked(lab):
    """A cookie that names a backend, one that names none, a head that is too large, silence."""
    settings = {"persist": ["route", "session"], "inspect_delay": "1s"}
    limpetd = lab.start_limpetd(lab.config(profiles=PROFILES, services={"web": settings}))
    lab.curl(client4(0), options=("-H", "Cookie: SERVER=s.b1"))
    assert profile_counts(limpetd)["route"] == {"token_hit": 1}
    lab.curl(client4(0), options=("-H", "Cookie: SERVER=s.nobody"))
    assert profile_counts(limpetd)["route"] == {"token_hit": 1, "backup": 1}
    assert profile_counts(limpetd)["session"] == {"backup": 1}
    for _ in range(2):
        lab.curl(client4(0), options=("-H", "Mcp-Session-Id: 7"))
    assert profile_counts(limpetd)["session"] == {"backup": 1, "chosen": 1, "record_hit": 1}
    large = [option for i in range(5) for option in ("-H", f"X-Large-{i}: {'x' * 3900}")]
    lab.curl(client4(0), options=large)
    assert profile_counts(limpetd)["route"] == {"token_hit": 1, "backup": 4, "oversized": 1}
    with connect(lab, client6(0)):
        limpetd.wait_for(lambda: "timed_out" in profile_counts(limpetd)["session"], "the silence to end")
    assert profile_counts(limpetd)["route"] == {"token_hit": 1, "backup": 5, "oversized": 1, "timed_out": 1}
    assert profile_counts(limpetd)["session"] == {"backup": 3, "chosen": 1, "record_hit": 1, "oversized": 1, "timed_out": 1}
    why = limpetd.json("why", "--service", "web", "--client", client4(0), "--cookie", "SERVER=s.nobody")
    assert [row["profile"] for row in why["passed_over"]] == ["route", "session"]
    assert limpetd.stop() == 0
    lab.limpetd = None


@pytest.mark.parametrize("header", [wrk.CLOSE, wrk.KEEP])
def test_load_without_a_failed_request(lab, daemon, header):
    """Each connection is decided by its cookie, however many there are."""
    load = wrk.load(lab.namespaces["client"], f"http://{VIP4}/", header, "Cookie: SERVER=s.b2")
    print(f"{load.requests} requests in {load.took_s} s, {header}")
    assert load.requests > LOAD_LEAST
    assert load.answers == {"b2": load.requests}
    connections = load.requests if header == wrk.CLOSE else wrk.CONNECTIONS
    counts = profile_counts(daemon)
    assert counts["route"].keys() == {"token_hit"} and counts.get("session", {}) == {}
    assert connections <= counts["route"]["token_hit"] <= connections + wrk.CONNECTIONS, "some were under way at the end"


def test_downloads_go_on_over_a_kill_and_a_start(lab, daemon, tmp_path):
    """What both sides' numbers differ by is kept with the flows."""
    whole = hashlib.sha256(bytes(range(256)) * 4096).digest()
    curls = {}
    for source in lab.sessions()[:3] + lab.sessions()[-3:]:
        got = tmp_path / source.replace(":", "-")
        vip = f"[{VIP6}]" if ":" in source else VIP4
        curls[got] = lab.namespaces["client"].popen("curl", "-s", "-S", "-m", 30, "--limit-rate", "300k", "--interface", source,
                                                    "-o", got, f"http://{vip}/large")
    daemon.wait_for(lambda: all(got.exists() and got.stat().st_size > 60000 for got in curls), "the first bytes")
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    daemon.start()
    for got, curl in curls.items():
        assert curl.wait(timeout=30) == 0
        assert hashlib.sha256(got.read_bytes()).digest() == whole
    counters = daemon.counters()
    assert counters["forwarded_back"] > 6 * 100, "most of it came after the start"
    assert {len(list((lab.tables / "tables").glob("set-*/spliced*")))} == {len(daemon.json("show", "workers"))}


def test_a_client_that_says_nothing_and_a_server_that_speaks_first(lab):
    """syn_proxy without looking at anything: who completes a handshake gets a backend at once."""
    limpetd = lab.start_limpetd(lab.config(services={"web": {"syn_proxy": True}}))
    answers = lab.ask_all(2)
    assert all(len(set(names)) == 1 for names in answers.values()), answers
    assert len({names[0] for names in answers.values()}) > 1
    assert limpetd.counters()["syn_cookies"] >= 2 * len(answers)
    assert limpetd.stop() == 0
