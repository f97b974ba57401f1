"""Whole connections of many clients, backends' answers included, under the captures' clock: a session is one backend
over connections, protocols, closes and silence; flows and records end when their time is up."""

from functools import cache

import pytest
from support import packets as p
from support import replay as r

CLIENTS = r.clients(100, 4) + r.clients(100, 6)
CONNECTIONS = 5


def vip(client: str) -> str:
    return r.VIP6 if ":" in client else r.VIP4


def address(name: str, client: str) -> str:
    return (r.ADDRESSES6 if ":" in client else r.ADDRESSES4)[name]


@cache
def backend_of_client() -> dict[str, str]:
    """By a run with one SYN each: what the sessions must agree with."""
    syns = r.Scenario().front(*(p.from_client(client, 40000, vip(client), 80) for client in CLIENTS))
    return {client: next(iter(names)) for client, names in r.choices(r.replay(r.config(), syns)).items()}


@cache
def exchange(client: str) -> list[tuple[str, bytes]]:
    """The frames of one connection from port 40000: SYN, SYN-ACK, request, response with FIN, FIN."""
    name = backend_of_client()[client]

    def up(**segment):
        return "front", bytes(p.from_client(client, 40000, vip(client), 80, **segment))

    def down(**segment):
        return "back", bytes(p.from_backend(name, address(name, client), 8080, client, 40000, **segment))

    return [up(flags="S", seq=100), down(flags="SA", seq=900, ack=101),
            up(flags="PA", seq=101, ack=901, payload=b"GET /"),
            down(flags="FPA", seq=901, ack=106, payload=client.encode()), up(flags="FA", seq=106, ack=920)]


def with_client_port(port: str, data: bytes, client_port: int) -> bytes:
    """A TCP frame of exchange() with another client port (RFC 1624 for the checksum): fast, there are thousands."""
    frame = bytearray(data)
    tcp = 34 if frame[12:14] == b"\x08\0" else 54
    at, checksum = tcp if port == "front" else tcp + 2, tcp + 16
    total = 0xFFFF - int.from_bytes(frame[checksum:checksum + 2], "big") + 0xFFFF - 40000 + client_port
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    frame[checksum:checksum + 2] = (0xFFFF - total).to_bytes(2, "big")
    frame[at:at + 2] = client_port.to_bytes(2, "big")
    return bytes(frame)


def connection(scenario: r.Scenario, client: str, client_port: int, at_s: float):
    """Five frames, 10 ms apart."""
    for number, (port, data) in enumerate(exchange(client)):
        scenario.add(port, with_client_port(port, data, client_port), at_s + number * 0.01)


@cache
def all_sessions() -> r.Scenario:
    """Each client's connections one after another, the clients at once."""
    scenario = r.Scenario()
    for number in range(CONNECTIONS):
        for index, client in enumerate(CLIENTS):
            connection(scenario, client, 40000 + number, number + index * 0.001)
    for frames in scenario.frames.values():
        frames.sort(key=lambda frame: frame[0])
    return scenario


@pytest.fixture(scope="module", params=[1, 4])
def outcome(request) -> r.Outcome:
    return r.replay(r.config(), all_sessions(), workers=request.param)


def test_every_connection_reaches_the_clients_backend(outcome):
    assert r.choices(outcome) == {client: {name} for client, name in backend_of_client().items()}
    assert len(outcome.back) == len(CLIENTS) * CONNECTIONS * 3
    assert set(backend_of_client().values()) == {"b1", "b2", "b3"}


def test_every_answer_comes_home_from_the_vip(outcome):
    assert len(outcome.front) == len(CLIENTS) * CONNECTIONS * 2
    answered = {}
    for packet in outcome.front:
        client = p.network(packet).dst
        assert (p.network(packet).src, p.transport(packet).sport) == (vip(client), 80)
        if p.payload_of(packet):
            assert p.payload_of(packet) == client.encode()
            answered[client] = answered.get(client, 0) + 1
    assert answered == dict.fromkeys(CLIENTS, CONNECTIONS)


def test_checksums_both_ways(outcome):
    p.assert_checksums(outcome.out[::7])


def test_one_record_a_client_serves_all_connections(outcome):
    counters = outcome.counters
    assert counters["flow_new"] == len(CLIENTS) * CONNECTIONS
    assert counters["chosen_by_algorithm"] == counters["record_new"] == len(CLIENTS)
    assert counters["record_hit"] == len(CLIENTS) * (CONNECTIONS - 1)
    assert counters["flow_midstream"] == counters["flow_return_guessed"] == 0
    assert outcome.drops == {} and set(outcome.moves.values()) == {0}


def test_nothing_waits_in_a_replay(outcome):
    """What leaves has the time of what came in."""
    came = {time_ns for frames in all_sessions().frames.values() for time_ns, _ in frames}
    left = {int(packet.time * 1_000_000_000) - r.START_S * 1_000_000_000 for packet in outcome.out}
    assert left == came


CLIENT = "203.0.113.1"


