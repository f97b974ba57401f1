"""Full NAT with real kernels at both ends: clients, Limpet and backends on one link, backends without a route to any
client. Limpet has one arm, and each backend sees a local address."""

import ipaddress
import signal

import pytest
from support import wrk
from support.keepalive import Client
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6

LOCALS = {ipaddress.ip_address(text) for text in ("198.51.100.200", "198.51.100.201", "2001:db8:2::200")}
VIPS = {4: VIP4, 6: VIP6}


@pytest.fixture(scope="module")
def one_arm():
    with Lab(clients=8, forwarding="full_nat", one_arm=True) as made:
        yield made


@pytest.fixture
def daemon(one_arm):
    limpetd = one_arm.start_limpetd()
    yield limpetd
    assert limpetd.stop() == 0
    one_arm.limpetd = None


def who(lab, source: str) -> ipaddress._BaseAddress:
    """Whom the backend sees."""
    return ipaddress.ip_address(lab.curl(source, "/who").split()[1])


def test_sessions_stay_behind_local_addresses(one_arm, daemon):
    answers = one_arm.ask_all(4)
    assert all(len(set(names)) == 1 for names in answers.values()), answers
    assert len({names[0] for names in answers.values()}) > 1
    for source in one_arm.sessions():
        assert who(one_arm, source) in LOCALS
    rows = daemon.json("show", "locals")
    assert {row["backend"] for row in rows} == {f"web/{name}" for name in one_arm.names}
    assert sum(row["taken"] for row in rows) >= 5 * len(answers), "ports rest after their connections"
    assert all(row["ports"] == row["addresses"] * 64512 and row["free"] > 0 for row in rows)


def test_killed_and_started_again(one_arm, daemon):
    with Client(one_arm.namespaces["client"], one_arm.sessions(), VIPS) as client:
        where = client.ask()
        local = {row["client"]: row["local"] for row in daemon.json("show", "flows") if row["state"] == "established"}
        assert {ipaddress.ip_address(text.rsplit(":", 1)[0].strip("[]")) for text in local.values()} <= LOCALS
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        daemon.start()
        for name in one_arm.names:
            daemon.wait_health(f"web/{name}", "up")
        assert client.ask() == where, "the connections of before answer, from the same backends"
        after = {row["client"]: row["local"] for row in daemon.json("show", "flows")}
        assert {name: after[name] for name in local} == local
        assert daemon.counters().get("flow_new", 0) == 0


@pytest.mark.parametrize("family", [4, 6])
def test_backends_of_the_other_ip_version(one_arm, family):
    """NAT46 and NAT64: all backends speak one version, clients either."""
    address = backend4 if family == 4 else backend6
    backends = {name: {"address": [f"{address(i)}:80" if family == 4 else f"[{address(i)}]:80"]}
                for i, name in enumerate(one_arm.names)}
    limpetd = one_arm.start_limpetd(one_arm.config(pools={"web": {"backends": backends}}))
    for source in (client4(0), client6(0)):
        assert who(one_arm, source).version == family
        size = one_arm.curl(source, "/large", timeout_s=20, options=("-o", "/dev/null", "-w", "%{size_download}"))
        assert int(size) == 1 << 20
    assert {row["client"].startswith("[") for row in limpetd.json("show", "flows")} == {True, False}
    assert limpetd.stop() == 0


def test_load_without_a_failed_request(one_arm):
    """wrk with new connections all the time, then with kept ones. Room for all that close: their ports towards the one
    backend of wrk's session rest for longer than it runs, and the fastest host opens fewer than eight addresses have."""
    service = {"local_addresses": ["198.51.100.200/29", "2001:db8:2::200/125"]}
    daemon = one_arm.start_limpetd(one_arm.config(limits={"flows_max": 800000}, services={"web": service}))
    for host in (VIP4, f"[{VIP6}]"):
        for header in (wrk.CLOSE, wrk.KEEP):
            load = wrk.load(one_arm.namespaces["client"], f"http://{host}/", header)
            assert load.requests > 200, "a tenth of what there are on a machine that does much else"
            assert list(load.answers.values()) == [load.requests], "one client has one backend"
    drops = {name: count for name, count in daemon.counters().items() if name.startswith("drop_no_")}
    assert drops.get("drop_no_local_port", 0) == 0 and drops.get("drop_no_return_flow", 0) == 0, drops
    assert daemon.stop() == 0
