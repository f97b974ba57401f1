"""Next hops without a MAC address: Limpet asks, the packet waits, and leaves when the answer comes."""

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr
from support import packets as p
from support import replay as r

ONE = {"web": {"backends": {"b2": None, "b3": None}}}


def settings() -> dict:
    """One backend, whose MAC address nobody has told."""
    return r.config(pools=ONE, ports={"back": {"neighbors": None}})


def arp_answer() -> p.Packet:
    return p.frame(p.BACKEND_MACS["b1"], p.BACK_MAC,
                   p.ARP(op="is-at", hwsrc=p.BACKEND_MACS["b1"], psrc=r.ADDRESSES4["b1"], hwdst=p.BACK_MAC,
                         pdst="198.51.100.1"))


def nd_answer() -> p.Packet:
    return p.frame(p.BACKEND_MACS["b1"], p.BACK_MAC,
                   p.IPv6(src=r.ADDRESSES6["b1"], dst="2001:db8:2::1", hlim=255) /
                   ICMPv6ND_NA(tgt=r.ADDRESSES6["b1"], R=0, S=1, O=1) /
                   ICMPv6NDOptDstLLAddr(lladdr=p.BACKEND_MACS["b1"]))


def packet_of(family: int, port: int) -> p.Packet:
    if family == 4:
        return p.from_client("203.0.113.1", port, r.VIP4, 80)
    return p.from_client("2001:db8:99::1", port, r.VIP6, 80)


def is_question(packet: p.Packet) -> bool:
    return p.ARP in packet or ICMPv6ND_NS in packet


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("family, answer", [(4, arp_answer), (6, nd_answer)])
def test_packets_wait_for_the_answer(family, answer, workers):
    scenario = r.Scenario()
    for n in range(3):
        scenario.front(packet_of(family, 40000 + n), at_s=0.01 * n)
    scenario.back(answer(), at_s=0.2)
    scenario.front(packet_of(family, 50000), at_s=0.5)
    outcome = r.replay(settings(), scenario, workers=workers)
    questions = [packet for packet in outcome.back if is_question(packet)]
    forwarded = [packet for packet in outcome.back if not is_question(packet)]
    assert questions and is_question(outcome.back[0])
    assert [packet[p.TCP].sport for packet in forwarded] == [40000, 40001, 40002, 50000]
    assert {packet.dst for packet in forwarded} == {p.BACKEND_MACS["b1"]}
    times = [float(packet.time) - r.START_S for packet in forwarded]
    assert all(0.2 <= time < 0.5 for time in times[:3]) and times[3] >= 0.5
    assert outcome.counters["held"] == 3
    p.assert_checksums(forwarded)


def test_the_question_is_well_formed():
    outcome = r.replay(settings(), r.Scenario().front(packet_of(4, 40000)).back(arp_answer(), at_s=0.2))
    question = outcome.back[0]
    assert (question.src, question.dst) == (p.BACK_MAC, "ff:ff:ff:ff:ff:ff")
    assert (question[p.ARP].op, question[p.ARP].psrc, question[p.ARP].pdst, question[p.ARP].hwsrc) == (
        1, "198.51.100.1", r.ADDRESSES4["b1"], p.BACK_MAC)


@pytest.mark.parametrize("family", [4, 6])
def test_nobody_answers(family):
    """The packets are dropped and counted; questions are few."""
    outcome = r.replay(settings(), r.Scenario().front(packet_of(family, 40000), packet_of(family, 40001)))
    assert [packet for packet in outcome.back if not is_question(packet)] == []
    assert outcome.drops == {"drop_no_neighbour": 2}
    assert 1 <= len(outcome.back) <= 10


def test_more_packets_than_may_wait():
    scenario = r.Scenario()
    for n in range(2000):
        scenario.front(packet_of(4, 20000 + n), at_s=n / 1e5)
    outcome = r.replay(settings(), scenario)
    assert outcome.counters["drop_neighbour_queue_full"] > 0
    assert outcome.counters["drop_neighbour_queue_full"] + outcome.counters["drop_no_neighbour"] == 2000


def test_an_answer_nobody_asked_for_changes_nothing():
    """A static entry stays, whatever a station claims."""
    lie = p.frame("02:00:00:00:00:66", p.BACK_MAC,
                  p.ARP(op="is-at", hwsrc="02:00:00:00:00:66", psrc=r.ADDRESSES4["b1"], hwdst=p.BACK_MAC,
                        pdst="198.51.100.1"))
    outcome = r.replay(r.config(pools=ONE), r.Scenario().back(lie).front(packet_of(4, 40000), at_s=0.1))
    (got,) = [packet for packet in outcome.back if not is_question(packet)]
    assert got.dst == p.BACKEND_MACS["b1"]
