"""Access lists, rates and connection caps before real clients: who is refused, who is not, and what goes on."""

import pytest
from support.keepalive import Client
from support.lab import VIP4, VIP6, Lab, client4, client6, merged

VIPS = {4: VIP4, 6: VIP6}
FAMILIES = pytest.mark.parametrize("client", [client4, client6])


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=6, backends=2) as made:
        yield made


def apply(lab, limpetd, **service):
    limpetd.apply(merged(lab.config(), {"services": {"web": service}}))


def rise(limpetd, name: str, before: dict) -> int:
    return limpetd.counters().get(name, 0) - before.get(name, 0)


@FAMILIES
def test_denied_clients_are_refused_and_live_connections_go_on(lab, limpetd, client):
    sources = [client(i) for i in range(4)]
    with Client(lab.namespaces["client"], sources, VIPS) as live:
        before, counters = live.ask(), limpetd.counters()
        assert set(before.values()) <= {"b1", "b2"}
        apply(lab, limpetd, deny=[f"{client(0)}/{128 if ':' in client(0) else 32}"])
        assert lab.curl(client(0), timeout_s=0.8, check=False) == ""
        assert [lab.curl(source) for source in sources[1:]] == [before[source] for source in sources[1:]]
        assert live.ask() == before, "a list broke a live connection"
        assert rise(limpetd, "drop_denied", counters) >= 1
        apply(lab, limpetd)
        assert lab.curl(client(0)) == before[client(0)], "the session moved"
    assert limpetd.json("show", "violations") == []


def test_with_an_allow_list_others_are_denied(lab, limpetd):
    apply(lab, limpetd, allow=[f"{client4(1)}/32", f"{client6(1)}/128"])
    for client in (client4, client6):
        assert lab.curl(client(1)) in ("b1", "b2")
        assert lab.curl(client(2), timeout_s=0.8, check=False) == ""


@FAMILIES
def test_connections_of_a_source_are_capped(lab, limpetd, client):
    """Three at a time for each address; one that ends makes room, and no other source feels it."""
    apply(lab, limpetd, limits={"per_source": {"prefix4": 32, "prefix6": 128, "connections": 3}})
    crowded, other = client(0), client(1)
    counters = limpetd.counters()
    with Client(lab.namespaces["client"], [crowded], VIPS) as first:
        (name,) = first.ask().values()
        with Client(lab.namespaces["client"], [crowded], VIPS) as second, \
                Client(lab.namespaces["client"], [crowded], VIPS) as third:
            assert [*second.ask().values(), *third.ask().values()] == [name] * 2
            assert lab.curl(crowded, timeout_s=0.8, check=False) == ""
            assert lab.curl(other) in ("b1", "b2")
            assert rise(limpetd, "drop_limit_connections", counters) >= 1
            assert [answer for each in (first, second, third) for answer in each.ask().values()] == [name] * 3
        assert lab.curl(crowded) == name


@FAMILIES
def test_a_source_that_opens_too_fast_waits(lab, limpetd, client):
    """A burst of four and one more a second: the fifth at once is not answered, but a second later TCP asks again."""
    apply(lab, limpetd, limits={"per_source": {"prefix4": 32, "prefix6": 128, "new_flows_per_s": 1, "burst": 4}})
    fast, other = client(0), client(1)
    counters = limpetd.counters()
    answers = [lab.curl(fast, timeout_s=0.5, check=False) for _ in range(12)]
    assert "" not in answers[:4] and "" in answers, answers
    assert lab.curl(other) in ("b1", "b2")
    assert rise(limpetd, "drop_limit_source", counters) >= answers.count("")
    assert lab.curl(fast, timeout_s=10) == answers[0]


def test_a_service_that_is_asked_too_fast(lab, limpetd):
    """The rate is the service's, whoever asks and whichever worker owns the client."""
    apply(lab, limpetd, limits={"new_flows_per_s": 1, "burst": 5})
    sources = lab.sessions()
    answers = [lab.curl(source, timeout_s=0.3, check=False) for source in sources]
    assert "" not in answers[:5] and answers.count("") >= len(answers) - 5 - 6, answers
    assert limpetd.counters()["drop_limit_service"] >= answers.count("")
