"""TCP options of connections whose handshake is Limpet's: promised is what monitors have seen all backends accept."""

import re
import socket
import struct

import pytest
from support.lab import VIP4, VIP6, Lab, client4, client6
from support.programs import ROOT

PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}}
TIMESTAMPS, SACK, SCALE = 1, 2, 4  # of TCP_INFO


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=2) as made:
        yield made


@pytest.fixture
def start(lab):
    """Starts limpetd with this monitor; what a test changes in backends' kernels is put back."""
    def start_with(**monitor):
        pools = {"web": {"monitor": {"type": "http", "path": "/health", "interval": "300ms", "timeout": "250ms"} | monitor}}
        return lab.start_limpetd(lab.config(profiles=PROFILES, pools=pools, services={"web": {"persist": ["route"]}}))
    yield start_with
    assert lab.limpetd.stop() == 0
    lab.limpetd = None
    for name in lab.names:
        set_timestamps(lab, name, True)


def set_timestamps(lab, name, on):
    lab.namespaces[name].sysctl("net.ipv4.tcp_timestamps", int(on))


def agreed(lab, source):
    """What a client's kernel says of its connection, a megabyte having come over it: options, bytes of its segments."""
    with lab.namespaces["client"].inside():
        connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    with connection:
        connection.settimeout(10)
        connection.bind((source, 0))
        connection.connect((VIP6 if ":" in source else VIP4, 80))
        connection.send(b"GET /large HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    assert answer.endswith(bytes(range(256)) * 4096)
    return info[5] & (TIMESTAMPS | SACK | SCALE), struct.unpack_from("I", info, 16)[0]


def rows(daemon):
    """What is known of backends; how far a kernel scales its windows hangs on its memory, and is 7 here."""
    return {name: re.sub(r"scale \d+", "scale 7", row["options"]) for name, row in daemon.backends().items()}


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_all_that_backends_accept_is_promised(lab, start, kind):
    daemon = start(**({} if kind == "http" else {"type": "tcp", "path": None}))
    text = "mss 1440, sack, scale 7, timestamps"
    daemon.wait_for(lambda: set(rows(daemon).values()) == {text}, "what monitors learn")
    assert text in (ROOT / "docs/monitors.md").read_text()
    for source in (client4(0), client6(0)):
        assert agreed(lab, source) == (TIMESTAMPS | SACK | SCALE, 1440 - 12)
    counters = daemon.counters()
    assert counters["delayed_spliced"] == 2 and "option_mismatch" not in counters


def test_nothing_is_promised_that_one_backend_does_not_accept(lab, start):
    set_timestamps(lab, "b2", False)
    daemon = start()
    assert rows(daemon)["web/b2"] == "mss 1440, sack, scale 7, no timestamps"
    for source in (client4(0), client6(0)):
        assert agreed(lab, source) == (SACK | SCALE, 1440)
    daemon.ctl("backend", "offline", "web/b2")
    daemon.wait_for(lambda: agreed(lab, client4(0)) == (TIMESTAMPS | SACK | SCALE, 1428), "timestamps, without b2")
    daemon.ctl("backend", "enable", "web/b2")
    daemon.wait_for(lambda: agreed(lab, client4(0)) == (SACK | SCALE, 1440), "no timestamps, with b2")
    assert "option_mismatch" not in daemon.counters()


def test_nothing_is_promised_that_is_not_known(lab, start):
    daemon = start(l4_port=80, type="tcp", path=None)
    daemon.apply(lab.config(profiles=PROFILES, pools={"web": {"monitor": None}}, services={"web": {"persist": ["route"]}}))
    assert set(rows(daemon).values()) == {"not known"}
    assert agreed(lab, client4(0)) == (SACK | SCALE, 1400)


def test_who_breaks_the_promise_is_passed_over(lab, start):
    daemon = start(interval="1m")
    to_b2 = ("-H", "Cookie: SERVER=s.b2")
    assert lab.curl(client4(0), options=to_b2) == "b2"
    set_timestamps(lab, "b2", False)
    assert lab.curl(client4(0), options=to_b2) in {"b1", "b3"}
    counters = daemon.counters()
    assert counters["option_mismatch"] == 1 and counters["delayed_redispatched"] == 1
    for name in lab.names:
        set_timestamps(lab, name, False)
    assert lab.curl(client4(0), check=False) == ""
    assert daemon.counters()["option_mismatch"] == 4
