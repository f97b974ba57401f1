"""The examples of docs/persistence.md about what clients say, taken from the page and put into one running limpetd: who
shows the same key reaches the same backend from any address, others are spread, and `limpetctl why` says it before."""

import re
import shlex
import socket
import struct
import threading
import tomllib

import pytest
from support.lab import Lab, backend4, backend6, client4, client6, merged
from support.programs import ROOT
from test_rdp import request

PAGE = (ROOT / "docs/persistence.md").read_text()
PARSED = [tomllib.loads(text) for text in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
FRAGMENTS = [parsed for parsed in PARSED if "ports" not in parsed]  # the others are whole files
PROFILES = {name: row for parsed in FRAGMENTS for name, row in parsed.get("profiles", {}).items()}
WHY = [shlex.split(line) for line in re.findall(r"(?:^ {4}|`)limpetctl why ([^`\n]*)", PAGE, re.MULTILINE)
       if "..." not in line]
L4_PORTS = {"tls": 443, "rdp": 3389, "mqtt": 1883, "universal": 5060}  # others: HTTP
HTTP_PORT = 8080
HTTP = """
server {{
  listen {address};
  location / {{ add_header Set-Cookie "JSESSIONID=$request_id; Path=/";
    add_header Set-Cookie "SRV=0000000000000000000000000000; Path=/"; return 200 "{name}\\n"; }}
}}
"""

# Profile -> what limpetctl why and a client call it, and the key: the same in each turn, from another address.
KEYED = {
    "agent": ("--header", "Mcp-Session-Id={key}"),
    "basket": ("--cookie", "BASKET={key}"),
    "session": ("--cookie", "JSESSIONID={key}"),
    "bearer": ("--header", "Authorization=Bearer {key}"),
    "tenant": ("--path", "/v{turn}/{key}/orders"),
    "shard": ("--path", "/v1/{key}/orders/{turn}"),
    "room": ("--url-param", "room={key}"),
    "site": ("--host", "{any_case}.example.org"),
    "visitor": ("--forwarded-for", "198.18.{number}.{turn}"),
    "name": ("--sni", "{any_case}.example.org"),
    "user": ("--rdp", "{any_case}"),
    "device": ("--mqtt", "{key}"),
    "call": ("--universal", "{key}@example.org"),
}
NAMING = {
    "route": ("--cookie", "SERVER=x{turn}.{backend}"),
    "engine": ("--url-param", "sid=x{turn}.{backend}"),
    "ticket": ("--ticket", "1.{backend}"),
    "broker": ("--msts", "{address}:3389"),
}
ANSWERED = ("session", "lb", "marked")


def http(path="/", host="web.example", *fields: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "Connection: close"]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def hello(extension: int, data: bytes) -> bytes:
    """TLS 1.2, one suite, one extension."""
    extensions = struct.pack(">HH", extension, len(data)) + data
    said = b"\3\3" + bytes(32) + b"\0" + b"\0\2\xc0\x2f" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    return struct.pack(">BHHBBH", 22, 0x0301, len(said) + 4, 1, 0, len(said)) + said


def server_name(name: str) -> bytes:
    return hello(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name.encode())


def token(endpoint: str) -> str:
    address, port = endpoint.split(":")
    return f"msts={int.from_bytes(socket.inet_aton(address), 'little')}.{socket.htons(int(port))}.0000"


def mqtt(name: str) -> bytes:
    said = b"\0\4MQTT\4\2\0\x3c" + struct.pack(">H", len(name)) + name.encode()
    return bytes([0x10, len(said)]) + said


SAYINGS = {
    "": lambda text: http(),
    "--cookie": lambda text: http("/", "web.example", f"Cookie: other=1; {text}"),
    "--header": lambda text: http("/", "web.example", text.replace("=", ": ", 1)),
    "--url-param": lambda text: http(f"/join?other=1&{text}"),
    "--path": lambda text: http(f"{text}?other=1"),
    "--host": lambda text: http("/", f"{text}:80"),
    "--forwarded-for": lambda text: http("/", "web.example", f"X-Forwarded-For: 203.0.113.99, {text}"),
    "--sni": server_name,
    "--ticket": lambda text: hello(35, text.encode().ljust(16, b"\0") + bytes(range(100))),
    "--rdp": lambda text: request(f"mstshash={text}"),
    "--msts": lambda text: request(token(text)),
    "--mqtt": mqtt,
    "--universal": lambda text: f"INVITE anna\r\nVia: here\r\nCall-ID: {text}\r\n\r\n".encode(),
}


def l4_port_of(profile: dict) -> int:
    return next((port for start, port in L4_PORTS.items() if profile["type"].startswith(start)), HTTP_PORT)


def services() -> dict:
    """The page's, and one with the profile's name for each other that reads what clients say."""
    made = merged({}, {name: row for parsed in FRAGMENTS for name, row in parsed.get("services", {}).items()})
    asked = {name for row in made.values() for name in row["persist"]}
    for number, (name, profile) in enumerate((name, profile) for name, profile in PROFILES.items() if name not in asked):
        port = l4_port_of(profile)
        made[name] = {"listen": [f"192.0.2.{150 + number}:{port}/tcp", f"[2001:db8:1::{150 + number}]:{port}/tcp"],
                      "pool": "web", "persist": [name]}
    return made


def serve(namespace, l4_port: int, name: str, named: dict[str, str]):
    """A server that says its name, or that of the address asked, to whoever says anything."""
    def answer(listener: socket.socket):
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(65536):
                    address = connection.getsockname()[0].removeprefix("::ffff:")
                    connection.sendall(named.get(address, name).encode())

    with namespace.inside():
        listener = socket.create_server(("::", l4_port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    threading.Thread(target=answer, args=[listener], daemon=True).start()


def add_servers(lab):
    """Those of the pool `web`, and on their hosts the page's others."""
    others = {name: row["address"].split(":")[0] for parsed in FRAGMENTS for pool in parsed.get("pools", {}).values()
              for name, row in pool["backends"].items()}
    for i, name in enumerate(lab.names):
        here = dict(list(others.items())[i::len(lab.names)])
        for address in here.values():
            lab.namespaces[name].address("eth0", f"{address}/24")
        lab.nginx[name].add("".join(HTTP.format(address=address, name=name) for name, address in
                                    [(name, f"{HTTP_PORT}"), (name, f"[::]:{HTTP_PORT} ipv6only=on"), *here.items()]))
        for l4_port in L4_PORTS.values():
            serve(lab.namespaces[name], l4_port, name, {address: name for name, address in here.items()})


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=3) as made:
        add_servers(made)
        for client in {words[words.index("--client") + 1] for words in WHY}:
            made.namespaces["client"].address("eth0", f"{client}/32")
        config = made.config(ports={"front": {"routes": [{"to": "203.0.113.0/24", "via": client4(0)}]}})
        config["pools"]["web"] = {"backends": {name: {"address": [backend4(i), backend6(i)]}
                                               for i, name in enumerate(made.names)}}
        for fragment in FRAGMENTS:
            config = merged(config, fragment)
        made.start_limpetd(merged(config, {"services": services()}))
        yield made
        assert made.limpetd.moves() == []
        assert made.limpetd.stop() == 0


def service_of(profile: str) -> str:
    return next(name for name, row in services().items() if profile in row["persist"])


def listens(lab, service: str) -> list[str]:
    listen = lab.limpetd.config["services"][service]["listen"]
    return listen if isinstance(listen, list) else [listen]


def connect(lab, source: str, service: str, said: bytes) -> str:
    """All that the server answers to these words."""
    listen = next(listen for listen in listens(lab, service) if listen.startswith("[") == (":" in source))
    address, l4_port = listen.removesuffix("/tcp").rsplit(":", 1)
    with lab.namespaces["client"].inside():
        connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    with connection:
        connection.settimeout(20)
        connection.bind((source, 0))
        connection.connect((address.strip("[]"), int(l4_port)))
        connection.sendall(said)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def name_in(answer: str) -> str:
    """The server's: the body of HTTP, or all there is."""
    return answer.split("\r\n\r\n")[-1].strip()


def reach(lab, source: str, service: str, option: str, text: str) -> str:
    return name_in(connect(lab, source, service, SAYINGS[option](text)))


def sources(lab, profile: str) -> list[str]:
    """Of both families, where the service has both; proxies that are trusted are of one."""
    v6 = len(listens(lab, service_of(profile))) > 1 and PROFILES[profile]["type"] != "x_forwarded_for"
    return [client4(0), client4(1), client6(2) if v6 else client4(2)]


def test_each_key_has_its_example():
    """As the page's table of types has them."""
    types = re.findall(r"^\| `([a-z_]+)`", PAGE.split("\n## Choosing a profile")[1].split("| option |")[0], re.MULTILINE)
    content = set(types[types.index("cookie"):]) - {"none"}
    elsewhere = ["resumed"]  # test_tls_session_ids.py: only TLS servers give such keys
    assert content == {PROFILES[name]["type"] for name in [*KEYED, *NAMING, *ANSWERED, *elsewhere]}
    cookies = {row.get("by", "record") for row in PROFILES.values() if row["type"] == "cookie"}
    assert cookies == {"record", "route", "hash", "rewrite", "insert"}
    for type_, option in (("header", "part"), ("path", "part"), ("path", "prefix_bytes")):
        assert any(option in PROFILES[name] for name in KEYED if PROFILES[name]["type"] == type_), (type_, option)


@pytest.mark.parametrize("profile", KEYED)
def test_a_key_leads_to_its_backend_from_any_address(lab, profile):
    service, (option, pattern) = service_of(profile), KEYED[profile]
    where: dict[int, str] = {}
    for turn, source in enumerate(sources(lab, profile), 1):
        for number in range(12):
            key = f"ke{number:02}"
            text = pattern.format(key=key, any_case=key if turn == 1 else key.upper(), number=number, turn=turn)
            name = reach(lab, source, service, option, text)
            assert name in lab.names and where.setdefault(number, name) == name, text
    assert len(set(where.values())) > 1, "one client with several keys"
    kept = [row for row in lab.limpetd.json("show", "records", "--service", service, "--profile", profile)]
    assert len(kept) >= (12 if PROFILES[profile].get("by", "record") == "record" else 0)
    assert kept == [] or PROFILES[profile].get("by") != "hash"


@pytest.mark.parametrize("profile", NAMING)
def test_who_names_a_backend_gets_it(lab, profile):
    service, (option, pattern) = service_of(profile), NAMING[profile]
    for turn, source in enumerate(sources(lab, profile), 1):
        for i, name in enumerate(lab.names):
            assert reach(lab, source, service, option, pattern.format(backend=name, address=backend4(i), turn=turn)) == name
    assert lab.limpetd.json("show", "records", "--service", service, "--profile", profile) == []


@pytest.mark.parametrize("profile", ANSWERED)
def test_what_a_server_answers_leads_back(lab, profile):
    cookie = re.compile(rf"^Set-Cookie: ({PROFILES[profile]['name']}=[^;\r]+)", re.MULTILINE)
    seen = set()
    for number in range(12):
        first = client4(number % 3) if number % 2 else client6(number % 3)
        answer = connect(lab, first, profile, http())
        for source in sources(lab, profile):
            assert reach(lab, source, profile, "--cookie", cookie.search(answer)[1]) == name_in(answer)
        seen.add(name_in(answer))
    assert len(seen) > 1


@pytest.mark.parametrize("option, text, pool", [
    ("--host", "API.example.org", ["a1"]), ("--host", "v7.example.org", ["a1"]), ("--path", "/static/logo.png", ["f1"]),
    ("--sni", "www.example.com", ["s1"]), ("--host", "www.example.org", ["b1", "b2", "b3"]),
    ("--path", "/elsewhere/static/", ["b1", "b2", "b3"])])
def test_routes_lead_to_their_pool(lab, option, text, pool):
    for source in (client4(i) for i in range(3)):
        names = {reach(lab, source, "shop", option, text) for _ in range(4)}
        assert len(names) == 1 and names <= set(pool), "a client is one session"


@pytest.mark.parametrize("words", WHY, ids=" ".join)
def test_why_says_what_a_connection_then_meets(lab, words):
    said = {words[i]: words[i + 1] for i in range(0, len(words), 2)}
    service, source = said.pop("--service"), said.pop("--client")
    option, text = said.popitem() if said else ("", "")
    assert not said, "each shows one thing"
    told = lab.limpetd.json("why", *words)
    pool, backend = told["backend"].split("/")
    assert f"{pool}/{backend}" in lab.limpetd.ctl("why", *words).stdout
    assert reach(lab, source, service, option, text) == backend
    by = "record" if told["profile"] == "client" else PROFILES[told["profile"]].get("by", "record")
    after = lab.limpetd.json("why", *words)
    assert after["backend"] == told["backend"] and after["key"] == told["key"]
    assert after["step"] == {"record": "record", "route": "token", "hash": "algorithm"}[by], "the same key, seen in real words"
