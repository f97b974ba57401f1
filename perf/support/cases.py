"""What scripts/perf measures: every name, what it is, what it is compared with, and what must hold."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

SIZES = ("1k", "1M", "10M")


@dataclass(frozen=True)
class Case:
    name: str                     # may end in `*`: all of that name hold alike
    program: str                  # of programs.PROGRAMS
    what: str
    floor: str = ""               # what the ratio is to
    target: float | None = None   # None: reported only
    aim: float | None = None
    least: bool = False           # target and aim are to be reached, not kept below
    absolute: bool = False        # target and aim are of the median itself, not of the ratio

    def value(self, figure: dict) -> float | None:
        return figure["median"] if self.absolute else figure.get("ratio")

    def holds(self, figure: dict) -> bool | None:
        """None where nothing is asked for or nothing was compared."""
        value = self.value(figure)
        if self.target is None or value is None:
            return None
        return value >= self.target if self.least else value <= self.target


def by_size(prefix: str, what: str, floor: str, targets, aims=(None,) * 3, sizes=SIZES) -> list[Case]:
    return [Case(f"{prefix}.{size}", "pipeline", f"{what}, {size} flows", floor, target, aim)
            for size, target, aim in zip(sizes, targets, aims, strict=True)]


def path_cases() -> list[Case]:
    bulk, bulk6 = "rte_hash_lookup_bulk, 16-byte keys", "rte_hash_lookup_bulk, 40-byte keys"
    nat, nat_aim = (1.6, 1.5, 1.3), (1.3, 1.2, 1.1)
    dr, dr_aim = (1.5, 1.3, 1.2), (1.2, 1.0, 1.0)
    v6, v6_aim = (1.5, 1.3, 1.2), (1.2, 1.1, 1.0)
    more, more_aim = (1.9, 1.7, 1.5), (1.5, 1.3, 1.2)
    return [
        *by_size("path.nat.v4.hit", "nat, IPv4, known flow", bulk, nat, nat_aim),
        *by_size("path.nat.v4.return", "nat, IPv4, answer of a known flow", bulk, nat, nat_aim),
        *by_size("path.dr.v4.hit", "dr, IPv4, known flow", bulk, dr, dr_aim),
        *by_size("path.nat.v6.hit", "nat, IPv6, known flow", bulk6, v6, v6_aim),
        *by_size("path.nat.v6.return", "nat, IPv6, answer of a known flow", bulk6, (None,) * 3),
        *by_size("path.dr.v6.hit", "dr, IPv6, known flow", bulk6, v6, v6_aim),
        *by_size("path.full_nat.v4.hit", "full_nat, IPv4, known flow", bulk, more, more_aim),
        *by_size("path.full_nat.v4.return", "full_nat, IPv4, answer of a known flow", bulk, more, more_aim),
        *by_size("path.spliced.v4.hit", "nat, IPv4, known flow of two spliced connections", bulk, more, more_aim),
        Case("path.spliced.v4.return.1M", "pipeline", "nat, IPv4, answer of a known flow of two spliced connections, 1M flows",
             bulk),
        *by_size("path.stamped.v4.hit", "the same, with timestamps, which are translated", bulk, (None,) * 2, (None,) * 2,
                 SIZES[:2]),
        Case("path.stamped.v4.return.1M", "pipeline", "an answer of these, 1M flows", bulk),
        *by_size("path.ipip.v4.hit", "ipip, IPv4, known flow", bulk, more, more_aim),
        *by_size("path.gue.v6.hit", "gue, IPv6, known flow", bulk6, more, more_aim),
        *by_size("path.nat.v4.new", "nat, IPv4, SYN of a new flow of a known client", "rte_hash_add_key", (1.6, 1.3),
                 (1.2, 1.0), SIZES[1:]),
        *by_size("path.nat.v4.skewed", "nat, IPv4, 80 % of packets on 1 % of flows", bulk, (None,) * 2, (None,) * 2, SIZES[1:]),
        *by_size("path.nat.v4.touch", "nat, IPv4, a flow's first packet in its second", bulk, (None,) * 2, (None,) * 2,
                 SIZES[1:]),
        Case("path.nat.v4.first.1M", "pipeline", "nat, IPv4, SYN of a client never seen", "rte_hash_add_key"),
        Case("stages.nat.v4.1M.*", "pipeline", "stage by stage, the TSC read between"),
        Case("path.nat.v4.churn", "pipeline", "10 % new flows, 10 % ending, 1M live, sweep running", "hit.1M", 1.6, 1.3),
        Case("path.nat.v4.steered.1M", "pipeline", "half the packets arrive on the wrong worker", "hit.1M", 1.8, 1.4),
        Case("workers.nat.v4.1M.*", "pipeline", "hits of so many workers at once, 1M flows each", "one worker, times as many",
             least=True),
        Case("machine.tsc", "pipeline", "the rate of the TSC"),
        Case("services.10k", "pipeline", "10,000 services on 100 shared pools of 100 backends", "hit.1M", 1.25, 1.1),
        Case("services.10k.own", "pipeline", "10,000 services on 10,000 pools of 100 backends", "hit.1M", 1.6, 1.3),
    ]


def table_cases() -> list[Case]:
    shared = "rte_hash, RW_CONCURRENCY_LF"
    return [
        *by_size("flow.lookup", "flow table alone, hit in a burst of 32", "rte_hash_lookup_bulk", (0.6,) * 3, (0.5,) * 3),
        *by_size("record.lookup", "record table alone, hit in a burst of 32", shared, (0.6,) * 3, (0.5,) * 3),
        Case("record.claim", "pipeline", "record claimed at first contact, 1M there", shared, 0.6, 0.5),
    ]


def scan_cases() -> list[Case]:
    pattern = "a pattern of Hyperscan over the same bytes"
    in_request = {"cookie": "a cookie, the last", "header": "a header, the last", "host": "the host, of the last header",
                  "x_forwarded_for": "the client that proxies tell of, in the last header",
                  "url_param": "a parameter, the last of the URL", "path": "a long path",
                  "universal": "what stands behind a pattern"}
    usual = {"cookie": pattern, "header": pattern}
    in_hello = {"sni": "the server's name", "session_id": "the session id", "ticket": "a ticket's key name, in the last extension"}
    return [
        *(Case(f"l7.scan.{method}.{size}", "pipeline", f"{what}, of a request of {size} bytes", usual.get(method, ""))
          for method, what in in_request.items() for size in (329, 1107, 3791)),
        *(Case(f"l7.scan.set_cookie.{size}", "pipeline", f"a cookie that a response of {size} bytes sets, the last")
          for size in (329, 1107, 3791)),
        *(Case(f"l7.scan.{method}", "pipeline", f"{what}, of a ClientHello of 550 bytes") for method, what in in_hello.items()),
        Case("l7.scan.rdp_mstshash", "pipeline", "the user, of a Remote Desktop client's first segment"),
        Case("l7.scan.rdp_msts", "pipeline", "the backend, of the same with a routing token"),
        Case("l7.scan.mqtt_client_id", "pipeline", "the client id of an MQTT client"),
        Case("l7.scan.token", "pipeline", "a cookie of Limpet's own, decrypted and checked"),
    ]


def cookie_cases() -> list[Case]:
    haproxy = "haproxy, CPU time"
    connection, request = "a connection with one GET, routed by its cookie", "one more request on it"
    return [
        Case("l7.cookie.connection", "versus", f"{connection}: stages", haproxy, 0.10),
        Case("l7.cookie.connection.devices", "versus", f"{connection}: stages and devices", haproxy),
        Case("l7.cookie.connection.rate", "versus", "thousands of those a second", "haproxy", least=True),
        Case("l7.cookie.request", "versus", f"{request}: stages", haproxy, 0.05),
        Case("l7.cookie.request.devices", "versus", f"{request}: stages and devices", haproxy),
        Case("l7.cookie.request.rate", "versus", "thousands of those a second", "haproxy", least=True),
        Case("l7.cookie.moved", "versus", "curl's sessions that met another backend than their first", "haproxy",
             target=0, absolute=True),
        Case("l7.cookie.connection.memory", "pipeline", f"{connection}, in memory"),
        Case("l7.cookie.request.memory", "pipeline", f"{request}, in memory"),
    ]


def memory_cases() -> list[Case]:
    most = {"flow_v4_dr": 32, "flow_v4_nat": 64, "flow_v6_dr": 64, "flow_v6_nat": 96,
            "flow_spliced_v4": 160, "flow_spliced_v6": 160, "record_narrow": 32, "record_wide": 48}
    return [Case(f"memory.{name}", "pipeline", "bytes each at the advertised capacity", target=size, absolute=True)
            for name, size in most.items()]


def instruction_cases() -> list[Case]:
    return [Case("instructions.*", "instructions", "instructions a packet", "perf/instructions.json", 1.03)]


def wire_cases() -> list[Case]:
    return [
        Case("wire.memif", "wire", "limpetd between testpmd over net_memif, nat, 1000 live flows", "testpmd macswap", 0.8, 0.9,
             least=True),
        Case("wire.pcap", "wire", "limpetd on net_pcap, nat, 1000 live flows, transmit dropped", "testpmd macswap"),
        Case("plan.apply", "wire", "throughput with 10 plans a second applied", "no apply", 0.95, 0.99, least=True),
        Case("plan.apply.lost", "wire", "packets lost by that", target=0, absolute=True),
        Case("latency.*", "wire", "one packet through", "testpmd macswap"),
    ]


CASES = [*path_cases(), *table_cases(), *scan_cases(), *cookie_cases(), *memory_cases(), *instruction_cases(), *wire_cases()]


def case_of(name: str) -> Case | None:
    """The row of a figure: of its own name first."""
    exact = [case for case in CASES if case.name == name]
    return (exact or [case for case in CASES if fnmatchcase(name, case.name)] or [None])[0]


def is_wanted(case: Case, glob: str) -> bool:
    """A row for many names is wanted if one of them might be."""
    stem = case.name.removesuffix("*")
    return fnmatchcase(case.name, glob) or (stem != case.name and fnmatchcase(glob, stem + "*"))
