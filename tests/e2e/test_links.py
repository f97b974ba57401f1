"""Links that go down and come up: told by events, and survived by a port that has another one."""

import pytest

from support import netns
from support.lab import Lab


@pytest.fixture
def lab():
    """Two links lead to the backends' switch; nothing but the bonding device uses the second."""
    with Lab(backends=2, clients=4) as made:
        limpet, switch = made.namespaces["limpet"], made.namespaces["switch"]
        netns.join(limpet, "back1", switch, "limpet1")
        switch.ip("link", "set", "limpet1", "master", "br0")
        yield made


def bonded(lab) -> dict:
    return lab.config(pools={"web": {"monitor": None}},  # the kernel's own address is on one of the links
                      ports={"back": {"device": "net_bonding0,mode=1",
                                      "members": ["net_af_packet1,iface=back0", "net_af_packet2,iface=back1"]}})


def events(limpetd) -> list[str]:
    return [row["text"] for row in reversed(limpetd.json("show", "events")) if row["kind"] == "link"]


def members(limpetd) -> list[str]:
    return next(row for row in limpetd.json("show", "ports") if row["name"] == "back")["members"]


def set_link(lab, name: str, state: str):
    lab.namespaces["switch"].ip("link", "set", name, state)


def test_traffic_goes_on_over_the_other_member(lab):
    limpetd = lab.start_limpetd(bonded(lab))
    before = {source: lab.curl(source) for source in lab.sessions()}
    assert set(before.values()) == {"b1", "b2"}
    assert members(limpetd) == ["net_af_packet1 up", "net_af_packet2 up"]
    set_link(lab, "limpet0", "down")
    limpetd.wait_for(lambda: "back member net_af_packet1 is down" in events(limpetd), "the event of the link")
    assert members(limpetd) == ["net_af_packet1 down", "net_af_packet2 up"]
    assert {source: lab.curl(source) for source in lab.sessions()} == before
    set_link(lab, "limpet0", "up")
    limpetd.wait_for(lambda: "back member net_af_packet1 is up" in events(limpetd), "the event of the link")
    set_link(lab, "limpet1", "down")
    limpetd.wait_for(lambda: "back member net_af_packet2 is down" in events(limpetd), "the event of the link")
    assert {source: lab.curl(source) for source in lab.sessions()} == before
    assert limpetd.json("show", "violations") == []


def test_a_port_whose_link_goes_down_and_comes_up(lab):
    limpetd = lab.start_limpetd(lab.config(pools={"web": {"monitor": None}}))
    source = lab.sessions()[0]
    before = lab.curl(source)
    lab.namespaces["client"].ip("link", "set", "eth0", "down")
    limpetd.wait_for(lambda: events(limpetd) == ["front is down"], "the event of the link")
    assert {row["name"]: row["link"] for row in limpetd.json("show", "ports")} == {"back": "up", "front": "down"}
    lab.namespaces["client"].ip("link", "set", "eth0", "up")
    limpetd.wait_for(lambda: events(limpetd) == ["front is down", "front is up"], "the event of the link")
    assert lab.curl(source) == before
