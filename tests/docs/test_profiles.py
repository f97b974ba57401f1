"""The examples of docs/persistence.md keep what the page promises: each is run, as it stands there but for sizes and
neighbours, through limpet-replay."""

import re
import tomllib

import pytest
from support import packets as p
from support import replay as r
from support.lab import merged
from support.programs import ROOT

PAGE = (ROOT / "docs/persistence.md").read_text()
EXAMPLES = dict(re.findall(r"^### An? ([a-z ]+)\n.*?^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
MINUTE_S = 60


class Example:
    """One of the page's configurations, with a capture being written for it."""

    def __init__(self, title: str, changes: dict | None = None):
        model = merged(tomllib.loads(EXAMPLES[title]), changes or {})
        backends = [(name, backend) for pool in model["pools"].values() for name, backend in pool["backends"].items()]
        endpoints = {address_of(endpoint): (name, endpoint) for name, backend in backends
                     for endpoint in several(backend["address"])}
        self.backend_of = {address: name for address, (name, _) in endpoints.items()}
        self.l4_port_of = {address: port_of(endpoint) for address, (_, endpoint) in endpoints.items()}
        neighbors = {address: f"02:00:00:00:00:{number:02x}" for number, address in enumerate(self.backend_of, 0x20)}
        self.settings = merged(model, {
            "limpetd": {"secret_file": "/nonexistent/secret"}, "limits": {"flows_max": 20000, "records_max": 20000},
            "ports": {"front": {"mac": p.FRONT_MAC, "neighbors": {"192.0.2.254": p.ROUTER_MAC,
                                                                  "2001:db8:1::fe": p.ROUTER_MAC}},
                      "back": {"mac": p.BACK_MAC, "neighbors": neighbors}}})
        if len(model["ports"]["front"]["addresses"]) == 1:
            del self.settings["ports"]["front"]["neighbors"]["2001:db8:1::fe"]
        self.scenario, self.ports = r.Scenario(), iter(range(20000, 60000))

    def connect(self, client: str, vip: str, port: int, *, at_s=None):
        """A TCP connection that has shown its address and is closed again."""
        self.hold(client, vip, port, at_s=at_s)
        self.send(client, self.last, vip, port, flags="R", seq=1002)

    def hold(self, client: str, vip: str, port: int, *, at_s=None):
        """One that goes on. Whichever backend has it answers: the others' answers belong to no flow."""
        self.last = next(self.ports)
        self.send(client, self.last, vip, port, flags="S", at_s=at_s)
        self.answer(client, self.last, port, flags="SA", ack=1001)
        self.send(client, self.last, vip, port, flags="A", seq=1001, ack=1001)

    def answer(self, client: str, client_port: int, port: int, protocol="tcp", **fields):
        for address in self.backend_of:
            if (":" in address) == (":" in client):
                self.scenario.back(p.from_backend("b1", address, self.l4_port_of[address] or port, client, client_port,
                                                  protocol, **fields))

    def send(self, client: str, client_port: int, vip: str, port: int, protocol="tcp", *, at_s=None, **fields):
        self.scenario.front(p.from_client(client, client_port, vip, port, protocol, **fields), at_s=at_s)

    def run(self, workers=2) -> r.Outcome:
        return r.replay(self.settings, self.scenario, workers=workers)

    def reached(self, outcome: r.Outcome, key) -> dict:
        """key(client, client port, service's port) -> the backends that its packets reached, in order of first use."""
        found: dict = {}
        for packet in outcome.back:
            network, transport = p.network(packet), p.transport(packet)
            names = found.setdefault(key(network.src, transport.sport, transport.dport), [])
            name = self.backend_of[network.dst]
            if name not in names:
                names.append(name)
        return found


def several(value) -> list:
    return value if isinstance(value, list) else [value]


def address_of(endpoint: str) -> str:
    """Of a backend's address with or without a port."""
    if endpoint.startswith("["):
        return endpoint[1:].split("]")[0]
    return endpoint if endpoint.count(":") > 1 else endpoint.split(":")[0]


def port_of(endpoint: str) -> int:
    """0 where the backend's address names none."""
    return int(endpoint.rsplit(":", 1)[1]) if endpoint.startswith("[") or endpoint.count(":") == 1 else 0


def by_client(client, client_port, port):
    return client


def test_the_four_are_there():
    assert list(EXAMPLES) == ["shop", "bank", "game", "office suite"]


def test_a_shop_visitor_has_one_cart_over_http_and_https():
    shop = Example("shop")
    visitors = r.clients(30, 4) + [f"2001:db8:99:{net:x}::{host:x}" for net in range(1, 11) for host in (1, 0xbeef)]
    for port in (80, 443, 80):
        for client in visitors:
            shop.connect(client, r.VIP6 if ":" in client else r.VIP4, port)
    reached = shop.reached(shop.run(), lambda client, *_: client if "." in client else client.rsplit("::")[0])
    assert len(reached) == 40
    assert all(len(names) == 1 for names in reached.values()), reached
    assert {name for names in reached.values() for name in names} == {"shop1", "shop2", "shop3"}


def test_a_shop_sends_new_visitors_past_the_crowd():
    shop = Example("shop")
    for _ in range(300):
        shop.hold("203.0.113.200", r.VIP4, 443)
    visitors = r.clients(60, 4)
    for number, client in enumerate(visitors):
        shop.hold(client, r.VIP4, 443, at_s=10 + number)
    outcome = shop.run(workers=1)  # what other workers carry is control's to tell, and a replay has none
    reached = shop.reached(outcome, by_client)
    crowd = reached.pop("203.0.113.200")
    assert len(crowd) == 1, "the crowd keeps its carts"
    assert crowd[0] not in {name for names in reached.values() for name in names}, "nobody new joins it"
    assert outcome.counters["chosen_spilled"] > 0


def test_a_bank_takes_proxies_of_one_network_for_one_customer():
    bank = Example("bank")
    for turn in range(3):
        for net in range(1, 9):
            bank.connect(f"198.18.{net}.{10 + turn}", r.VIP4, 443)
            bank.connect(f"2001:db8:99:{net:x}0{turn}::1", r.VIP6, 443)
    reached = bank.reached(bank.run(), lambda client, *_: client.rsplit(".", 1)[0] if "." in client else client[:-4])
    assert len(reached) == 16
    assert all(len(names) == 1 for names in reached.values()), reached
    assert {name for names in reached.values() for name in names} == {"core1", "core2"}, "the spare one rests"


def test_a_bank_refuses_whom_it_cannot_keep():
    bank = Example("bank", {"profiles": {"customer": {"max_records": 2}}})
    for number, net in enumerate((1, 2, 3, 1)):
        bank.connect(f"198.18.{net}.1", r.VIP4, 443, at_s=number)
    outcome = bank.run()
    assert set(bank.reached(outcome, by_client)) == {"198.18.1.1", "198.18.2.1"}
    assert outcome.counters["drop_no_record"] > 0


def test_a_bank_chooses_anew_after_a_day():
    """Connections every ten minutes keep a session for ten hours, whatever the load; then the idle server takes it."""
    bank = Example("bank")
    for number in range(66):
        bank.connect("198.18.1.1", r.VIP4, 443, at_s=number * 10 * MINUTE_S)
        for other in range(3) if number == 1 else ():
            bank.hold("198.18.1.2", r.VIP4, 443)
        for other in range(6) if number in (59, 60, 61) else ():
            bank.hold("198.18.1.3", r.VIP4, 443)
    outcome = bank.run()
    names = [bank.backend_of[packet["IP"].dst] for packet in outcome.back
             if packet["IP"].src == "198.18.1.1" and packet["TCP"].flags == "S"]
    assert len(names) == 66
    assert len(set(names[:61])) == len(set(names[61:])) == 1, names
    assert names[60] != names[61], "older than ten hours: decided anew, and the other server has less to do"


def test_a_game_tells_players_behind_one_address_apart():
    game = Example("game")
    players = range(40000, 40040)
    for at_s in (0, 30, 3 * MINUTE_S, 7 * MINUTE_S):  # also over pauses that end the flow
        for number, port in enumerate(players):
            for _ in range(2):
                game.send("203.0.113.7", port, r.VIP4, 27015, "udp", payload=b"move", at_s=at_s + number / 10)
                game.answer("203.0.113.7", port, 27015, "udp", payload=b"seen")
    reached = game.reached(game.run(), lambda client, client_port, port: client_port)
    assert set(reached) == set(players)
    assert all(len(names) == 1 for names in reached.values()), reached
    counts = [sum(names == [f"arena{n}"] for names in reached.values()) for n in (1, 2, 3)]
    assert counts[2] > counts[0] > 0 and counts[2] > counts[1] > 0, "the third has twice the weight"


def test_an_office_meets_on_one_server_whoever_asks():
    office = Example("office suite")
    tenants, tenant_of = [f"192.0.2.{64 + n}" for n in range(20)], {}
    for number, client in enumerate(r.clients(10, 4)):
        for tenant in tenants:
            office.hold(client, tenant, (443, 993, 8443)[number % 3])
            tenant_of[office.last] = tenant
    outcome = office.run()
    reached = office.reached(outcome, lambda client, client_port, port: tenant_of[client_port])
    assert set(reached) == set(tenants)
    assert all(len(names) == 1 for names in reached.values()), reached
    assert {name for names in reached.values() for name in names} == {"office1", "office2", "office3"}


def test_an_offices_callers_keep_their_relay_a_tenant():
    office = Example("office suite")
    call_of = {}
    for client in r.clients(12, 4):
        for tenant in ("192.0.2.70", "192.0.2.71"):
            for _ in range(4):
                port = next(office.ports)
                call_of[port] = (client, tenant)
                for _ in range(2):
                    office.send(client, port, tenant, 3478, "udp", payload=b"stun")
    reached = office.reached(office.run(), lambda client, client_port, port: call_of[client_port])
    assert len(reached) == 24
    assert all(len(names) == 1 for names in reached.values()), reached
    apart = [client for client in r.clients(12, 4)
             if reached[client, "192.0.2.70"] != reached[client, "192.0.2.71"]]
    assert apart, "a client's two tenants are two sessions"


@pytest.mark.parametrize("type_", ["source_ip", "source_ip_port", "destination_ip", "source_destination", "five_tuple",
                                   "none", "cookie", "header", "url_param", "path", "host", "tls_sni",
                                   "tls_session_id", "tls_ticket", "rdp_mstshash", "rdp_msts", "mqtt_client_id",
                                   "x_forwarded_for", "universal"])
def test_every_type_is_in_the_table(type_):
    assert f"| `{type_}`" in PAGE


def test_every_reason_for_a_move_is_in_the_table():
    """And no other."""
    listed = re.search(r"#define LIMPET_MOVE_REASONS\(X\)(.*?)\n(?!  X)", (ROOT / "lib/path/reason.hpp").read_text(), re.DOTALL)[1]
    table = PAGE.split("\n## Moves and violations")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| ([^|]*`[^|]*) \|", table, re.MULTILINE)
    told = [name for cell in first_cells for name in re.findall(r"`([a-z_]+)`", cell)]
    assert sorted([*told, "violation"]) == sorted(re.findall(r"X\((\w+)\)", listed))
