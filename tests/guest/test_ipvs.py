"""Limpet beside the kernel's IPVS, with the same clients: what IPVS keeps together, Limpet keeps together, for as long.
Where the two differ, the test says so, and docs/persistence.md why."""

import ipaddress

import pytest
from ipvs_job import CLIENTS, MASKS, NEW, OLD
from support import guest


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one boot of the guest has shown: {"ipvs": case -> observations, "limpet": ...}."""
    return guest.observe("ipvs_job.py", tmp_path_factory.mktemp("ipvs"), limit_s=400)


@pytest.fixture(params=["ipvs", "limpet"])
def side(seen, request):
    return seen[request.param]


def groups(identity: dict) -> set[frozenset]:
    """Clients of one identity are one group."""
    return {frozenset(client for client in identity if identity[client] == value) for value in identity.values()}


def record_keys(records: list[dict], case: str) -> dict:
    """client -> the key of its record in this case."""
    keys = [row["key"] for row in records if row["scope"] == f"{case} of service {case}"]
    return {client: key for client in CLIENTS[MASKS[case][1]] for key in keys
            if ipaddress.ip_address(client) in ipaddress.ip_network(key)}


@pytest.mark.parametrize("case, count", [("host4", 12), ("net4", 4), ("host6", 12), ("net6", 4)])
def test_the_same_clients_are_kept_together(seen, case, count):
    # IPVS gives each group the next of 16 backends, so backends tell its groups; Limpet's are told by its records.
    ipvs = groups({client: names[0] for client, names in seen["ipvs"][case].items()})
    assert len(ipvs) == count
    assert groups(record_keys(seen["limpet"]["records"], case)) == ipvs
    for director in ("ipvs", "limpet"):
        for group in ipvs:
            reached = {name for client in group for name in seen[director][case][client]}
            assert len(reached) == 1, f"{director} sent {sorted(group)} to {sorted(reached)}"
    assert len({names[0] for names in seen["limpet"][case].values()}) > count / 3, "Limpet spreads the groups"


@pytest.mark.parametrize("case", ["any", "marked"])
def test_one_backend_over_all_ports(side, case):
    """Port 0 there is port "*" here; a firewall mark over two ports is a service with two listen addresses."""
    assert set(side[case]) == set(OLD)
    for client, names in side[case].items():
        assert len(set(names)) == 1, (client, names)


def test_services_of_one_pool_share_sessions_in_limpet_only(seen):
    """A service a port: IPVS chooses for each anew; `scope = "pool"` remembers a client for both."""
    for names in seen["ipvs"]["apart"].values():
        assert len(set(names)) == 2, names
    for names in seen["limpet"]["apart"].values():
        assert len(set(names)) == 1, names
    assert len([row for row in seen["limpet"]["records"] if row["scope"].endswith(" of pool ports")]) == len(OLD)


@pytest.mark.parametrize("case", ["udp", "closed"])
def test_use_within_the_timeout_keeps_the_session(side, case):
    assert side[case]["within"] == side[case]["first"]
    assert side[case]["refreshed"] == side[case]["first"], "each use starts the time anew"


@pytest.mark.parametrize("case", ["udp", "closed"])
def test_a_backend_of_weight_0_or_drained_gets_no_new_sessions(side, case):
    assert set(side[case]["strangers"]) == set(NEW)
    assert not set(side[case]["strangers"].values()) & set(side[case]["first"].values())


def test_a_session_ends_after_its_timeout(side):
    taken = set(side["udp"]["first"].values())
    assert not set(side["udp"]["after"].values()) & taken, "idle for longer than the timeout"


def test_closed_connections_hold_a_session_in_ipvs_only(seen):
    """A connection in TIME_WAIT holds IPVS's template for minutes beyond the timeout; Limpet's time is the one set."""
    ipvs, limpet = seen["ipvs"]["closed"], seen["limpet"]["closed"]
    assert ipvs["after"] == ipvs["first"]
    assert not set(limpet["after"].values()) & set(limpet["first"].values())


def test_a_silent_connection_holds_a_session_in_ipvs_only(seen):
    ipvs, limpet = seen["ipvs"]["open"], seen["limpet"]["open"]
    assert ipvs["after"] == ipvs["first"]
    assert not set(limpet["after"].values()) & set(limpet["first"].values())


@pytest.mark.parametrize("case", ["open", "expire"])
def test_live_connections_stay_where_they_are(side, case):
    assert side[case]["live"] == side[case]["first"]


def test_expire_quiescent_template_is_on_drain_expire(side):
    case = side["expire"]
    assert not set(case["after"].values()) & set(case["first"].values()), "new connections go elsewhere at once"
    assert case["again"] == case["after"], "and stay there"


def test_limpet_accounts_for_every_move(seen):
    limpet = seen["limpet"]
    assert {row["key"] for row in limpet["moves"] if row["reason"] == "drain_expired"} == {f"{c}/32" for c in OLD}
    assert {row["reason"] for row in limpet["moves"]} <= {"drain_expired", "idle_timeout"}
    assert limpet["exit"] == 0
