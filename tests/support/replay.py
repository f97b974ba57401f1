"""limpet-replay on captures made here: frames in, frames and numbers out."""

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from scapy.packet import Packet
from scapy.utils import PcapWriter, rdpcap
from support import packets, toml_text
from support.lab import backend4, backend6, merged
from support.programs import ROOT, program, run

START_S = 1_600_000_000  # capture time of the first frame
STEP_NS = 1_000_000      # between frames that do not say when

VIP4, VIP6 = "192.0.2.10", "2001:db8:1::10"
ADDRESSES4 = {f"b{i + 1}": backend4(i) for i in range(4)}
ADDRESSES6 = {f"b{i + 1}": backend6(i) for i in range(4)}
BACKEND_OF_MAC = {mac: name for name, mac in packets.BACKEND_MACS.items()}
NAMES = {address: name for table in (ADDRESSES4, ADDRESSES6) for name, address in table.items()}


def drop_names() -> list[str]:
    """Names of the counters that end a packet, from the one list of counters."""
    text = (ROOT / "lib/counters/counters.def").read_text()
    return [f"drop_{name}" for name in re.findall(r"^LIMPET_DROP\((\w+)", text, re.MULTILINE)]


@dataclass
class Scenario:
    """What arrives where and when. Times are seconds from the first frame; without one, a millisecond later."""

    frames: dict[str, list[tuple[int, bytes]]] = field(default_factory=lambda: {"front": [], "back": []})
    now_ns: int = 0

    def add(self, port: str, packet: Packet | bytes, at_s: float | None = None):
        self.now_ns = self.now_ns + STEP_NS if at_s is None else int(at_s * 1e9)
        self.frames[port].append((self.now_ns, bytes(packet)))
        return self

    def front(self, *several, at_s=None):
        for packet in several:
            self.add("front", packet, at_s)
        return self

    def back(self, *several, at_s=None):
        for packet in several:
            self.add("back", packet, at_s)
        return self

    @property
    def count(self) -> int:
        return sum(len(frames) for frames in self.frames.values())


@dataclass
class Outcome:
    front: list[Packet]
    back: list[Packet]
    raw: dict[str, bytes]  # the output files as they are
    counters: dict[str, int]
    moves: dict[str, int]
    violations: int

    @property
    def drops(self) -> dict[str, int]:
        """Reasons that counted something."""
        return {name: value for name, value in self.counters.items() if name.startswith("drop_") and value}

    @property
    def out(self) -> list[Packet]:
        return self.front + self.back


def config(**changes) -> dict:
    """Three backends, one dual-stack service on TCP and UDP port 80, neighbours all known; `changes` merge."""
    base = {
        "limpetd": {"secret_file": "/nonexistent/secret"},
        "limits": {"flows_max": 20000, "records_max": 20000},
        "ports": {
            "front": {"device": "net_null0", "mac": packets.FRONT_MAC, "side": "clients",
                      "addresses": ["192.0.2.1/24", "2001:db8:1::1/64"],
                      "neighbors": {"192.0.2.254": packets.ROUTER_MAC, "2001:db8:1::fe": packets.ROUTER_MAC},
                      "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.254"}, {"to": "::/0", "via": "2001:db8:1::fe"}]},
            "back": {"device": "net_null1", "mac": packets.BACK_MAC, "side": "backends",
                     "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"],
                     "neighbors": {address: packets.BACKEND_MACS[name] for address, name in NAMES.items()}},
        },
        "profiles": {"client": {"type": "source_ip", "prefix4": 32, "prefix6": 128}},
        "pools": {"web": {"backends": {name: {"address": [f"{ADDRESSES4[name]}:8080", f"[{ADDRESSES6[name]}]:8080"]}
                                       for name in ("b1", "b2", "b3")}}},
        "services": {"web": {"listen": [f"{vip}:80/{protocol}" for vip in (VIP4, f"[{VIP6}]")
                                        for protocol in ("tcp", "udp")],
                             "forwarding": "nat", "pool": "web", "persist": ["client"]}},
    }
    return merged(base, changes)


def direct(**changes) -> dict:
    """The same with direct return: no port in the backends' addresses."""
    pool = {"backends": {name: {"address": [ADDRESSES4[name], ADDRESSES6[name]]} for name in ("b1", "b2", "b3")}}
    return merged(config(pools={"web": pool}, services={"web": {"forwarding": "dr"}}), changes)


def write_capture(path: Path, frames: list[tuple[int, bytes]]):
    with PcapWriter(str(path), linktype=1, nano=True, sync=False) as writer:
        writer.write_header(None)
        for time_ns, data in frames:
            seconds, rest_ns = divmod(time_ns, 1_000_000_000)
            writer.write_packet(data, sec=START_S + seconds, usec=rest_ns, caplen=len(data), wirelen=len(data))


def replay(settings: dict, scenario: Scenario, *, workers=1, secret: Path | None = None, segment_bytes=0, held=0) -> Outcome:
    """Runs it, checks what must hold for every run (all accounted for, no violation), and reads what came out.
    Frames larger than `segment_bytes`, where that is not 0, arrive in several segments. So many packets are `held` when it ends."""
    if secret is not None:
        settings = merged(settings, {"limpetd": {"secret_file": str(secret)}})
    with tempfile.TemporaryDirectory(prefix="limpet-replay-") as name:
        folder = Path(name)
        (folder / "limpet.toml").write_text(toml_text.dump(settings))
        command = [program("limpet-replay"), "--config", folder / "limpet.toml", "--workers", workers, "--json"]
        command += ["--segment-bytes", segment_bytes] if segment_bytes else []
        for port, frames in scenario.frames.items():
            write_capture(folder / f"{port}-in.pcap", frames)
            command += ["--in", f"{port}={folder}/{port}-in.pcap", "--out", f"{port}={folder}/{port}-out.pcap"]
        report = json.loads(run(command, timeout_s=120).stdout)
        raw = {port: (folder / f"{port}-out.pcap").read_bytes() for port in scenario.frames}
        read = {port: list(rdpcap(str(folder / f"{port}-out.pcap"))) for port in scenario.frames}
    outcome = Outcome(read["front"], read.get("back", []), raw, report["counters"], report["moves"], report["violations"])
    assert_accounted(outcome, scenario, held)
    return outcome


def assert_accounted(outcome: Outcome, scenario: Scenario, held=0):
    """Every packet that came in left, was answered, is held, or was dropped for a counted reason."""
    counters = outcome.counters
    assert counters["received"] == scenario.count
    drops = sum(counters[name] for name in drop_names())
    came = counters["received"] + counters["from_control"] + counters["made"]
    assert came == counters["transmitted"] + counters["punted"] + drops + held, (
        f"in {counters['received']} + {counters['from_control']}, out {counters['transmitted']}, dropped "
        f"{outcome.drops}")
    assert counters["transmitted"] == len(outcome.out)
    assert counters["handed_off"] == counters["taken_over"]
    assert outcome.violations == 0


def backend_of(packet: Packet) -> str:
    """Name of the backend a packet on the back port goes to, by MAC address; nat and dr alike."""
    return BACKEND_OF_MAC[packet.dst]


def choices(outcome: Outcome) -> dict[str, set[str]]:
    """client address -> the backends that its packets went to."""
    result: dict[str, set[str]] = {}
    for packet in outcome.back:
        result.setdefault(packets.network(packet).src, set()).add(backend_of(packet))
    return result


def clients(count: int, family: int) -> list[str]:
    if family == 4:
        return [f"203.0.113.{i + 1}" for i in range(count)]
    return [f"2001:db8:99::{i + 1:x}" for i in range(count)]
