"""Full NAT with client_address: backends are told the client, by a PROXY protocol header or a TCP option."""

import ipaddress
import struct

import pytest
from support import packets as p
from support import replay as r
from test_full_nat import PAIRS, addresses, settings, vip

ISN, SERVER_ISN, PORT = 0xFFFFFFF0, 5000, 40000  # the client's numbers wrap round soon
FIRST = (ISN + 1) % 2**32
SACK_OK = ("SAckOK", b"")


def told(family: int, how="proxy_v2", **changes) -> dict:
    listens = [f"{address}:80/tcp" for address in (r.VIP4, f"[{r.VIP6}]")]
    return settings(family, services={"web": {"client_address": how, "listen": listens}}, **changes)


def header(client: str, vip_address: str, client_port=PORT) -> bytes:
    """proxy-protocol.txt, section 2.2."""
    ends = [ipaddress.ip_address(address).packed for address in (client, vip_address)]
    body = b"".join(ends) + struct.pack("!HH", client_port, 80)
    kind = 0x11 if len(ends[0]) == 4 else 0x21
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, kind, len(body)) + body


class Talk:
    """One connection whose every packet is given; the backend's end is learnt by a run of its SYN alone."""

    def __init__(self, config: dict, ours: int, theirs: int):
        self.config, self.ours, self.theirs = config, ours, theirs
        self.client, self.vip = r.clients(1, ours)[0], vip(ours)
        self.header = header(self.client, self.vip)
        (got,) = r.replay(config, r.Scenario().front(self.up("S", seq=ISN))).back
        self.name, self.local = r.backend_of(got), (p.network(got).src, p.transport(got).sport)

    def up(self, flags="A", seq=FIRST, ack=SERVER_ISN + 1, options=(), **segment):
        sent = p.from_client(self.client, PORT, self.vip, 80, flags=flags, seq=seq % 2**32,
                             ack=0 if flags == "S" else ack, **segment)
        sent[p.TCP].options = list(options)
        return p.Ether(bytes(sent))

    def down(self, flags="A", seq=SERVER_ISN + 1, ack=FIRST, options=(), **segment):
        sent = p.from_backend(self.name, addresses(self.theirs)[self.name], 8080, *self.local, flags=flags, seq=seq,
                              ack=ack % 2**32, **segment)
        sent[p.TCP].options = list(options)
        return p.Ether(bytes(sent))

    def opened(self, options=(SACK_OK,)) -> r.Scenario:
        """SYN, SYN-ACK and the client's ACK."""
        accepted = self.down("SA", seq=SERVER_ISN, ack=FIRST - len(self.header), options=options)
        return r.Scenario().front(self.up("S", seq=ISN)).back(accepted).front(self.up())

    def run(self, scenario: r.Scenario) -> r.Outcome:
        outcome = r.replay(self.config, scenario)
        p.assert_checksums(outcome.out)
        return outcome


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}to{pair[1]}")
def talk(request):
    ours, theirs = request.param
    return Talk(told(theirs), ours, theirs)


@pytest.fixture
def plain():
    return Talk(told(4), 4, 4)


def numbers(packet) -> tuple[int, int, bytes]:
    return packet[p.TCP].seq, packet[p.TCP].ack, p.payload_of(packet)


def test_the_header_comes_first_and_shifts_nothing(talk):
    n = len(talk.header)
    scenario = talk.opened().front(talk.up(payload=b"hello"))
    scenario.back(talk.down(ack=FIRST + 5)).front(talk.up(seq=FIRST + 5, payload=b"more"))
    outcome = talk.run(scenario)
    syn, ack, data, more = outcome.back
    assert (syn[p.TCP].seq, syn[p.TCP].flags) == ((ISN - n) % 2**32, "S") and p.payload_of(syn) == b""
    assert numbers(ack) == ((FIRST - n) % 2**32, SERVER_ISN + 1, talk.header)
    assert numbers(data) == ((FIRST - n) % 2**32, SERVER_ISN + 1, talk.header + b"hello"), "not acknowledged yet"
    assert numbers(more) == ((FIRST + 5) % 2**32, SERVER_ISN + 1, b"more")
    accepted, answer = outcome.front
    assert (accepted[p.TCP].flags, accepted[p.TCP].ack) == ("SA", FIRST)
    assert (answer[p.TCP].seq, answer[p.TCP].ack) == (SERVER_ISN + 1, (FIRST + 5) % 2**32)
    assert outcome.drops == {} and outcome.counters["proxy_header"] == 2


def test_acknowledged_alone(talk):
    """The backend has the header and nothing else: from then on packets leave as they come."""
    scenario = talk.opened().back(talk.down()).front(talk.up(payload=b"hello"), talk.up("FA", seq=FIRST + 5))
    outcome = talk.run(scenario)
    assert [numbers(got)[2] for got in outcome.back[2:]] == [b"hello", b""]
    assert outcome.back[3][p.TCP].seq == (FIRST + 5) % 2**32
    assert outcome.front[1][p.TCP].ack == FIRST


