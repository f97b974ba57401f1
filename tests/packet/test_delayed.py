"""Connections whose handshake Limpet completes: what it promises, holds, passes on and renumbers, packet by packet."""

from dataclasses import dataclass

import pytest
from support import packets as p
from support import replay as r
from support.programs import CommandFailed
from test_full_nat import addresses, settings, vip
from test_icmp import CLIENTS, INNER_ROUTERS, ROUTERS, assert_quote_sums_up, error, quote_of

WAYS = [("nat", 4, 4), ("nat", 6, 6), ("full_nat", 4, 4), ("full_nat", 6, 6), ("full_nat", 4, 6), ("full_nat", 6, 4)]
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: "{}-{}-{}".format(*way))
ALIKE = pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: "{}-{}-{}".format(*way))
EITHER_FAMILY = pytest.mark.parametrize("way", WAYS[:2], ids=["v4", "v6"])  # where no backend is asked
DELAYED = {"profiles": {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}},
           "services": {"web": {"listen": [f"{r.VIP4}:80/tcp", f"[{r.VIP6}]:80/tcp"], "persist": ["route"],
                                 "inspect_delay": "30s"}}}  # a replay goes on for some seconds after its last frame

CLIENT_FIRST, SERVER_FIRST = 2**32 - 200, 7_000_000  # the client's numbers pass zero within the request
OFFER = [("MSS", 1460), ("SAckOK", b""), ("WScale", 6)]
ACCEPT = [("MSS", 1380), ("NOP", None), ("NOP", None), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]
HEAD, TAIL = b"GET / HTTP/1.1\r\nHost: web.example\r\nX-Filler: " + b"x" * 300 + b"\r\nCook", b"ie: SERVER=x.b2\r\n\r\n"
REQUEST = HEAD + TAIL
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nb2"


def wrapped(number: int) -> int:
    return number % 2**32


@dataclass
class Step:
    front: list
    back: list

    @property
    def to_client(self) -> p.TCP:
        (packet,), none = self.front, self.back
        assert none == []
        return packet[p.TCP]

    @property
    def to_backend(self) -> p.TCP:
        (packet,), none = self.back, self.front
        assert none == []
        return packet[p.TCP]


class Talk:
    """A capture that grows: each step says what comes next, and has what leaves for it. Limpet's numbers are the same
    in each run, being made of the secret and the capture's clock."""

    def __init__(self, way, **changes):
        self.forwarding, self.ours, self.theirs = way
        base = settings(self.theirs) if self.forwarding == "full_nat" else r.config()
        self.settings = r.merged(r.merged(base, DELAYED), changes)
        self.client, self.vip = CLIENTS[self.ours], vip(self.ours)
        self.scenario, self.outcome = r.Scenario(), None

    def step(self, *, front=(), back=(), held=0) -> Step:
        begin_ns = self.scenario.now_ns + 1
        self.scenario.front(*front).back(*back)
        self.outcome = r.replay(self.settings, self.scenario, held=held)
        p.assert_checksums(self.outcome.out)

        def fresh(packets):
            return [packet for packet in packets if begin_ns <= round((packet.time - r.START_S) * 10**9) <= self.scenario.now_ns]

        return Step(fresh(self.outcome.front), fresh(self.outcome.back))

    def from_client(self, flags: str, payload=b"", *, seq, ack=0, options=()):
        packet = p.from_client(self.client, 40000, self.vip, 80, flags=flags, payload=payload, seq=wrapped(seq), ack=wrapped(ack))
        packet[p.TCP].options = list(options)
        return packet

    def from_backend(self, syn, flags: str, payload=b"", *, seq, ack, options=()):
        """From whom this SYN asked, to who asked there."""
        name, network, l4 = r.backend_of(syn), p.network(syn), syn[p.TCP]
        packet = p.from_backend(name, addresses(self.theirs)[name], l4.dport, network.src, l4.sport, flags=flags,
                                payload=payload, seq=wrapped(seq), ack=wrapped(ack))
        packet[p.TCP].options = list(options)
        return packet

    # the beginning of each test

    def promised(self, options=OFFER) -> p.TCP:
        answer = self.step(front=[self.from_client("S", seq=CLIENT_FIRST, options=options)]).to_client
        assert (answer.flags, answer.ack) == ("SA", CLIENT_FIRST + 1)
        self.cookie = answer.seq
        return answer

    def asked(self, payload=REQUEST):
        """The SYN that goes to a backend once all is said."""
        self.promised()
        said = self.from_client("PA", payload, seq=CLIENT_FIRST + 1, ack=self.cookie + 1)
        step = self.step(front=[self.from_client("A", seq=CLIENT_FIRST + 1, ack=self.cookie + 1), said], held=1)
        assert step.to_backend.flags == "S"
        return step.back[0]

    def joined(self):
        """As asked(), and the backend has the request."""
        syn = self.asked()
        accepted = self.from_backend(syn, "SA", seq=SERVER_FIRST, ack=CLIENT_FIRST + 1, options=ACCEPT)
        got = self.step(back=[accepted]).to_backend
        assert bytes(got.payload) == REQUEST
        return syn


