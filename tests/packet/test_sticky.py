"""A client's connections reach one backend: whatever the worker, the run, the order."""

import random
from functools import cache

import pytest
from support import packets as p
from support import replay as r


def vip(client: str) -> str:
    return r.VIP6 if ":" in client else r.VIP4


def many(clients: list[str], connections: int, seed=1) -> r.Scenario:
    """Connections of all clients, SYN and one data segment each, mixed."""
    return _many(tuple(clients), connections, seed)


@cache
def _many(clients: tuple[str, ...], connections: int, seed: int) -> r.Scenario:
    frames = [(client, 30000 + n) for client in clients for n in range(connections)]
    random.Random(seed).shuffle(frames)
    scenario = r.Scenario()
    for client, port in frames:
        scenario.front(p.from_client(client, port, vip(client), 80))
        scenario.front(p.from_client(client, port, vip(client), 80, flags="PA", payload=b"GET", seq=1001, ack=1))
    return scenario


CLIENTS = r.clients(40, 4) + r.clients(40, 6)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("settings", [r.config(), r.direct()], ids=["nat", "dr"])
def test_one_backend_a_client(settings, workers):
    scenario = many(CLIENTS, 8)
    outcome = r.replay(settings, scenario, workers=workers)
    assert len(outcome.back) == scenario.count, outcome.drops
    chosen = r.choices(outcome)
    assert set(chosen) == set(CLIENTS)
    assert all(len(backends) == 1 for backends in chosen.values())
    assert {name for backends in chosen.values() for name in backends} == {"b1", "b2", "b3"}
    p.assert_checksums(outcome.back)


def test_workers_choose_alike():
    scenario = many(CLIENTS, 4)
    outcomes = {workers: r.replay(r.config(), scenario, workers=workers) for workers in (1, 2, 4, 7)}
    assert len({str(sorted((client, sorted(names)) for client, names in r.choices(outcome).items()))
                for outcome in outcomes.values()}) == 1
    assert outcomes[4].counters["handed_off"] > 0


def test_order_within_a_connection_is_kept_by_four_workers():
    scenario = r.Scenario()
    for n in range(200):
        for client in CLIENTS[:5]:
            scenario.front(p.from_client(client, 30000, vip(client), 80, flags="A", payload=b"%04d" % n, seq=n, ack=1))
    outcome = r.replay(r.config(), scenario, workers=4)
    for client in CLIENTS[:5]:
        seen = [p.payload_of(packet) for packet in outcome.back if p.network(packet).src == client]
        assert seen == sorted(seen) and len(seen) == 200


def test_a_run_is_reproducible_to_the_byte():
    scenario = many(CLIENTS, 4)
    first, second = (r.replay(r.config(), scenario, workers=4) for _ in range(2))
    assert first.raw == second.raw and first.counters == second.counters


@pytest.fixture
def secrets(tmp_path):
    paths = []
    for name, fill in (("one", b"\x11"), ("same", b"\x11"), ("other", b"\x22")):
        path = tmp_path / name
        path.write_bytes(fill * 32)
        path.chmod(0o600)
        paths.append(path)
    return paths


def test_same_secret_same_choices(secrets):
    one, same, other = (r.choices(r.replay(r.config(), many(CLIENTS, 1, seed), secret=secret))
                        for seed, secret in enumerate(secrets))
    assert one == same
    assert one != other


def test_order_of_arrival_does_not_matter():
    assert r.choices(r.replay(r.config(), many(CLIENTS, 1, seed=1))) == r.choices(
        r.replay(r.config(), many(CLIENTS, 1, seed=2)))


def test_prefix_clients_share_a_backend():
    """prefix6 = 64: a client that changes its interface identifier keeps its backend."""
    clients = [f"2001:db8:99:{n // 8 + 1:x}::{n + 1:x}" for n in range(64)]
    settings = r.config(profiles={"client": {"prefix6": 64}})
    chosen = r.choices(r.replay(settings, many(clients, 1)))
    for start in range(0, 64, 8):
        assert len(set.union(*(chosen[client] for client in clients[start:start + 8]))) == 1
    assert len(set.union(*chosen.values())) > 1


def test_adding_a_backend_moves_only_to_it():
    """Rendezvous: of clients without a record those move that choose the new backend, no others."""
    backends = r.config()["pools"]["web"]["backends"] | {
        "b4": {"address": [f"{r.ADDRESSES4['b4']}:8080", f"[{r.ADDRESSES6['b4']}]:8080"]}}
    before = r.choices(r.replay(r.config(), many(CLIENTS, 1)))
    after = r.choices(r.replay(r.config(pools={"web": {"backends": backends}}), many(CLIENTS, 1)))
    moved = {client for client in CLIENTS if before[client] != after[client]}
    assert moved and all(after[client] == {"b4"} for client in moved)


def test_weight_zero_gets_no_new_sessions():
    backends = {"b1": {"weight": 0}}
    chosen = r.choices(r.replay(r.config(pools={"web": {"backends": backends}}), many(CLIENTS, 1)))
    assert set.union(*chosen.values()) == {"b2", "b3"}


def test_weights_shape_the_shares():
    """Weight 8 to 1 to 1: of 400 clients the heavy backend has 320 in the mean, deviation 8."""
    clients = [f"203.0.{i // 200}.{i % 200 + 1}" for i in range(400)]
    chosen = r.choices(r.replay(r.config(pools={"web": {"backends": {"b1": {"weight": 8}}}}), many(clients, 1)))
    heavy = sum(1 for backends in chosen.values() if backends == {"b1"})
    assert 280 <= heavy <= 360


def test_packets_in_midstream_go_where_a_first_packet_would():
    first = r.choices(r.replay(r.config(), many(CLIENTS, 1)))
    scenario = r.Scenario()
    for client in CLIENTS:
        scenario.front(p.from_client(client, 30000, vip(client), 80, flags="PA", payload=b"more", seq=5000, ack=7))
    outcome = r.replay(r.config(), scenario)
    assert r.choices(outcome) == first
    assert outcome.counters["flow_midstream"] == len(CLIENTS)


def test_answers_in_midstream_have_the_only_vip_as_source():
    scenario = r.Scenario()
    scenario.back(p.from_backend("b1", r.ADDRESSES4["b1"], 8080, "203.0.113.5", 4000, flags="PA", payload=b"late"))
    settings = r.config(services={"web": {"listen": [f"{r.VIP4}:80/tcp"]}})
    outcome = r.replay(settings, scenario)
    (got,) = outcome.front
    assert (got[p.IP].src, got[p.TCP].sport) == (r.VIP4, 80)
    assert outcome.counters["flow_return_guessed"] == 1
    p.assert_checksums([got])


def test_answers_in_midstream_of_two_services_are_dropped():
    service = {"forwarding": "nat", "pool": "web", "persist": ["client"]}
    settings = r.config(services={"web": {"listen": [f"{r.VIP4}:80/tcp"]},
                                  "more": {"listen": ["192.0.2.11:80/tcp"], **service}})
    late = p.from_backend("b1", r.ADDRESSES4["b1"], 8080, "203.0.113.5", 4000, flags="PA", payload=b"late")
    outcome = r.replay(settings, r.Scenario().back(late))
    assert outcome.front == [] and outcome.drops == {"drop_no_return_flow": 1}
