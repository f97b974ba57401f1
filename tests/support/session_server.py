"""A server whose sessions live in its memory, and who refuses all others. Usage: session_server.py NAME PORT

/mcp: Streamable HTTP of the Model Context Protocol: `initialize` gives a session id in the header Mcp-Session-Id, later
requests carry it (404 where it is not known). /socket.io/: Engine.IO, version 4: a handshake by polling gives a session
id, `sid` in the addresses of what follows, which is polling and, on a connection of its own, a WebSocket (RFC 6455).
Session ids of Engine.IO end in the server's name. Answers tell the name."""

import base64
import hashlib
import http.server
import json
import socket
import sys
import urllib.parse
import uuid

NAME = sys.argv[1]
KNOWN: set[str] = set()
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def make_session(ending="") -> str:
    session = uuid.uuid4().hex + ending
    KNOWN.add(session)
    return session


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, text: str, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def sid(self) -> str | None:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("sid", [None])[0]

    def do_POST(self):
        said = self.body()
        if self.path.startswith("/mcp"):
            return self.mcp(json.loads(said))
        self.answer("ok" if self.sid() in KNOWN else "unknown", 200 if self.sid() in KNOWN else 400)

    def mcp(self, said: dict):
        if said["method"] == "initialize":
            return self.answer(json.dumps({"id": said["id"], "result": NAME}), Mcp_Session_Id=make_session())
        known = self.headers.get("Mcp-Session-Id") in KNOWN
        self.answer(json.dumps({"id": said["id"], "result": NAME}) if known else "{}", 200 if known else 404)

    def do_GET(self):
        if not self.path.startswith("/socket.io/"):
            return self.answer(NAME)
        sid = self.sid()
        if sid is None:
            session = make_session(f".{NAME}")
            return self.answer("0" + json.dumps({"sid": session, "upgrades": ["websocket"], "name": NAME}))
        if sid not in KNOWN:
            return self.answer("unknown", 400)
        if self.headers.get("Upgrade", "").lower() != "websocket":
            return self.answer(f"4{NAME}")
        return self.websocket()

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101, "Switching Protocols")
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + GUID).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while (said := self.read_frame()) is not None:
            text = b"3probe" if said == b"2probe" else b"4" + NAME.encode()
            self.wfile.write(bytes([0x81, len(text)]) + text)

    def read_frame(self) -> bytes | None:
        """Of a short masked text frame, what it says; None for any other."""
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] != 0x81:
            return None
        mask = self.rfile.read(4)
        return bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(head[1] & 0x7f)))


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


if __name__ == "__main__":
    Server(("::", int(sys.argv[2])), Handler).serve_forever()