def assert_says(segment: p.TCP, flags: str, *, seq: int, ack: int, payload=b""):
    assert (segment.flags, segment.seq, segment.ack) == (flags, wrapped(seq), wrapped(ack))
    assert bytes(segment.payload) == payload


@EITHER_FAMILY
def test_a_syn_gets_a_promise_and_leaves_nothing_behind(way):
    talk = Talk(way)
    answer = talk.promised()
    assert [option for option in answer.options if option[0] != "NOP"] == [("MSS", 1400), ("SAckOK", b""), ("WScale", 7)]
    assert Talk(way).promised(options=[("MSS", 1300)]).options == [("MSS", 1400)], "what the client did not offer is not promised"
    assert talk.outcome.counters["flow_new"] == talk.outcome.counters["delayed_opened"] == 0
    told = dict(Talk(way, services={"web": {"max_mss": 1300, "window_scale": 9}}).promised().options)
    assert (told["MSS"], told["WScale"]) == (1300, 9)


@EVERY_WAY
def test_a_connection_from_its_first_packet_to_its_last(way):
    talk = Talk(way)
    talk.promised()
    seq, ack = CLIENT_FIRST + 1, talk.cookie + 1
    nothing = talk.step(front=[talk.from_client("A", seq=seq, ack=ack)], held=1)
    assert (nothing.front, nothing.back) == ([], [])
    nothing = talk.step(front=[talk.from_client("PA", HEAD, seq=seq, ack=ack)], held=2)
    assert (nothing.front, nothing.back) == ([], []), "half a head: neither acknowledged nor passed on"

    asked = talk.step(front=[talk.from_client("PA", TAIL, seq=seq + len(HEAD), ack=ack)], held=2)
    syn = asked.back[0]
    assert_says(asked.to_backend, "S", seq=CLIENT_FIRST, ack=0)
    assert [option for option in syn[p.TCP].options if option[0] != "NOP"] == OFFER, "what the client offered"
    assert r.backend_of(syn) == "b2" and (p.network(syn).dst, syn[p.TCP].dport) == (addresses(talk.theirs)["b2"], 8080)
    assert talk.forwarding == "full_nat" or (p.network(syn).src, syn[p.TCP].sport) == (talk.client, 40000)

    answered = talk.step(back=[talk.from_backend(syn, "SA", seq=SERVER_FIRST, ack=seq, options=ACCEPT)])
    assert answered.front == []
    assert_says(answered.back[0][p.TCP], "PA", seq=seq, ack=SERVER_FIRST + 1, payload=HEAD)
    assert_says(answered.back[1][p.TCP], "PA", seq=seq + len(HEAD), ack=SERVER_FIRST + 1, payload=TAIL)
    assert {p.network(packet).src for packet in answered.back} == {p.network(syn).src}
    assert {packet[p.TCP].sport for packet in answered.back} == {syn[p.TCP].sport} and len(answered.back) == 2

    seq += len(REQUEST)
    first = talk.step(back=[talk.from_backend(syn, "PA", ANSWER, seq=SERVER_FIRST + 1, ack=seq)])
    assert_says(first.to_client, "PA", seq=ack, ack=seq, payload=ANSWER)
    assert (p.network(first.front[0]).src, first.to_client.sport) == (talk.vip, 80)
    assert (p.network(first.front[0]).dst, first.to_client.dport) == (talk.client, 40000)

    ack, theirs = ack + len(ANSWER), SERVER_FIRST + 1 + len(ANSWER)
    assert_says(talk.step(front=[talk.from_client("FA", seq=seq, ack=ack)]).to_backend, "FA", seq=seq, ack=theirs)
    assert_says(talk.step(back=[talk.from_backend(syn, "FA", seq=theirs, ack=seq + 1)]).to_client, "FA", seq=ack, ack=seq + 1)
    assert_says(talk.step(front=[talk.from_client("A", seq=seq + 1, ack=ack + 1)]).to_backend, "A", seq=seq + 1, ack=theirs + 1)
    assert talk.outcome.drops == {"drop_consumed": 2}, "the first acknowledgment and the backend's SYN-ACK"
    assert talk.outcome.counters["delayed_spliced"] == talk.outcome.counters["token_hit"] == 1


