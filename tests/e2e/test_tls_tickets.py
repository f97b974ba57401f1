"""TLS that Limpet does not end: clients that resume their sessions come back to the backend that has them, whichever
server it runs, with keys and settings from docs/persistence.md."""

import re

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6
from support.tls_servers import PORTS, TlsServer

PROFILES = {"ticket": {"type": "tls_ticket", "by": "route", "delimiter": "."}, "name": {"type": "tls_sni"}}
CLIENTS = 5
VERSIONS = ("-tls1_2", "-tls1_3")


def config(lab) -> dict:
    """A service, on a port of its own, for each kind of server. Who shows no ticket goes to the next backend in turn."""
    made = lab.config(profiles=PROFILES, pools={"web": None}, services={"web": None})
    for kind, l4_port in PORTS.items():
        made["pools"][kind] = {
            "algorithm": "weighted_round_robin",
            "monitor": {"type": "http", "path": "/health", "l4_port": 80, "interval": "300ms", "timeout": "250ms"},
            "backends": {name: {"address": [f"{backend4(i)}:{l4_port}", f"[{backend6(i)}]:{l4_port}"]}
                         for i, name in enumerate(lab.names)}}
        made["services"][kind] = {"listen": [f"{VIP4}:{l4_port}/tcp", f"[{VIP6}]:{l4_port}/tcp"], "pool": kind,
                                  "forwarding": "nat", "persist": ["ticket"]}
    return made


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=CLIENTS) as made:
        made.tls = {kind: [TlsServer(made, kind, name) for name in made.names] for kind in PORTS}
        servers = [server for kind in made.tls.values() for server in kind]
        try:
            for server in servers:
                server.served.start()
            made.start_limpetd(config(made))
            yield made
        finally:
            for server in servers:
                server.served.stop()


def ask(lab, kind: str, source: str, *options) -> tuple[str, bool]:
    """Which backend answers, and whether the session was resumed."""
    host = f"[{VIP6}]" if ":" in source else VIP4
    bind = f"[{source}]" if ":" in source else source
    done = lab.namespaces["client"].run(
        "openssl", "s_client", "-connect", f"{host}:{PORTS[kind]}", "-bind", f"{bind}:0", "-servername", "web.example",
        "-ign_eof", *options, input="GET / HTTP/1.0\r\nHost: web.example\r\n\r\n", timeout_s=10)
    names = re.findall(r"^(b\d)$", done.stdout, re.MULTILINE)
    assert len(names) == 1, done.stdout + done.stderr
    return names[0], re.search("^Reused, ", done.stdout, re.MULTILINE) is not None


def clients(family: int) -> list[str]:
    return [client4(i) if family == 4 else client6(i) for i in range(CLIENTS)]


def begin(lab, kind: str, family: int, version: str, folder) -> dict[str, str]:
    """A session of each client, kept in a file: where they are."""
    where = {}
    for source in clients(family):
        where[source], reused = ask(lab, kind, source, version, "-sess_out", folder / source)
        assert not reused
    assert len(set(where.values())) > 1
    return where


def come_back(lab, kind: str, where: dict[str, str], version: str, folder) -> list[bool]:
    """Each session from an address that is not its own, to the backend that has it; whether they were resumed."""
    sources, hits = list(where), lab.limpetd.counters().get("token_hit", 0)
    resumed = []
    for i, source in enumerate(sources):
        name, reused = ask(lab, kind, sources[(i + 3) % len(sources)], version, "-sess_in", folder / source)
        assert name == where[source]
        resumed.append(reused)
    assert lab.limpetd.counters()["token_hit"] == hits + len(sources), "it was the ticket that told"
    return resumed


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", PORTS)
def test_resumed_sessions_return(lab, tmp_path, kind, family, version):
    where = begin(lab, kind, family, version, tmp_path)
    assert come_back(lab, kind, where, version, tmp_path) == [True] * CLIENTS
    assert lab.limpetd.counters().get("drop_no_syn_cookie", 0) == 0


@pytest.mark.parametrize("kind", PORTS)
def test_sessions_return_after_a_change_of_keys(lab, tmp_path, kind):
    """Both those from before and those from after."""
    before, after = {}, {}
    for version in VERSIONS:
        (tmp_path / version / "old").mkdir(parents=True)
        before[version] = begin(lab, kind, 4, version, tmp_path / version / "old")
    (resumed,) = {server.change_key() for server in lab.tls[kind]}
    for version in VERSIONS:
        (tmp_path / version / "new").mkdir()
        assert come_back(lab, kind, before[version], version, tmp_path / version / "old") == [resumed] * CLIENTS
        after[version] = begin(lab, kind, 4, version, tmp_path / version / "new")
        assert come_back(lab, kind, after[version], version, tmp_path / version / "new") == [True] * CLIENTS


def test_names_are_remembered(lab):
    """By server name: all that ask for one site are on one backend."""
    changed = config(lab)
    changed["services"]["nginx"]["persist"] = ["name"]
    lab.limpetd.apply(changed)
    assert len({ask(lab, "nginx", source)[0] for source in clients(4)}) == 1
