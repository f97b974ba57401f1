"""Full NAT with PROXY protocol: a real nginx that wants a header is told each client's own address, also when the header
gets lost on its way."""

import re

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6

HEADERS = {4: 20 + 32 + 28, 6: 40 + 32 + 52}  # bytes of packets with nothing but a header, timestamps among their options


@pytest.fixture(scope="module")
def lab():
    with Lab(backends=2, clients=6, forwarding="full_nat", one_arm=True) as made:
        yield made


def start(lab, addresses):
    """`addresses`: of a backend, by its index."""
    backends = {name: {"address": addresses(i)} for i, name in enumerate(lab.names)}
    pool = {"monitor": {"type": "tcp", "path": None}, "backends": backends}
    return lab.start_limpetd(lab.config(pools={"web": pool}, services={"web": {"client_address": "proxy_v2"}}))


def stop(lab, limpetd):
    assert limpetd.stop() == 0
    lab.limpetd = None


@pytest.fixture
def daemon(lab):
    limpetd = start(lab, lambda i: [f"{backend4(i)}:81", f"[{backend6(i)}]:81"])
    yield limpetd
    stop(lab, limpetd)


def assert_told(lab, source: str, **how):
    words = lab.curl(source, "/who", **how).split()
    assert words[0] in lab.names
    assert words[1:4] == [source, VIP6 if ":" in source else VIP4, source]
    assert words[4].startswith(("198.51.100.20", "2001:db8:2::200")), "the connection itself is a local address's"


def checksum_errors(namespace) -> int:
    text = namespace.run("nstat", "-az", "TcpInCsumErrors", "Ip6InHdrErrors", "IpInHdrErrors").stdout
    return sum(int(line.split()[1]) for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("client", [client4, client6])
def test_nginx_is_told_the_client(lab, daemon, client):
    for index in range(lab.client_count):
        assert_told(lab, client(index))
    size = lab.curl(client(0), "/large", timeout_s=20, options=("-o", "/dev/null", "-w", "%{size_download}"))
    assert int(size) == 1 << 20
    assert daemon.counters().get("drop_before_header", 0) == 0
    assert all(checksum_errors(lab.namespaces[name]) == 0 for name in lab.names)


def test_clients_of_the_other_ip_version(lab):
    """The header speaks of the client as it is, whatever the backend is spoken to by."""
    limpetd = start(lab, lambda i: f"{backend4(i)}:81")
    assert_told(lab, client6(0))
    assert_told(lab, client4(0))
    assert limpetd.counters().get("drop_before_header", 0) == 0
    stop(lab, limpetd)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("family, client", [(4, client4), (6, client6)])
def test_a_lost_header_is_sent_again(lab, daemon, family, client, large):
    """Of packets with a header alone each backend loses the first, and every other. A small request brings the header along; a large one
    has no room for it, and the backend's SACK does."""
    for name in lab.names:
        lab.namespaces[name].run("nft", f"add table inet loss; add chain inet loss in {{ type filter hook input priority "
                                        f"0; }}; add rule inet loss in meta length {HEADERS[family]} tcp dport 81 "
                                        "numgen inc mod 2 == 0 counter drop")
    try:
        before = daemon.counters().get("proxy_header_repeated", 0)
        options = ("-H", "X-Large: " + "x" * 3000) if large else ()
        assert_told(lab, client(0), options=options)
        repeated = daemon.counters().get("proxy_header_repeated", 0) - before
        tables = "".join(lab.namespaces[name].run("nft", "list", "table", "inet", "loss").stdout for name in lab.names)
        assert sum(int(count) for count in re.findall(r"packets (\d+)", tables)) >= 1, tables
        assert (repeated >= 1) == large
    finally:
        for name in lab.names:
            lab.namespaces[name].run("nft", "delete table inet loss")