def test_a_lost_header_is_missed_and_comes_again(talk):
    """The client's first segment is too large to take it along: the backend's SACK brings it."""
    n, full = len(talk.header), bytes(1440)
    times = [("NOP", None), ("NOP", None), ("Timestamp", (700, 300))]
    sacked = [*times, ("NOP", None), ("NOP", None), ("SAck", (FIRST, (FIRST + 1440) % 2**32))]
    scenario = talk.opened().front(talk.up(payload=full))
    missing = talk.down(seq=SERVER_ISN + 1, ack=FIRST - n, options=sacked)
    scenario.back(missing).back(talk.down(ack=FIRST + 1440)).front(talk.up(seq=FIRST + 1440, payload=b"more"))
    outcome = talk.run(scenario)
    again = outcome.back[3]
    assert p.payload_of(outcome.back[2]) == full and outcome.back[2][p.TCP].seq == FIRST
    assert numbers(again) == ((FIRST - n) % 2**32, SERVER_ISN + 1, talk.header)
    assert (p.network(again).src, again[p.TCP].sport) == talk.local and again[p.TCP].dport == 8080
    assert r.backend_of(again) == talk.name
    assert dict(again[p.TCP].options)["Timestamp"] == (300, 700) and "SAck" not in dict(again[p.TCP].options)
    assert p.payload_of(outcome.back[4]) == b"more" and len(outcome.back) == 5
    assert len(outcome.front) == 2, "the client has nothing to learn from it"
    counted = {name: outcome.counters[name] for name in ("proxy_header", "proxy_header_later", "proxy_header_repeated")}
    assert counted == {"proxy_header": 1, "proxy_header_later": 1, "proxy_header_repeated": 1} and outcome.drops == {}


def test_a_lost_first_packet_of_the_client_is_repeated_with_the_header(plain):
    scenario = plain.opened().front(plain.up(), plain.up(payload=b"hello"), plain.up(payload=b"hello"))
    outcome = plain.run(scenario)
    assert {got[p.TCP].seq for got in outcome.back[1:]} == {FIRST - 28}
    assert [p.payload_of(got) for got in outcome.back[1:]] == [plain.header] * 2 + [plain.header + b"hello"] * 2


def test_backends_without_sack(plain):
    """They can't show what they miss: all segments get room for the header, and duplicates tell the client."""
    scenario = plain.opened([("MSS", 1460)]).front(plain.up(payload=bytes(1432)), plain.up(seq=FIRST + 1432, payload=b"x"))
    scenario.back(plain.down(ack=FIRST - 28), plain.down(ack=FIRST - 28, payload=b"banner"))
    outcome = plain.run(scenario)
    assert outcome.front[0][p.TCP].options == [("MSS", 1432)]
    assert len(p.payload_of(outcome.back[2])) == 1460
    assert (outcome.back[3][p.TCP].seq, p.payload_of(outcome.back[3])) == ((FIRST + 1432) % 2**32, b"x")
    assert [got[p.TCP].ack for got in outcome.front[1:]] == [FIRST, FIRST], "never less than the client has sent"
    assert outcome.drops == {}


def test_mss_stays_where_backends_have_sack(plain):
    outcome = plain.run(plain.opened([("MSS", 1460), SACK_OK, ("EOL", None)]))
    assert dict(outcome.front[0][p.TCP].options)["MSS"] == 1460


def test_a_backend_that_refuses(plain):
    scenario = r.Scenario().front(plain.up("S", seq=ISN)).back(plain.down("RA", seq=0, ack=FIRST - 28))
    (refused,) = plain.run(scenario).front
    assert (refused[p.TCP].flags, refused[p.TCP].ack) == ("RA", FIRST)


def test_a_reset_reaches_a_backend_that_waits_for_the_header(plain):
    accepted = plain.down("SA", seq=SERVER_ISN, ack=FIRST - 28)
    scenario = r.Scenario().front(plain.up("S", seq=ISN)).back(accepted).front(plain.up("R"))
    assert numbers(plain.run(scenario).back[1])[0] == FIRST - 28


def test_options_that_do_not_go_with_it(plain):
    asked = [("MSS", 1460), (34, b""), (30, b"\0\1" + bytes(8)), SACK_OK]
    (syn,) = plain.run(r.Scenario().front(plain.up("S", seq=ISN, options=asked))).back
    assert dict(syn[p.TCP].options).keys() == {"MSS", "SAckOK", "NOP"}


def forged() -> bytes:
    return header("192.0.2.99", r.VIP4, 1)