@EVERY_WAY
def test_blocks_of_selective_acknowledgments_have_the_receivers_numbers(way):
    talk = Talk(way)
    syn, seq = talk.joined(), CLIENT_FIRST + 1 + len(REQUEST)
    theirs, ours = (SERVER_FIRST + 1001, SERVER_FIRST + 2001), (wrapped(talk.cookie + 1001), wrapped(talk.cookie + 2001))
    sack = talk.from_client("A", seq=seq, ack=talk.cookie + 1, options=[("NOP", None), ("NOP", None), ("SAck", ours)])
    assert dict(talk.step(front=[sack]).to_backend.options)["SAck"] == theirs
    block = (seq + 100, seq + 200)
    sack = talk.from_backend(syn, "A", seq=SERVER_FIRST + 1, ack=seq,
                             options=[("NOP", None), ("NOP", None), ("SAck", tuple(map(wrapped, block)))])
    assert dict(talk.step(back=[sack]).to_client.options)["SAck"] == tuple(map(wrapped, block)), "the client's are its own"


@EVERY_WAY
def test_a_backend_that_refuses_is_passed_over(way):
    """The next ones are asked, each once; when all have refused the client is."""
    talk = Talk(way)
    syn, asked = talk.asked(), ["b2"]
    for held in (1, 0):
        step = talk.step(back=[talk.from_backend(syn, "RA", seq=0, ack=CLIENT_FIRST + 1)], held=held)
        assert_says(step.to_backend, "S", seq=CLIENT_FIRST, ack=0)
        syn = step.back[0]
        asked.append(r.backend_of(syn))
    assert sorted(asked) == ["b1", "b2", "b3"]
    end = talk.step(back=[talk.from_backend(syn, "RA", seq=0, ack=CLIENT_FIRST + 1)]).to_client
    assert "R" in end.flags and end.seq == wrapped(talk.cookie + 1)
    assert talk.outcome.counters["delayed_redispatched"] == 2 and sum(talk.outcome.moves.values()) == 0


@EVERY_WAY
def test_the_next_choice_gets_the_request(way):
    talk = Talk(way)
    step = talk.step(back=[talk.from_backend(talk.asked(), "RA", seq=0, ack=CLIENT_FIRST + 1)], held=1)
    accepted = talk.from_backend(step.back[0], "SA", seq=SERVER_FIRST, ack=CLIENT_FIRST + 1, options=ACCEPT)
    got = talk.step(back=[accepted])
    assert_says(got.to_backend, "PA", seq=CLIENT_FIRST + 1, ack=SERVER_FIRST + 1, payload=REQUEST)
    assert r.backend_of(got.back[0]) == r.backend_of(step.back[0]) != "b2"


@EITHER_FAMILY
@pytest.mark.parametrize("payload", [b"", REQUEST], ids=["bare", "data"])
def test_an_acknowledgment_of_no_promise_is_refused(way, payload):
    talk = Talk(way)
    talk.promised()
    for wrong in (1, 2**31, -1):
        bad = talk.from_client("PA" if payload else "A", payload, seq=CLIENT_FIRST + 1, ack=talk.cookie + 1 + wrong)
        end = talk.step(front=[bad]).to_client
        assert (end.flags, end.seq) == ("R", bad[p.TCP].ack)
    counters = talk.outcome.counters
    assert counters["delayed_opened"] == counters["flow_new"] == counters["made"] == 0
    other = talk.from_client("A", seq=CLIENT_FIRST + 2, ack=talk.cookie + 1)
    end = talk.step(front=[other])
    assert end.back == [] and talk.outcome.counters["delayed_opened"] == 0, "the promise was made to another number"


@ALIKE
def test_an_error_about_an_answer_has_the_backends_numbers(way):
    """A router on the way to the client finds it too large."""
    talk = Talk(way)
    syn, seq = talk.joined(), CLIENT_FIRST + 1 + len(REQUEST)
    answer = talk.from_backend(syn, "PA", ANSWER, seq=SERVER_FIRST + 1, ack=seq)
    sent = talk.step(back=[answer]).front[0]
    name = "fragmentation needed" if talk.ours == 4 else "too big"
    (got,) = talk.step(front=[error(talk.ours, name, ROUTERS[talk.ours], talk.vip, bytes(p.network(sent)))]).back
    quoted, original = quote_of(got), p.network(answer)
    assert r.backend_of(got) == "b2" and (quoted.src, quoted.dst) == (original.src, original.dst)
    assert bytes(quoted.payload) == bytes(original.payload), "as the backend had sent it"
    assert quoted[p.TCP].seq == SERVER_FIRST + 1
    assert_quote_sums_up(got)


