"""HTTP connections that stay open, in one process, which runs in the clients' namespace.

Started as a program it opens one connection from each SOURCE address to VIP and, for each line on its standard input,
sends one request on every connection at once and prints {source: [answer, ms]} as one line of JSON; an answer is null
when the connection broke or nothing came in time. A line `watch SECONDS` asks again and again for that time and prints
{"longest_ms": the longest time to an answer, "asked": requests, "broken": how many connections broke}."""

import json
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT_S = 20


class Client:
    """Drives the program in a namespace; a context manager."""

    def __init__(self, namespace, sources: list[str], vips: dict[int, str]):
        pairs = [f"{source}={vips[6 if ':' in source else 4]}" for source in sources]
        self.process = namespace.popen("/usr/bin/python3", Path(__file__).resolve(), *pairs, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(timeout=TIMEOUT_S)
        self.process.stdout.close()

    def say(self, line: str):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def ask(self) -> dict[str, str | None]:
        """source -> the name of the backend that answered, over the connection opened first."""
        self.say("ask")
        return {source: answer for source, (answer, _) in self.hear().items()}


class Connection:
    def __init__(self, source: str, vip: str):
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind((source, 0))
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((vip, 80))
        self.source = source

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self):
        self.data, self.sent = b"", time.monotonic()
        try:
            self.socket.sendall(b"GET / HTTP/1.1\r\nHost: limpet\r\n\r\n")
        except OSError:
            pass  # take() sees it as well

    def take(self):
        """The answer, None when it is not whole yet, "" when the connection broke."""
        try:
            chunk = self.socket.recv(65536)
        except OSError:
            chunk = b""
        if not chunk:
            return ""
        self.data += chunk
        head, end, body = self.data.partition(b"\r\n\r\n")
        size = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if not end or len(body) < size[0]:
            return None
        return body.decode().strip()


def ask_all(connections) -> dict:
    answers = {connection.source: [None, TIMEOUT_S * 1000] for connection in connections}
    for connection in connections:
        connection.send()
    waiting, deadline = list(connections), time.monotonic() + TIMEOUT_S
    while waiting and time.monotonic() < deadline:
        for connection in select.select(waiting, [], [], 0.5)[0]:
            answer = connection.take()
            if answer is not None:
                answers[connection.source] = [answer or None, (time.monotonic() - connection.sent) * 1000]
                waiting.remove(connection)
    return answers


def watch(connections, seconds: float) -> dict:
    longest, asked, broken = 0.0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answers = ask_all(connections).values()
        asked += len(answers)
        broken += sum(answer is None for answer, _ in answers)
        longest = max([longest] + [ms for _, ms in answers])
    return {"longest_ms": longest, "asked": asked, "broken": broken}


def main():
    connections = [Connection(*pair.split("=")) for pair in sys.argv[1:]]
    for line in sys.stdin:
        words = line.split()
        done = watch(connections, float(words[1])) if words[0] == "watch" else ask_all(connections)
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
