"""A real server in the foreground of a namespace: started, waited for until it takes connections, and ended."""

import socket
import subprocess
import time
from pathlib import Path

from support.netns import end


class Served:
    """`words` run it; its output goes to `log`. Use as a context manager, or start() and stop()."""

    def __init__(self, namespace, words: list, log: Path, l4_port: int, *, environment: dict | None = None):
        self.namespace, self.words, self.log, self.l4_port = namespace, words, log, l4_port
        self.environment = environment
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def start(self, timeout_s=20):
        self.process = self.namespace.popen(*self.words, stdin=subprocess.DEVNULL, stdout=self.log.open("a"),
                                            stderr=subprocess.STDOUT, env=self.environment)
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.words[0]} does not answer: {self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def answers(self) -> bool:
        with self.namespace.inside():
            probe = socket.socket()
        with probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.l4_port)) == 0

    def stop(self):
        if self.process is not None:
            end(self.process)
            self.process = None