@pytest.mark.parametrize("where", ["syn", "early", "unanswered", "overlap", "late_number", "fragment"])
def test_a_client_can_not_say_who_it_is(plain, where):
    """Nothing that a client sends takes the header's place."""
    syn = plain.up("S", seq=ISN)
    bad, more = plain.up(seq=FIRST - 28, payload=forged()), 0
    if where == "syn":
        scenario = r.Scenario().front(plain.up("S", seq=ISN, payload=forged()))
    elif where == "unanswered":
        scenario = r.Scenario().front(syn, bad, plain.up(payload=b"x"))
        more = 1
    elif where == "late_number":  # another SYN does not move the place of a header that is under way
        scenario = plain.opened().front(plain.up("S", seq=ISN - 20000), bad)
    elif where == "fragment":
        from scapy.layers.inet import fragment
        scenario = plain.opened().front(*fragment(plain.up(payload=bytes(600)), 320))
        more = 1
    else:
        scenario = plain.opened().front(plain.up(seq=FIRST - 10, payload=forged()) if where == "overlap" else bad)
    outcome = plain.run(scenario)
    assert sum(outcome.drops.values()) == 1 + more and outcome.drops["drop_before_header"] >= 1
    assert not any(forged() in bytes(got) for got in outcome.back)


def test_a_syn_ack_of_another_syn_opens_nothing(plain):
    """Two SYNs, and the backend takes the first: what the client then sends would lie in the header's place."""
    accepted = plain.down("SA", seq=SERVER_ISN, ack=FIRST - 28)
    scenario = r.Scenario().front(plain.up("S", seq=ISN), plain.up("S", seq=ISN - 20000)).back(accepted)
    outcome = plain.run(scenario.front(plain.up(seq=FIRST - 28, payload=forged())))
    assert outcome.front == [] and outcome.drops == {"drop_before_header": 2} and len(outcome.back) == 2


def test_a_number_used_again_while_the_flow_is_remembered(plain):
    """The backend has forgotten the connection, Limpet has not: the new one is told of too."""
    isn = 7000
    scenario = plain.opened().back(plain.down()).front(plain.up("S", seq=isn))
    scenario.back(plain.down("SA", seq=9000, ack=isn + 1 - 28)).front(plain.up(seq=isn + 1, ack=9001))
    outcome = plain.run(scenario)
    assert outcome.back[2][p.TCP].seq == isn - 28
    assert numbers(outcome.back[3]) == (isn + 1 - 28, 9001, plain.header)
    assert outcome.front[2][p.TCP].ack == isn + 1


def address_option(client: str) -> tuple[int, bytes]:
    return 254, struct.pack("!H", PORT) + ipaddress.ip_address(client).packed


@pytest.mark.parametrize("ours, theirs", PAIRS)
def test_toa(ours, theirs):
    talk = Talk(told(theirs, "toa"), ours, theirs)
    times = ("Timestamp", (1, 2))
    accepted = talk.down("SA", seq=SERVER_ISN)
    scenario = r.Scenario().front(talk.up("S", seq=ISN)).back(accepted).front(talk.up(options=[times]))
    scenario.front(talk.up(payload=b"hello")).back(talk.down(ack=FIRST + 5)).front(talk.up(seq=FIRST + 5, payload=b"x"))
    outcome = talk.run(scenario)
    syn, ack, data, more = outcome.back
    assert address_option(talk.client) == ack[p.TCP].options[0] and times in ack[p.TCP].options
    assert address_option(talk.client) in data[p.TCP].options and p.payload_of(data) == b"hello"
    assert [numbers(got)[0] for got in outcome.back] == [ISN, FIRST, FIRST, (FIRST + 5) % 2**32], "nothing is shifted"
    assert syn[p.TCP].options == [] and more[p.TCP].options == []
    assert outcome.counters["toa_added"] == 2 and outcome.drops == {}


@pytest.mark.parametrize("size, options", [(1453, []), (0, [("NOP", None)] * 36)])
def test_toa_without_room(size, options):
    talk = Talk(told(4, "toa"), 4, 4)
    scenario = r.Scenario().front(talk.up("S", seq=ISN)).back(talk.down("SA", seq=SERVER_ISN))
    outcome = talk.run(scenario.front(talk.up(payload=bytes(size), options=options)))
    assert outcome.counters["toa_no_room"] == 1 and outcome.counters["toa_added"] == 0
    assert len(p.payload_of(outcome.back[1])) == size


def test_a_clients_own_toa_is_blanked():
    talk = Talk(told(4, "toa"), 4, 4)
    own = [address_option("192.0.2.99")]
    scenario = r.Scenario().front(talk.up("S", seq=ISN, options=own)).back(talk.down("SA", seq=SERVER_ISN))
    outcome = talk.run(scenario.front(talk.up(options=own)))
    assert [option for got in outcome.back for option in got[p.TCP].options if option[0] == 254] == [
        address_option(talk.client)]
