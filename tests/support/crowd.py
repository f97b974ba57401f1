"""Many client addresses at once: each keeps one connection open and asks on it, and makes short ones beside it. Who
answered whom, and which connections broke, is written down."""

import asyncio
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from support.lab import VIP4, VIP6
from support.netns import Namespace

PATIENCE_S = 15  # of one request, unless told: longer than TCP's first retransmissions


@dataclass
class Seen:
    """What one client address has seen since the last `Crowd.turn_page`."""

    short: list[str] = field(default_factory=list)     # backends, in order of connections
    kept: list[str] = field(default_factory=list)      # backends that answered on the kept connection
    failed: list[str] = field(default_factory=list)    # short connections without an answer: why
    broken: list[str] = field(default_factory=list)    # kept connections that broke: the backend they were to


class Crowd:
    """Use as a context manager: asks go on inside. A thread of its own lives in the clients' namespace."""

    def __init__(self, namespace: Namespace, sources: list[str], *, every_s=1.0, patience_s=PATIENCE_S):
        self.namespace, self.sources, self.every_s, self.patience_s = namespace, sources, every_s, patience_s
        self.page: dict[str, Seen] = defaultdict(Seen)
        self.loop = asyncio.new_event_loop()
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stopping = True
        self.thread.join(timeout=self.patience_s + 5)

    def turn_page(self) -> dict[str, Seen]:
        """What was seen up to now; a new page begins."""
        done: dict[str, Seen] = {}

        async def turn():
            done.update(self.page)
            self.page = defaultdict(Seen)

        asyncio.run_coroutine_threadsafe(turn(), self.loop).result(timeout=10)
        return done

    def wait_rounds(self, count: int, timeout_s=40):
        """Until every client has had `count` answers of each kind on this page; all that they reached by then counts."""
        deadline = time.monotonic() + timeout_s
        behind = self.sources
        while behind and time.monotonic() < deadline:
            time.sleep(0.1)
            behind = [source for source in self.sources
                      if min(len(self.page[source].short), len(self.page[source].kept)) < count]
        assert not behind, f"{len(behind)} clients without {count} answers: {[(s, self.page[s]) for s in behind[:5]]}"

    # the thread

    def run(self):
        with self.namespace.inside():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(self.everyone())

    async def everyone(self):
        tasks = []
        for number, source in enumerate(self.sources):
            offset_s = self.every_s * number / len(self.sources)
            tasks += [self.keep(source, offset_s), self.make_short(source, offset_s + self.every_s / 2)]
        await asyncio.gather(*tasks)

    async def make_short(self, source: str, offset_s: float):
        await asyncio.sleep(offset_s)
        while not self.stopping:
            try:
                stream = await connect(source, self.patience_s)
                try:
                    self.page[source].short.append(await ask(*stream, "close", self.patience_s))
                finally:
                    stream[1].close()
            except (OSError, EOFError, TimeoutError, asyncio.TimeoutError) as error:
                self.page[source].failed.append(repr(error))
            await asyncio.sleep(self.every_s)

    async def keep(self, source: str, offset_s: float):
        await asyncio.sleep(offset_s)
        while not self.stopping:
            name = ""
            try:
                stream = await connect(source, self.patience_s)
                try:
                    while not self.stopping:
                        name = await ask(*stream, "keep-alive", self.patience_s)
                        self.page[source].kept.append(name)
                        await asyncio.sleep(self.every_s)
                finally:
                    stream[1].close()
            except (OSError, EOFError, TimeoutError, asyncio.TimeoutError):
                self.page[source].broken.append(name)
                await asyncio.sleep(self.every_s / 2)


async def connect(source: str, patience_s: float):
    vip = VIP6 if ":" in source else VIP4
    return await asyncio.wait_for(asyncio.open_connection(vip, 80, local_addr=(source, 0)), patience_s)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: str, patience_s: float) -> str:
    """The answer's text, which is the backend's name."""
    writer.write(f"GET / HTTP/1.1\r\nHost: limpet\r\nConnection: {connection}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience_s)
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return (await asyncio.wait_for(reader.readexactly(length), patience_s)).decode().strip()


def ask_together(namespace: Namespace, sources: list[str], count: int, *, patience_s: float) -> dict[str, list[str]]:
    """`count` connections of each source at the same instant: source -> the backends that answered."""
    async def once(source):
        stream = await connect(source, patience_s)
        try:
            return await ask(*stream, "close", patience_s)
        finally:
            stream[1].close()

    async def everyone():
        names = await asyncio.gather(*(once(source) for source in sources for _ in range(count)))
        return {source: names[i * count:(i + 1) * count] for i, source in enumerate(sources)}

    with namespace.inside():
        return asyncio.run(everyone())