def one(port=40000, protocol="tcp", **segment) -> p.Packet:
    return p.from_client(CLIENT, port, r.VIP4, 80, protocol, **segment)


@pytest.mark.parametrize("gap_s, flows", [(119, 1), (125, 2)])
def test_udp_flows_end_when_idle(gap_s, flows):
    """A second datagram long after the first, answered, one: a flow of its own, the same backend."""
    name = r.backend_of(r.replay(r.config(), r.Scenario().front(one(protocol="udp"))).back[0])
    scenario = r.Scenario().front(one(protocol="udp"))
    scenario.back(p.from_backend(name, r.ADDRESSES4[name], 8080, CLIENT, 40000, "udp"), at_s=0.1)
    scenario.front(one(protocol="udp"), at_s=0.2).front(one(protocol="udp"), at_s=0.2 + gap_s)
    outcome = r.replay(r.config(), scenario)
    assert outcome.counters["flow_new"] == flows and len(r.choices(outcome)[CLIENT]) == 1
    assert outcome.counters["flow_ended"] == flows - 1


@pytest.mark.parametrize("timeouts, gap_s, flows", [
    ({"established": "60s"}, 55, 1), ({"established": "60s"}, 65, 2), ({"established": "1h"}, 3000, 1)])
def test_established_connections_last_as_configured(timeouts, gap_s, flows):
    scenario = r.Scenario().front(one())
    name = backend_of_client()[CLIENT]
    scenario.back(p.from_backend(name, r.ADDRESSES4[name], 8080, CLIENT, 40000), at_s=0.1)
    scenario.front(one(flags="A", ack=1), at_s=0.2).front(one(flags="PA", payload=b"late", ack=1), at_s=0.2 + gap_s)
    outcome = r.replay(r.config(services={"web": {"timeouts": timeouts}}), scenario)
    assert outcome.counters["flow_new"] == flows and r.choices(outcome)[CLIENT] == {name}
    assert outcome.counters["flow_midstream"] == flows - 1


@pytest.mark.parametrize("pause_s, hits", [(50, 1), (70, 0)])
def test_records_end_when_idle(pause_s, hits):
    """idle_timeout = 1m: the next connection is decided by the record, or anew; alike, so nothing moves."""
    config = r.config(profiles={"client": {"idle_timeout": "1m"}})
    scenario = r.Scenario()
    connection(scenario, CLIENT, 40000, 0)
    connection(scenario, CLIENT, 40001, pause_s)
    outcome = r.replay(config, scenario)
    assert outcome.counters["record_hit"] == hits
    assert outcome.counters["chosen_by_algorithm"] == 2 - hits
    assert r.choices(outcome)[CLIENT] == {backend_of_client()[CLIENT]}
    assert set(outcome.moves.values()) == {0}


def test_the_captures_date_does_not_matter(monkeypatch):
    scenario = r.Scenario()
    connection(scenario, CLIENT, 40000, 0)
    runs = []
    for start_s in (0, 1_000_000_000, 4_000_000_000):
        monkeypatch.setattr(r, "START_S", start_s)
        outcome = r.replay(r.config(), scenario)
        runs.append(([bytes(packet) for packet in outcome.out], outcome.counters))
        assert int(outcome.out[0].time) == start_s
    assert runs[0] == runs[1] == runs[2]


def test_a_clock_that_goes_back_does_not_stop_the_replay():
    scenario = r.Scenario()
    for number, at_s in enumerate((5.0, 1.0, 5.5, 0.0, 2000.0, 3.0)):
        scenario.front(one(port=40000 + number), at_s=at_s)
    outcome = r.replay(r.config(), scenario)
    assert [packet[p.TCP].sport for packet in outcome.back] == [40000 + n for n in range(6)]
    times = [float(packet.time) for packet in outcome.back]
    assert times == sorted(times)


def test_a_port_used_again_after_the_close():
    scenario = r.Scenario()
    connection(scenario, CLIENT, 40000, 0)
    connection(scenario, CLIENT, 40000, 1)
    outcome = r.replay(r.config(), scenario)
    assert outcome.counters["flow_new"] == 2 and len(outcome.front) == 4
    assert r.choices(outcome)[CLIENT] == {backend_of_client()[CLIENT]}


@pytest.mark.parametrize("state", ["drain", "offline"])
def test_backends_that_take_nobody_new(state):
    backends = {"b1": {"state": state}}
    syns = r.Scenario().front(*(p.from_client(client, 40000, vip(client), 80) for client in CLIENTS))
    chosen = r.choices(r.replay(r.config(pools={"web": {"backends": backends}}), syns))
    moved = {client for client, name in backend_of_client().items() if name == "b1"}
    assert all(chosen[client] == {name} for client, name in backend_of_client().items() if client not in moved)
    assert all("b1" not in chosen[client] for client in moved) and moved


def test_no_backend_at_all():
    backends = {name: {"state": "offline"} for name in ("b1", "b2", "b3")}
    outcome = r.replay(r.config(pools={"web": {"backends": backends}}), r.Scenario().front(one()))
    assert outcome.out == [] and outcome.drops == {"drop_no_backend": 1}
