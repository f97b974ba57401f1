"""perf/wire: what its captures hold, and that only live flows are measured."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from support import memif

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from perf.wire import capture, flows  # noqa: E402


def ends(frame: bytes) -> tuple:
    packet = Ether(frame)
    return (packet[IP].src, packet[TCP].sport), (packet[IP].dst, packet[TCP].dport)


@pytest.mark.parametrize("payload_bytes", [0, 12])
def test_frames_are_whole(payload_bytes):
    for frame in (capture.requests(payload_bytes)[0], capture.answers(payload_bytes)[-1]):
        again = Ether(frame)
        for layer in (IP, TCP):
            del again[layer].chksum
        assert bytes(again) == frame and again[IP].len == 40 + payload_bytes and str(again[TCP].flags) == "A"


def test_every_backend_answers_every_client():
    asked = [ends(frame) for frame in capture.requests()]
    answered = [ends(frame) for frame in capture.answers()]
    assert len(set(asked)) == capture.FLOWS and {vip for _, vip in asked} == {capture.VIP}
    servers = [(address, 80) for address, _ in memif.backends_of().values()]
    assert sorted(answered) == sorted((server, client) for client, _ in asked for server in servers)


def test_answers_come_to_the_port_of_their_backends():
    known = memif.config(Path("/run"), Path("/run"))["ports"]["back"]
    for frame in capture.answers():
        assert Ether(frame).dst == known["mac"] and Ether(frame).src == known["neighbors"][Ether(frame)[IP].src]


class Counting:
    """A limpetd that has `live` of the flows live, and counts as it is told."""

    def __init__(self, live: int, **counters):
        self.live, self.now = live, counters

    def json(self, *words):
        assert words[:3] == ("show", "flows", "--limit") and int(words[3]) > capture.FLOWS
        return [{"state": "established" if i < self.live else "embryonic"} for i in range(capture.FLOWS)]

    def counters(self):
        return dict(self.now)


def test_flows_that_are_not_live_are_not_measured():
    with pytest.raises(RuntimeError, match="999 are live"):
        flows.Check(Counting(capture.FLOWS - 1))


@pytest.mark.parametrize("later, trouble", [
    ({"received": 10**6, "forwarded_in": 10**6}, None),
    ({"received": 10**6, "forwarded_in": 10**6 - 900}, None),  # still in hand
    ({"received": 10**6, "forwarded_in": 10**6 // 2, "forwarded_back": 10**6 // 2}, "not clients'"),
    ({"received": 10**6, "forwarded_in": 10**6, "flow_new": 1}, "flows were made: 1"),
    ({"received": 10**6, "forwarded_in": 10**6, "flow_ended": 1}, "ended: 1"),
    ({"received": 10**6, "forwarded_in": 10**6, "drop_no_route": 1}, "drop_no_route"),
])
def test_what_was_measured_is_checked(later, trouble):
    limpetd = Counting(capture.FLOWS, received=5, drop_no_return_flow=7)
    check = flows.Check(limpetd)
    limpetd.now = {"drop_no_return_flow": 7} | {name: value + limpetd.now.get(name, 0) for name, value in later.items()}
    if trouble is None:
        check.hold()
    else:
        with pytest.raises(RuntimeError, match=trouble):
            check.hold()
    limpetd.live = 0
    with pytest.raises(RuntimeError, match="0 are live"):
        check.hold()


def test_what_got_lost_is_sent_again(monkeypatch):
    monkeypatch.setattr(flows, "PLAN_AGE_S", 0)
    limpetd, said = Counting(0), []

    def answer():
        said.append("answer")
        limpetd.live = capture.FLOWS // 2 * said.count("answer")

    flows.establish(limpetd, lambda: said.append("ask"), answer)
    assert said == ["ask", "answer", "ask"] * 2
    with pytest.raises(RuntimeError, match="only 0 are live"):
        flows.establish(Counting(0), SimpleNamespace, SimpleNamespace, tries=2)