@ALIKE
def test_an_error_about_a_request_has_the_clients_numbers(way):
    """A router on the way to the backend finds it too large."""
    talk = Talk(way)
    talk.joined()
    said = talk.from_client("PA", b"more", seq=CLIENT_FIRST + 1 + len(REQUEST), ack=talk.cookie + 1)
    (got,) = talk.step(front=[said]).back
    assert got[p.TCP].ack == SERVER_FIRST + 1
    name = "fragmentation needed" if talk.ours == 4 else "too big"
    told = error(talk.ours, name, INNER_ROUTERS[talk.ours].replace("200", "250"), p.network(got).src,
                 bytes(p.network(got)), back="b2")
    (told,) = talk.step(back=[told]).front
    quoted, original = quote_of(told), p.network(said)
    assert p.network(told).dst == talk.client and (quoted.src, quoted.dst) == (original.src, original.dst)
    quoted, original = quoted[p.TCP], original[p.TCP]
    assert (quoted.sport, quoted.dport, quoted.seq) == (original.sport, 80, original.seq), "what a client looks at"
    assert_quote_sums_up(told)


@EVERY_WAY
def test_first_data_may_overlap_and_come_in_any_order(way):
    talk = Talk(way)
    talk.promised()
    seq, ack = CLIENT_FIRST + 1, talk.cookie + 1
    pieces = [(50, 200), (0, 60), (10, 40), (150, len(REQUEST) - 5), (100, len(REQUEST))]
    said = [talk.from_client("PA", REQUEST[begin:end], seq=seq + begin, ack=ack) for begin, end in pieces]
    syn = talk.step(front=[talk.from_client("A", seq=seq, ack=ack), *said], held=3).back[0]
    accepted = talk.from_backend(syn, "SA", seq=SERVER_FIRST, ack=CLIENT_FIRST + 1, options=ACCEPT)
    text = bytearray(len(REQUEST))
    for packet in talk.step(back=[accepted]).back:
        at, payload = wrapped(packet[p.TCP].seq - seq), bytes(packet[p.TCP].payload)
        text[at:at + len(payload)] = payload
    assert bytes(text) == REQUEST


@EVERY_WAY
def test_probes_of_connections_that_say_nothing(way):
    """Keepalive (RFC 9293, section 3.8.4), both ways; a window that closes, a probe into it (3.8.6.1), and its opening."""
    talk = Talk(way)
    syn, seq = talk.joined(), CLIENT_FIRST + 1 + len(REQUEST)
    ours, theirs = talk.cookie + 1, SERVER_FIRST + 1
    assert_says(talk.step(front=[talk.from_client("A", seq=seq - 1, ack=ours)]).to_backend, "A", seq=seq - 1, ack=theirs)
    assert_says(talk.step(back=[talk.from_backend(syn, "A", seq=theirs, ack=seq)]).to_client, "A", seq=ours, ack=seq)
    assert_says(talk.step(back=[talk.from_backend(syn, "A", seq=theirs - 1, ack=seq)]).to_client, "A", seq=ours - 1, ack=seq)
    for window in (0, 500):
        told = talk.from_client("A", seq=seq, ack=ours)
        told[p.TCP].window = window
        got = talk.step(front=[told]).to_backend
        assert_says(got, "A", seq=seq, ack=theirs)
        assert got.window == window
        probe = talk.from_backend(syn, "A", b"x", seq=theirs, ack=seq)
        probe[p.TCP].window = window
        got = talk.step(back=[probe]).to_client
        assert_says(got, "A", seq=ours, ack=seq, payload=b"x")
        assert got.window == window


@pytest.mark.parametrize("forwarding", ["dr", "ipip", "gre", "gue"])
@pytest.mark.parametrize("why", ["route", "syn_proxy"])
def test_where_answers_do_not_pass_it_is_refused(forwarding, why):
    web = {"forwarding": forwarding} if why == "route" else {"forwarding": forwarding, "syn_proxy": True, "persist": []}
    config = r.merged(r.merged(r.direct(), DELAYED), {"services": {"web": web}})
    with pytest.raises(CommandFailed, match=rf'(?s)"{forwarding}" with .*{why}.*"nat" or "full_nat".*answers must pass Limpet'):
        r.replay(config, r.Scenario())
