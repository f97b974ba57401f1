"""TLS 1.2 without tickets, not ended by Limpet: clients that resume sessions by id come back to the one backend whose
cache has them, which takes them up. The random ids of TLS 1.3 leave nothing behind."""

import re
import subprocess

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6
from support.served import Served

PORT = 443
CLIENTS = 8
NGINX = """
server {{
  listen 443 ssl;
  listen [::]:443 ssl ipv6only=on;
  ssl_certificate {folder}/certificate.pem;
  ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_tickets off;
  ssl_session_cache shared:tls:1m;
  location = /name {{ return 200 "{name}\\n"; }}
}}
"""


def make_keys(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=web.example",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"], check=True, capture_output=True)


def openssl_server(namespace, name: str, folder) -> Served:
    """It takes one connection after the other, and gives out the files of its folder."""
    (folder / "name").write_text(f"{name}\n")
    words = ["env", f"--chdir={folder}", "openssl", "s_server", "-accept", str(PORT), "-key", "key.pem", "-cert",
             "certificate.pem", "-WWW", "-no_ticket", "-num_tickets", "0"]
    return Served(namespace, words, folder / "s_server.log", PORT)


@pytest.fixture(scope="module", params=["openssl", "nginx"])
def lab(request):
    forwarding = {"openssl": {"forwarding": "nat"}, "nginx": {"forwarding": "full_nat", "one_arm": True}}
    with Lab(clients=CLIENTS, **forwarding[request.param]) as made:
        servers = []
        try:
            for name, nginx in made.nginx.items():
                make_keys(nginx.folder)
                if request.param == "nginx":
                    nginx.add(NGINX.format(folder=nginx.folder, name=name))
                else:
                    servers.append(openssl_server(made.namespaces[name], name, nginx.folder))
                    servers[-1].start()
            made.start_limpetd(config_of(made))
            yield made
        finally:
            for server in servers:
                server.stop()


def config_of(made) -> dict:
    config = made.config(profiles={"session": {"type": "tls_session_id"}})
    config["pools"]["web"] |= {
        "backends": {name: {"address": [f"{backend4(i)}:{PORT}", f"[{backend6(i)}]:{PORT}"]}
                     for i, name in enumerate(made.names)},
        "monitor": {"type": "http", "path": "/health", "l4_port": 80, "interval": "300ms", "timeout": "250ms"}}
    config["services"]["web"] |= {"listen": [f"{VIP4}:{PORT}/tcp", f"[{VIP6}]:{PORT}/tcp"],
                                  "persist": ["session", "client"]}
    return config


def ask(lab, source: str, *options) -> tuple[str, bool]:
    """Which backend answers, and whether the session was resumed, as openssl has it."""
    host = f"[{VIP6}]" if ":" in source else VIP4
    bind = f"[{source}]" if ":" in source else source
    done = lab.namespaces["client"].run(
        "openssl", "s_client", "-connect", f"{host}:{PORT}", "-bind", f"{bind}:0", "-servername", "web.example",
        "-ign_eof", *options, input="GET /name HTTP/1.0\r\n\r\n", timeout_s=10)
    how = re.findall("^(New|Reused), ", done.stdout, re.MULTILINE)
    assert how, done.stdout
    return re.findall(r"^(b\d)\r?$", done.stdout, re.MULTILINE)[0], how[0] == "Reused"


def source(family: int, number: int) -> str:
    return (client4 if family == 4 else client6)(number % CLIENTS)


def sessions_of(lab) -> int:
    """Records by session id."""
    return sum(row["scope"].startswith("session of ") for row in lab.limpetd.json("show", "records"))


def counts(lab) -> dict:
    return next(row for row in lab.limpetd.json("show", "profiles") if row["name"] == "session")


@pytest.mark.parametrize("family", [4, 6])
def test_resumed_sessions_return(lab, tmp_path, family):
    before = counts(lab)
    first = {}
    for i in range(CLIENTS):
        name, reused = ask(lab, source(family, i), "-tls1_2", "-no_ticket", "-sess_out", tmp_path / f"{i}")
        assert not reused
        first[i] = name
    assert len(set(first.values())) > 1
    assert counts(lab)["learned"] == before["learned"] + CLIENTS
    for turn in (1, 3):
        for i in range(CLIENTS):  # it has moved
            assert ask(lab, source(family, i + turn), "-tls1_2", "-no_ticket", "-sess_in", tmp_path / f"{i}") == \
                (first[i], True)
    after = counts(lab)
    assert after["record_hit"] == before["record_hit"] + 2 * CLIENTS
    assert after["learned"] == before["learned"] + CLIENTS
    assert lab.limpetd.moves() == []


@pytest.mark.parametrize("family", [4, 6])
def test_tls13_leaves_no_record(lab, family):
    """Its clients show a random id each time; the next profile decides, by address."""
    sessions, before = sessions_of(lab), counts(lab)
    for i in range(CLIENTS):
        names = {ask(lab, source(family, i), "-tls1_3")[0] for _ in range(3)}
        assert len(names) == 1
    assert sessions_of(lab) == sessions
    after = counts(lab)
    assert after["backup"] == before["backup"] + 3 * CLIENTS
    assert (after["learned"], after["record_hit"]) == (before["learned"], before["record_hit"])


def test_why_tells_where_an_id_leads(lab, tmp_path):
    name, _ = ask(lab, source(4, 0), "-tls1_2", "-no_ticket", "-sess_out", tmp_path / "session")
    text = subprocess.run(["openssl", "sess_id", "-in", tmp_path / "session", "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    session = re.search("Session-ID: ([0-9A-F]{64})", text).group(1)
    known = lab.limpetd.json("why", "--service", "web", "--client", source(4, 1), "--session-id", session)
    assert (known["profile"], known["step"], known["backend"]) == ("session", "record", f"web/{name}")
    unknown = lab.limpetd.json("why", "--service", "web", "--client", source(4, 1), "--session-id", "00" * 32)
    assert unknown["profile"] == "client"
    assert unknown["passed_over"][0]["profile"] == "session"
