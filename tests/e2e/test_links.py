"""Links that go down and come up: told by events, and survived by a port that has another one."""

import subprocess

import pytest
from support import netns
from support.lab import Lab
from support.testpmd import Testpmd


@pytest.fixture
def lab():
    """Two links lead to the backends' switch; nothing but the bonding device uses the second."""
    with Lab(backends=2, clients=4) as made:
        limpet, switch = made.namespaces["limpet"], made.namespaces["switch"]
        netns.join(limpet, "back1", switch, "limpet1")
        switch.ip("link", "set", "limpet1", "master", "br0")
        yield made


def bonded(lab, mode=1) -> dict:
    return lab.config(pools={"web": {"monitor": None}},  # the kernel's own address is on one of the links
                      ports={"back": {"device": f"net_bonding0,mode={mode}",
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


@pytest.fixture
def partner(lab):
    """Of the two links: a bonding device of testpmd's that speaks LACP, and hands frames on to the switch. It sends
    LACP frames with others only: so there are always some."""
    switch = lab.namespaces["switch"]
    for name in ("limpet0", "limpet1"):
        switch.ip("link", "set", name, "nomaster")
    netns.join(switch, "inner", switch, "outer")
    switch.ip("link", "set", "outer", "master", "br0")
    devices = ["net_af_packet0,iface=limpet0", "net_af_packet1,iface=limpet1", "net_af_packet2,iface=inner",
               "net_bonding0,mode=4,slave=net_af_packet0,slave=net_af_packet1"]
    ping = lab.namespaces["b1"].popen("ping", "-q", "-b", "-i", "0.05", "198.51.100.255", stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
    with Testpmd("lacp", devices, before=switch.command("nice", "-n", "19"), memory=("--no-huge", "-m", "512"),
                 own=["--total-num-mbufs=16384"]) as testpmd:
        testpmd.tell("set portlist 2,3")
        testpmd.tell("set fwd io")
        testpmd.tell("start")
        yield testpmd
    ping.terminate()
    ping.wait()


def agreed(partner) -> int:
    return partner.tell("show bonding lacp info 3").count("COLLECTING DISTRIBUTING")


def test_two_links_agree_by_lacp(lab, partner):
    limpetd = lab.start_limpetd(bonded(lab, mode=4))
    limpetd.wait_for(lambda: members(limpetd) == ["net_af_packet1 up", "net_af_packet2 up"], "LACP", timeout_s=40)
    limpetd.wait_for(lambda: agreed(partner) == 4, "the partner to agree: each link, as each end sees it")
    before = {source: lab.curl(source) for source in lab.sessions()}
    assert set(before.values()) == {"b1", "b2"}
    assert {source: lab.curl(source) for source in lab.sessions()} == before
    assert "back member net_af_packet2 is up" in events(limpetd)
    assert limpetd.json("show", "violations") == []
