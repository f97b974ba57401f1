"""Session ids that servers hand out in a header or that stand in the address: agents' (MCP), and Engine.IO's from long
polling to the WebSocket. Servers refuse sessions that are another's. Addresses change, connections are many."""

import base64
import hashlib
import json
import os
import socket

import pytest
from support.lab import VIP4, VIP6, Lab, client4, client6
from support.programs import ROOT
from support.served import Served

PORT = 8000
PROFILES = {"agent": {"type": "header", "name": "Mcp-Session-Id"},
            "engine": {"type": "url_param", "name": "sid", "by": "route", "delimiter": "."}}


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=4, **either_nat) as made:
        servers = [Served(made.namespaces[name], ["/usr/bin/python3", ROOT / "tests/support/session_server.py", name, PORT],
                          made.folder / f"sessions-{name}.log", PORT) for name in made.names]
        try:
            for server in servers:
                server.start()
            made.start_limpetd(made.config_in_turn(PORT, {"type": "http", "path": "/"}, profiles=PROFILES,
                                                   services={"web": {"persist": ["agent", "engine"]}}))
            yield made
        finally:
            for server in servers:
                server.stop()


def source(family: int, number: int) -> str:
    return (client4 if family == 4 else client6)(number % 4)


def call(lab, client: str, method: str, *headers: str) -> tuple[str, str]:
    """An agent's request on a connection of its own: who answered, and the session id in the response."""
    options = [word for header in headers for word in ("-H", header)]
    text = lab.curl(client, "/mcp", options=("-i", *options, "--data", json.dumps({"id": 1, "method": method})))
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 "), text
    ids = [line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("mcp-session-id: ")]
    return json.loads(body)["result"], ids[0] if ids else ""


@pytest.mark.parametrize("family", [4, 6])
def test_an_agent_returns_to_the_server_that_gave_it_its_session(lab, family):
    """The response is looked at: no request has shown this id yet when the second one comes."""
    sessions = [call(lab, source(family, i), "initialize") for i in range(6)]
    assert len({name for name, _ in sessions}) > 1
    for turn in range(3):
        for i, (name, session) in enumerate(sessions):
            assert call(lab, source(family, i + turn), "tools/list", f"Mcp-Session-Id: {session}")[0] == name
    assert lab.limpetd.moves() == []


def poll(lab, client: str, query="", *options: str) -> str:
    return lab.curl(client, f"/socket.io/?EIO=4&transport=polling{query}", options=options)


def websocket(lab, client: str, sid: str) -> socket.socket:
    with lab.namespaces["client"].inside():
        connection = socket.socket(socket.AF_INET6 if ":" in client else socket.AF_INET)
    connection.settimeout(20)
    connection.bind((client, 0))
    connection.connect((VIP6 if ":" in client else VIP4, 80))
    key = base64.b64encode(os.urandom(16))
    connection.sendall(f"GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: web.example\r\n"
                       f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       f"Sec-WebSocket-Key: {key.decode()}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: " + accept in head, head
    return connection


def tell(connection: socket.socket, text: bytes) -> bytes:
    """A text frame, masked, and the text of the answer."""
    mask = os.urandom(4)
    connection.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text)))
    head = connection.recv(2, socket.MSG_WAITALL)
    return connection.recv(head[1], socket.MSG_WAITALL)


@pytest.mark.parametrize("family", [4, 6])
def test_long_polling_and_the_websocket_meet_at_one_server(lab, family):
    names = set()
    for i in range(4):
        opened = json.loads(poll(lab, source(family, i))[1:])
        name, sid = opened["name"], opened["sid"]
        names.add(name)
        assert poll(lab, source(family, i + 1), f"&sid={sid}") == f"4{name}"
        assert poll(lab, source(family, i + 2), f"&sid={sid}", "--data", "40") == "ok"
        with websocket(lab, source(family, i + 3), sid) as connection:
            assert tell(connection, b"2probe") == b"3probe"
            assert tell(connection, b"4hello") == f"4{name}".encode()
    assert len(names) > 1
    assert lab.limpetd.moves() == []
