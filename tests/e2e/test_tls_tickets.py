"""TLS that Limpet does not end: clients that resume their sessions come back to the backend that has them."""

import re
import subprocess

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6
from support.programs import ROOT

TLS = """
server {{
  listen 443 ssl;
  listen [::]:443 ssl ipv6only=on;
  ssl_certificate {folder}/certificate.pem;
  ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache off;
  ssl_session_ticket_key {folder}/ticket.key;
  location / {{ return 200 "{name}\\n"; }}
}}
"""
PROFILES = {"ticket": {"type": "tls_ticket", "by": "route"}, "name": {"type": "tls_sni"}}


def make_tls(nginx):
    folder = nginx.folder
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=web.example",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"], check=True, capture_output=True)
    with (folder / "ticket.key").open("wb") as file:
        subprocess.run([ROOT / "scripts/ticket-key", nginx.name], check=True, stdout=file)
    nginx.add(TLS.format(folder=folder, name=nginx.name))


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=8) as made:
        for nginx in made.nginx.values():
            make_tls(nginx)
        config = made.config(profiles=PROFILES)
        config["pools"]["web"] |= {
            "backends": {name: {"address": [f"{backend4(i)}:443", f"[{backend6(i)}]:443"]}
                         for i, name in enumerate(made.names)},
            "monitor": {"type": "http", "path": "/health", "l4_port": 80, "interval": "300ms", "timeout": "250ms"}}
        config["services"]["web"] |= {"listen": [f"{VIP4}:443/tcp", f"[{VIP6}]:443/tcp"], "persist": ["ticket"]}
        made.start_limpetd(config)
        yield made


def ask(lab, source: str, *options) -> tuple[str, bool]:
    """Which backend answers, and whether the session was resumed."""
    host = f"[{VIP6}]" if ":" in source else VIP4
    bind = f"[{source}]" if ":" in source else source
    done = lab.namespaces["client"].run(
        "openssl", "s_client", "-connect", f"{host}:443", "-bind", f"{bind}:0", "-servername", "web.example", "-ign_eof",
        *options, input="GET / HTTP/1.0\r\n\r\n", timeout_s=10)
    return re.findall(r"^(b\d)$", done.stdout, re.MULTILINE)[0], re.search("^Reused, ", done.stdout, re.MULTILINE) is not None


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("family", [4, 6])
def test_resumed_sessions_return(lab, tmp_path, version, family):
    clients = [client4(i) if family == 4 else client6(i) for i in range(8)]
    first = {}
    for source in clients:
        name, reused = ask(lab, source, version, "-sess_out", tmp_path / f"{source}")
        assert not reused
        first[source] = name
    assert len(set(first.values())) > 1
    before = lab.limpetd.counters()["token_hit"] if lab.limpetd.counters().get("token_hit") else 0
    for i, source in enumerate(clients):
        elsewhere = clients[(i + 3) % len(clients)]  # a client that has moved
        assert ask(lab, elsewhere, version, "-sess_in", tmp_path / f"{source}") == (first[source], True)
    assert lab.limpetd.counters()["token_hit"] == before + len(clients)
    assert lab.limpetd.counters().get("drop_no_syn_cookie", 0) == 0


def test_names_are_remembered(lab):
    """By server name: all that ask for one site are on one backend."""
    config = lab.limpetd.config | {}
    config["services"]["web"]["persist"] = ["name"]
    lab.limpetd.apply(config)
    seen = {ask(lab, client4(i))[0] for i in range(8)}
    assert len(seen) == 1
