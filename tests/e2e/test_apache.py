"""Sessions that Apache makes: its cookies, one that ends in the backend's name, as a servlet engine's jvmRoute does, and
one that says nothing, kept by curl in a jar; also while a backend is drained, and after."""

import pytest
from support.apache import configure, words
from support.lab import VIP4, VIP6, Lab, client4, client6
from support.served import Served

PORT = 8080
MODULES = ("mpm_event", "authz_core", "dir", "env", "headers", "setenvif", "unique_id")
CONFIG = """
StartServers 1
SetEnvIf Cookie "JSESSIONID=" has_session
SetEnvIf Cookie "visit=" has_visit
<Location /servlet>
  Header always add Set-Cookie "JSESSIONID=%{{UNIQUE_ID}}e.{name}; Path=/; HttpOnly" env=!has_session
</Location>
<Location /plain>
  Header always add Set-Cookie "visit=%{{UNIQUE_ID}}e; Path=/" env=!has_visit
</Location>
"""
PROFILES = {
    "servlet": {"type": "cookie", "name": "JSESSIONID", "by": "route", "delimiter": "."},
    "visit": {"type": "cookie", "name": "visit"},
}


def apache(lab, name: str) -> Served:
    folder = lab.folder / f"apache-{name}"
    for page in ("servlet", "plain"):
        (folder / "pages" / page).mkdir(parents=True)
        (folder / "pages" / page / "name").write_text(f"{name}\n")
    configure(folder, PORT, MODULES, CONFIG.format(name=name))
    return Served(lab.namespaces[name], words(folder), folder / "start.log", PORT)


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=4, **either_nat) as made:
        servers = [apache(made, name) for name in made.names]
        try:
            for server in servers:
                server.start()
            yield made
        finally:
            for server in servers:
                server.stop()


@pytest.fixture
def daemon(lab):
    """Who shows no cookie goes to the next backend in turn: only what is remembered can make anybody return."""
    limpetd = lab.start_limpetd(lab.config_in_turn(PORT, {"type": "http", "path": "/plain/name"}, profiles=PROFILES, services={"web": {"persist": ["servlet", "visit"]}}))
    yield limpetd
    assert limpetd.stop() == 0
    lab.limpetd = None


class Session:
    """One jar of cookies, for one VIP; each request is a connection of its own."""

    def __init__(self, lab, folder, label: str, page: str, family: int):
        self.lab, self.page, self.family, self.jar = lab, page, family, folder / label
        self.moved = 0  # the client's address changes with each request

    def ask(self) -> str:
        source = (client4 if self.family == 4 else client6)(self.moved % self.lab.client_count)
        self.moved += 1
        return self.lab.curl(source, self.page, vip=VIP4 if self.family == 4 else f"[{VIP6}]",
                             options=("-b", self.jar, "-c", self.jar))


def begin(lab, folder, page: str, count: int, label="") -> dict[Session, str]:
    """Sessions of both families, and where they are."""
    sessions = [Session(lab, folder, f"{label}{family}-{i}", page, family) for i in range(count) for family in (4, 6)]
    return {session: session.ask() for session in sessions}


def assert_stays(where: dict[Session, str], times=3):
    for session, name in where.items():
        assert [session.ask() for _ in range(times)] == [name] * times, session.jar.read_text()


def stays_while_b2_is_drained(lab, daemon, folder, page: str) -> dict[Session, str]:
    """Sessions on all backends, one of which is drained, from now on."""
    where = begin(lab, folder, page, 3)
    assert set(where.values()) == set(lab.names)
    assert_stays(where)
    daemon.ctl("backend", "drain", "web/b2")
    assert_stays(where)
    return where


def test_a_route_in_the_cookie_leads_back_also_while_its_backend_is_drained(lab, daemon, tmp_path):
    where = stays_while_b2_is_drained(lab, daemon, tmp_path, "/servlet/name")
    assert "b2" not in begin(lab, tmp_path, "/servlet/name", 3, "drained").values()
    daemon.ctl("backend", "enable", "web/b2")
    assert_stays(where)
    assert "b2" in begin(lab, tmp_path, "/servlet/name", 3, "back").values()
    assert daemon.counters()["token_hit"] == len(where) * 9
    assert daemon.json("show", "records") == []
    assert daemon.moves() == []


def test_a_plain_cookie_is_learnt_as_it_is_set(lab, daemon, tmp_path):
    where = stays_while_b2_is_drained(lab, daemon, tmp_path, "/plain/name")
    daemon.ctl("backend", "enable", "web/b2")
    assert_stays(where)
    assert daemon.counters()["record_learned"] == len(where)
    assert daemon.moves() == []
