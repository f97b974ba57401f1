"""Access lists, rates and connection caps, as captures meet them."""

import pytest
from support import packets as p
from support import replay as r


def settings(**service) -> dict:
    return r.config(services={"web": service})


def syns(*clients: str, ports=range(40000, 40001), at_s=0.0) -> r.Scenario:
    scenario = r.Scenario()
    for client in clients:
        vip = r.VIP6 if ":" in client else r.VIP4
        for port in ports:
            scenario.front(p.from_client(client, port, vip, 80, flags="S"), at_s=at_s)
    return scenario


def served(outcome: r.Outcome) -> list[str]:
    return [p.network(packet).src for packet in outcome.back]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_longest_prefix_counts(workers):
    lists = {"allow": ["203.0.113.0/24", "2001:db8:99::/48"], "deny": ["203.0.113.64/26", "2001:db8:99:1::/64"]}
    good, bad = ["203.0.113.1", "2001:db8:99::1"], ["203.0.113.65", "198.51.101.1", "2001:db8:99:1::1", "2001:db8:98::1"]
    outcome = r.replay(settings(**lists), syns(*good, *bad), workers=workers)
    assert sorted(served(outcome)) == sorted(good)
    assert outcome.drops == {"drop_denied": len(bad)}


@pytest.mark.parametrize("client, neighbour", [("203.0.113.1", "203.0.113.200"), ("2001:db8:99::1", "2001:db8:99::ffff")])
def test_a_source_is_a_prefix(client, neighbour):
    limits = {"per_source": {"prefix4": 24, "prefix6": 64, "new_flows_per_s": 10, "burst": 5}}
    scenario = syns(client, neighbour, ports=range(40000, 40004))
    for port in range(50000, 50004):  # half a second later five more may come
        scenario.front(p.from_client(client, port, r.VIP6 if ":" in client else r.VIP4, 80, flags="S"), at_s=0.5)
    outcome = r.replay(settings(limits=limits), scenario)
    assert served(outcome) == [client] * 4 + [neighbour] + [client] * 4
    assert outcome.drops == {"drop_limit_source": 3}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_service_has_one_rate_on_all_workers(workers):
    outcome = r.replay(settings(limits={"new_flows_per_s": 100, "burst": 10}), syns(*r.clients(50, 4)), workers=workers)
    assert len(served(outcome)) == 10
    assert outcome.drops == {"drop_limit_service": 40}


def test_services_without_limits_are_not_touched():
    outcome = r.replay(settings(), syns(*r.clients(50, 4)))
    assert len(served(outcome)) == 50 and outcome.drops == {}
