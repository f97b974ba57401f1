"""Datagrams in fragments: all pieces of one go one way, whatever their order; contradicting ones end."""

import itertools

import pytest
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from support import packets as p
from support import replay as r
from test_full_nat import LOCAL4, LOCAL6
from test_full_nat import settings as full_nat
from test_tunnels import assert_right_outside, split
from test_tunnels import settings as tunnel

FAMILIES = pytest.mark.parametrize("family", [4, 6])
WORKERS = pytest.mark.parametrize("workers", [1, 4])
MODES = pytest.mark.parametrize("mode", ["nat", "dr"])
VIPS = {4: r.VIP4, 6: r.VIP6}
CLIENTS = {4: [f"203.0.113.{i}" for i in range(1, 9)], 6: [f"2001:db8:99::{i:x}" for i in range(1, 9)]}
PAYLOAD = bytes(range(256)) * 12  # 3072 bytes and a header: three fragments of 1400 at most
SIZE = 1400


def datagram(source, destination, source_port, destination_port, payload=PAYLOAD):
    """The whole datagram, checksum right."""
    return type(p.ip(source, destination))(bytes(p.ip(source, destination) /
                                                p.l4("udp", source_port, destination_port, payload=payload)))


def piece(whole, ident, offset, data, more, protocol=17):
    """One fragment of `whole`'s addresses, as an IP packet."""
    if p.IPv6 in whole:
        return (p.IPv6(src=whole.src, dst=whole.dst, hlim=64) /
                IPv6ExtHdrFragment(offset=offset // 8, m=int(more), id=ident, nh=protocol) / p.Raw(data))
    return (p.IP(src=whole.src, dst=whole.dst, id=ident, ttl=64, flags="MF" if more else 0, frag=offset // 8,
                 proto=protocol) / p.Raw(data))


def pieces(whole, ident=77, size=SIZE):
    """`whole` in fragments of `size` bytes at most."""
    body = bytes(whole.payload)
    return [piece(whole, ident, at, body[at:at + size], at + size < len(body)) for at in range(0, len(body), size)]


def on_front(*parts):
    return [p.frame(p.ROUTER_MAC, p.FRONT_MAC, part) for part in parts]


def on_back(backend, *parts):
    return [p.frame(p.BACKEND_MACS[backend], p.BACK_MAC, part) for part in parts]


def place_of(packet):
    """Offset in bytes and data of a fragment that came out."""
    layer = p.network(packet)
    if p.IPv6 in packet:
        header = layer[IPv6ExtHdrFragment]
        return header.offset * 8, bytes(header.payload)
    return layer.frag * 8, bytes(layer.payload)


def joined(packets) -> p.Packet:
    """What the receiver makes of these fragments: the datagram, its checksum checked against scapy's."""
    body = b""
    for offset, data in sorted(place_of(packet) for packet in packets):
        assert offset == len(body), "a gap or an overlap"
        body += data
    first = p.network(packets[0])
    whole = type(first)(bytes(p.ip(first.src, first.dst) / p.UDP(body)))
    assert bytes(whole[p.UDP]) == bytes(type(first)(p.recomputed(p.Ether() / whole)[14:])[p.UDP]), "UDP checksum"
    for packet in packets:
        assert p.IPv6 in packet or p.internet_sum(bytes(packet[p.IP])[:20]) == 0
        assert p.ttl_of(packet) == 63
        assert (p.network(packet).src, p.network(packet).dst) == (first.src, first.dst)
    return whole


def settings(mode):
    return r.config() if mode == "nat" else r.direct()


ORDERS = list(itertools.permutations(range(3)))


@WORKERS
@FAMILIES
@MODES
def test_every_order_to_a_backend(family, mode, workers):
    """Six clients, each with the three fragments in another order: one backend each, the one of its session."""
    scenario = r.Scenario()
    for client in CLIENTS[family][:6]:
        scenario.front(p.from_client(client, 40000, VIPS[family], 80, "udp"))
    for client, order in zip(CLIENTS[family], ORDERS):
        parts = on_front(*pieces(datagram(client, VIPS[family], 40000, 80)))
        scenario.front(*[parts[i] for i in order])
    outcome = r.replay(settings(mode), scenario, workers=workers)
    assert outcome.drops == {} and len(outcome.back) == 6 + 18
    assert all(len(names) == 1 for names in r.choices(outcome).values())
    for client in CLIENTS[family][:6]:
        whole = joined([packet for packet in outcome.back[6:] if p.network(packet).src == client])
        assert p.payload_of(whole) == PAYLOAD
        assert (whole[p.UDP].sport, whole[p.UDP].dport) == (40000, 8080 if mode == "nat" else 80)
        assert (whole.dst == VIPS[family]) == (mode == "dr")
    counters = outcome.counters
    assert (counters["fragment_first"], counters["fragment_followed"]) == (6, 12)
    assert counters["fragment_held"] == sum(order.index(0) for order in ORDERS)


def number_of(packet) -> int:
    """The identification of a fragment's datagram."""
    return packet[IPv6ExtHdrFragment].id if p.IPv6 in packet else packet[p.IP].id


@WORKERS
@FAMILIES
@pytest.mark.parametrize("mode", ["full_nat", "ipip", "gre", "gue"])
def test_every_order_in_the_other_modes(family, mode, workers):
    """From a local address, or each fragment in a tunnel of its own."""
    scenario = r.Scenario()
    for number, order in enumerate(ORDERS):
        parts = on_front(*pieces(datagram(CLIENTS[family][number], VIPS[family], 40000, 80), ident=77 + number))
        scenario.front(*[parts[i] for i in order])
    outcome = r.replay(full_nat(family) if mode == "full_nat" else tunnel(mode), scenario, workers=workers)
    assert outcome.drops == {} and len(outcome.back) == 18
    for number, client in enumerate(CLIENTS[family][:6]):
        frames = outcome.back
        if mode != "full_nat":
            for frame in frames:
                assert_right_outside(frame, mode)
            frames = [p.Ether(src=frame.src, dst=frame.dst) / split(frame, mode)[1] for frame in outcome.back]
        parts = [(frame, got) for frame, got in zip(frames, outcome.back) if number_of(frame) == 77 + number]
        assert len({r.backend_of(got) for _, got in parts}) == 1
        whole = joined([frame for frame, _ in parts])
        assert p.payload_of(whole) == PAYLOAD
        if mode == "full_nat":
            assert whole.src == (LOCAL4 if family == 4 else LOCAL6) and whole[p.UDP].dport == 8080
        else:
            assert (whole.src, whole.dst, whole[p.UDP].sport, whole[p.UDP].dport) == (client, VIPS[family], 40000, 80)


@WORKERS
@FAMILIES
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_to_a_client(family, order, workers):
    """The answer comes in fragments, from the VIP as far as the client can tell."""
    client = CLIENTS[family][0]
    scenario = r.Scenario().front(p.from_client(client, 40000, VIPS[family], 80, "udp"))
    (seen,) = r.replay(r.config(), scenario, workers=workers).back
    backend = r.backend_of(seen)
    parts = on_back(backend, *pieces(datagram(p.network(seen).dst, client, 8080, 40000)))
    outcome = r.replay(r.config(), scenario.back(*[parts[i] for i in order]), workers=workers)
    whole = joined(outcome.front)
    assert (whole.src, whole[p.UDP].sport, whole[p.UDP].dport) == (VIPS[family], 80, 40000)
    assert p.payload_of(whole) == PAYLOAD and outcome.drops == {}


@FAMILIES
def test_held_ones_leave_in_their_order_behind_the_first(family):
    parts = on_front(*pieces(datagram(CLIENTS[family][0], VIPS[family], 40000, 80), size=400))
    assert len(parts) == 8
    order = [5, 2, 7, 0, 1, 3, 4, 6]
    outcome = r.replay(r.config(), r.Scenario().front(*[parts[i] for i in order]))
    assert [place_of(packet)[0] // 400 for packet in outcome.back] == [0, 5, 2, 7, 1, 3, 4, 6]


@WORKERS
@FAMILIES
def test_all_at_one_instant(family, workers):
    """In one burst, with other packets of the same flow on their express way."""
    client, vip = CLIENTS[family][0], VIPS[family]
    scenario = r.Scenario()
    plain = p.from_client(client, 40000, vip, 80, "udp")
    scenario.front(plain)
    (seen,) = r.replay(r.config(), scenario, workers=workers).back
    scenario.back(p.from_backend(r.backend_of(seen), p.network(seen).dst, 8080, client, 40000, "udp"))
    scenario.front(plain)
    parts = on_front(*pieces(datagram(client, vip, 40000, 80)))
    for packet in (plain, parts[2], plain, parts[1], parts[0], plain):
        scenario.front(packet, at_s=3)
    outcome = r.replay(r.config(), scenario, workers=workers)
    assert outcome.drops == {}
    assert p.payload_of(joined([packet for packet in outcome.back if p.UDP not in packet or p.network(packet).len
                                > 1000] if family == 4 else
                               [packet for packet in outcome.back if IPv6ExtHdrFragment in packet])) == PAYLOAD
    assert outcome.counters["fragment_held"] == 2 and len({packet.dst for packet in outcome.back}) == 1


@FAMILIES
def test_duplicates_end(family):
    """A fragment that was there is not sent twice; what comes after the datagram is complete waits in vain."""
    parts = on_front(*pieces(datagram(CLIENTS[family][0], VIPS[family], 40000, 80)))
    outcome = r.replay(r.config(), r.Scenario().front(*[parts[i] for i in (2, 2, 0, 0, 1, 1)]))
    assert p.payload_of(joined(outcome.back)) == PAYLOAD
    assert outcome.drops == {"drop_fragment_duplicate": 2, "drop_fragment_timeout": 1}


OVERLAPS = [
    ("into the first", [(0, 800, True), (400, 800, True), (1600, 400, False)], 0, 1),
    ("around another", [(0, 800, True), (1600, 800, True), (1200, 1600, True), (800, 400, True)], 1, 3),
    ("another end", [(0, 800, True), (800, 800, False), (800, 400, False)], 0, None),
    ("behind the end", [(0, 800, True), (1600, 400, False), (2400, 400, True)], 0, 2),
    ("the end before what was seen", [(0, 800, True), (1600, 400, True), (800, 400, False)], 0, 2),
    ("before the first is there", [(800, 800, True), (400, 800, True), (0, 400, True)], None, None),
]


@FAMILIES
@pytest.mark.parametrize("shapes", [row[1] for row in OVERLAPS], ids=[row[0] for row in OVERLAPS])
def test_overlaps_end_the_datagram(family, shapes):
    """RFC 5722; for IPv4 likewise (RFC 1858): nothing that contradicts what went before leaves, nor does what follows
    it."""
    whole = datagram(CLIENTS[family][0], VIPS[family], 40000, 80, payload=bytes(4000))
    body = bytes(whole.payload)
    parts = on_front(*[piece(whole, 5, at, body[at:at + size], more) for at, size, more in shapes])
    rest = on_front(piece(whole, 5, 3200, body[3200:3600], True))
    outcome = r.replay(r.config(), r.Scenario().front(*parts, *rest))
    assert sum(outcome.drops.values()) + len(outcome.back) == len(shapes) + 1
    assert set(outcome.drops) <= {"drop_fragment_overlap", "drop_fragment_refused", "drop_fragment_timeout"} or \
        shapes[1][2] is False
    seen = set()
    for packet in outcome.back:
        at, data = place_of(packet)
        units = set(range(at // 8, (at + len(data) + 7) // 8))
        assert not units & seen, "an overlap left"
        seen |= units


@FAMILIES
def test_tiny_ones(family):
    client, vip = CLIENTS[family][0], VIPS[family]
    segment = p.ip(client, vip) / p.l4("tcp", 40000, 80, payload=b"x" * 100)
    whole = type(p.ip(client, vip))(bytes(segment))
    body = bytes(whole.payload)
    cut = piece(whole, 1, 0, body[:8], True, 6)
    half = piece(whole, 2, 0, body[:16], True, 6)
    second = piece(whole, 3, 8, body[8:48], True, 6)
    empty = piece(whole, 4, 80, b"", False, 6)
    outcome = r.replay(r.config(), r.Scenario().front(*on_front(cut, half, second, empty)))
    assert outcome.out == [] and outcome.drops == {"drop_fragment_tiny": 4}


@FAMILIES
def test_odd_sizes_and_endless_ones(family):
    whole = datagram(CLIENTS[family][0], VIPS[family], 40000, 80)
    odd = piece(whole, 1, 800, b"x" * 20, True)
    beyond = piece(whole, 2, 65528, b"x" * 16, False)
    outcome = r.replay(r.config(), r.Scenario().front(*on_front(odd, beyond)))
    assert outcome.out == [] and outcome.drops == {"drop_malformed": 1, "drop_fragment_endless": 1}


@FAMILIES
def test_the_largest_datagram(family):
    """Backwards: 47 fragments wait, which are not scattered, and the whole of 65,507 bytes arrives."""
    whole = datagram(CLIENTS[family][0], VIPS[family], 40000, 80, payload=bytes(65507 if family == 4 else 65527 - 8))
    parts = on_front(*pieces(whole))
    outcome = r.replay(r.config(), r.Scenario().front(*reversed(parts)))
    assert outcome.drops == {} and len(outcome.back) == len(parts)
    assert len(p.payload_of(joined(outcome.back))) == len(p.payload_of(whole))


@FAMILIES
def test_more_gaps_than_are_remembered(family):
    """Every second fragment only: the 17th gap is one too many, and all that waited is given up."""
    whole = datagram(CLIENTS[family][0], VIPS[family], 40000, 80, payload=bytes(8000))
    parts = on_front(*pieces(whole, size=80)[1::2])
    outcome = r.replay(r.config(), r.Scenario().front(*parts[:20]))
    assert outcome.out == []
    assert outcome.drops == {"drop_fragment_endless": 17, "drop_fragment_refused": 3}


@FAMILIES
def test_the_first_never_comes(family):
    parts = on_front(*pieces(datagram(CLIENTS[family][0], VIPS[family], 40000, 80)))
    late = r.Scenario().front(parts[1], at_s=0).front(parts[0], at_s=0.9)
    assert r.replay(r.config(limits={"fragment_timeout": "1s"}), late).drops == {}
    late = r.Scenario().front(parts[1], at_s=0).front(parts[0], at_s=1.2)
    outcome = r.replay(r.config(limits={"fragment_timeout": "1s"}), late)
    assert outcome.drops == {"drop_fragment_timeout": 1} and len(outcome.back) == 1


@FAMILIES
def test_what_waits_is_bounded_in_count(family):
    """The oldest give way."""
    limits = {"fragments_held_max": 4}
    scenario = r.Scenario()
    all_parts = [on_front(*pieces(datagram(client, VIPS[family], 40000, 80)))
                 for client in CLIENTS[family][:6]]
    for parts in all_parts:
        scenario.front(parts[1])
    for parts in all_parts:
        scenario.front(parts[0])
    outcome = r.replay(r.config(limits=limits), scenario)
    assert outcome.drops == {"drop_fragment_full": 2} and len(outcome.back) == 6 + 4
    assert outcome.counters["fragment_held"] == 6


@FAMILIES
@pytest.mark.parametrize("held_max, waits", [("0B", 0), ("2KiB", 1), ("4KiB", 2)])
def test_what_waits_is_bounded_in_bytes(family, held_max, waits):
    client = CLIENTS[family][0]
    parts = on_front(*pieces(datagram(client, VIPS[family], 40000, 80, payload=bytes(7000))))
    outcome = r.replay(r.config(limits={"held_max": held_max}), r.Scenario().front(*parts[1:4], parts[0]))
    assert outcome.drops == {"drop_fragment_full": 3 - waits} and len(outcome.back) == 1 + waits


@FAMILIES
def test_later_ones_follow_a_refusal(family):
    """The first found no backend: so does the datagram."""
    pools = {"web": {"backends": {f"b{i}": {"state": "offline"} for i in (1, 2, 3)}}}
    parts = on_front(*pieces(datagram(CLIENTS[family][0], VIPS[family], 40000, 80)))
    outcome = r.replay(r.config(pools=pools), r.Scenario().front(*[parts[i] for i in (1, 0, 2)]))
    assert outcome.out == [] and outcome.drops == {"drop_no_backend": 1, "drop_fragment_refused": 2}


@WORKERS
@FAMILIES
def test_fragments_of_no_service(family, workers):
    """To a VIP on a port of no service: dropped, all of it. A backend's own datagrams: by the transit rule."""
    client = CLIENTS[family][0]
    parts = on_front(*pieces(datagram(client, VIPS[family], 40000, 81)))
    outcome = r.replay(r.config(), r.Scenario().front(*[parts[i] for i in (1, 0, 2)]), workers=workers)
    assert outcome.out == [] and outcome.drops == {"drop_no_service": 1, "drop_fragment_refused": 2}
    backend = (r.ADDRESSES4 if family == 4 else r.ADDRESSES6)["b1"]
    parts = on_back("b1", *pieces(datagram(backend, client, 5000, 6000)))
    outcome = r.replay(r.config(ports={"back": {"transit": "route"}}),
                       r.Scenario().back(*[parts[i] for i in (1, 0, 2)]), workers=workers)
    assert p.network(outcome.front[0]).src == backend
    assert p.payload_of(joined(outcome.front)) == PAYLOAD


@FAMILIES
def test_fragments_from_a_backend_with_the_vip_pass(family):
    """Direct return through Limpet: each on its own, nothing is to be rewritten."""
    parts = on_back("b1", *pieces(datagram(VIPS[family], CLIENTS[family][0], 80, 40000)))
    outcome = r.replay(r.direct(ports={"back": {"transit": "route"}}), r.Scenario().back(*parts))
    assert p.payload_of(joined(outcome.front)) == PAYLOAD and outcome.drops == {}


@FAMILIES
def test_two_datagrams_at_a_time(family):
    """The same identification from two clients, and two datagrams of one: never mixed."""
    first = [pieces(datagram(CLIENTS[family][i], VIPS[family], 40000, 80, payload=bytes([i]) * 3000)) for i in (0, 1)]
    other = pieces(datagram(CLIENTS[family][0], VIPS[family], 40001, 80, payload=b"\7" * 3000), ident=78)
    scenario = r.Scenario()
    for triple in itertools.zip_longest(*first, other):
        scenario.front(*on_front(*triple))
    outcome = r.replay(r.config(), scenario)
    assert outcome.drops == {} and len(outcome.back) == 9
    ones = [packet for packet in outcome.back if p.network(packet).src == CLIENTS[family][1]]
    assert p.payload_of(joined(ones)) == b"\1" * 3000


def test_identification_used_again():
    """IPv4 has 65,536 of them: the next datagram of that number is another one."""
    scenario = r.Scenario()
    for number in range(3):
        scenario.front(*on_front(*pieces(datagram(CLIENTS[4][0], r.VIP4, 40000 + number, 80))))
    outcome = r.replay(r.config(), scenario)
    assert outcome.drops == {} and outcome.counters["fragment_first"] == 3 and len(outcome.back) == 9


def test_headers_before_the_fragment_header():
    client = CLIENTS[6][0]
    parts = []
    for part in pieces(datagram(client, r.VIP6, 40000, 80)):
        header = part[IPv6ExtHdrFragment]
        parts.append(p.IPv6(src=client, dst=r.VIP6) / IPv6ExtHdrDestOpt() / header)
    outcome = r.replay(r.config(), r.Scenario().front(*on_front(*[parts[i] for i in (2, 0, 1)])))
    assert p.payload_of(joined([p.Ether(bytes(packet)) for packet in outcome.back])) == PAYLOAD


def test_fragments_of_fragments():
    client = CLIENTS[6][0]
    nested = (p.IPv6(src=client, dst=r.VIP6) / IPv6ExtHdrFragment(m=1, id=1, nh=44) / IPv6ExtHdrFragment(id=2, nh=17) /
              p.l4("udp", 40000, 80))
    outcome = r.replay(r.config(), r.Scenario().front(*on_front(nested)))
    assert outcome.drops == {"drop_malformed": 1}


@FAMILIES
def test_a_flood_of_firstless_fragments_takes_no_more_room(family):
    """4000 datagrams' worth on 4 workers; honest traffic out of order still passes."""
    scenario = r.Scenario()
    whole = datagram(CLIENTS[family][0], VIPS[family], 40000, 80)
    body = bytes(whole.payload)
    scenario.front(*on_front(*[piece(whole, 1000 + i, 1400, body[1400:1480], True) for i in range(2000)]), at_s=0)
    parts = on_front(*pieces(datagram(CLIENTS[family][0], VIPS[family], 40001, 80), ident=9))
    scenario.front(*[parts[i] for i in (2, 1, 0)], at_s=0.5)
    outcome = r.replay(r.config(limits={"fragments_max": 256, "fragments_held_max": 64}), scenario, workers=4)
    assert p.payload_of(joined(outcome.back)) == PAYLOAD
    assert set(outcome.drops) == {"drop_fragment_full", "drop_fragment_timeout"}
