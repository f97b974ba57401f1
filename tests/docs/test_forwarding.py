"""The configurations of docs/forwarding.md do what their sections say: each is run as it stands there, but for MAC
addresses, through limpet-replay."""

import ipaddress
import re
import sys
import tomllib
from pathlib import Path

import pytest
from support import packets as p
from support import replay as r
from support.lab import merged
from support.programs import ROOT

sys.path.append(str(Path(__file__).parents[1] / "packet"))
from test_tunnels import assert_right, split  # noqa: E402

PAGE = (ROOT / "docs/forwarding.md").read_text()
SECTIONS = dict(re.findall(r"^([a-z_]+)\n(.*)", text, re.DOTALL)[0] for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)
                if re.match(r"[a-z_]+\n", text))
EXAMPLES = {title: re.search(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
            for title, text in SECTIONS.items()}
TUNNELS = ("ipip", "gre", "gue")


def addresses(model: dict) -> list[str]:
    """Of the backends, without ports."""
    texts = [text for pool in model["pools"].values() for backend in pool["backends"].values()
             for text in (backend["address"] if isinstance(backend["address"], list) else [backend["address"]])]
    return [re.sub(r"^\[(.*)\]:\d+$|^([\d.]+):\d+$", lambda match: match[1] or match[2], text) for text in texts]


def clients(count: int, family: int) -> list[str]:
    """Each a session of its own."""
    return [f"2001:db8:99:{n:x}::1" for n in range(count)] if family == 6 else r.clients(count, family)


def run(title: str, count=30, more: dict | None = None) -> tuple[dict, r.Outcome]:
    """Clients of both families, each with one connection over TCP."""
    model = merged(tomllib.loads(EXAMPLES[title]), more or {})
    macs = {address: f"02:00:00:00:00:{number:02x}" for number, address in enumerate(addresses(model), 0x20)}
    back = model["ports"].get("back", model["ports"]["front"])
    link = back["vlans"]["100"] if "vlans" in back else back
    gateways = {route["via"]: "02:00:00:00:02:fe" for route in link.get("routes", [])}
    link["neighbors"] = {**macs, **gateways}
    given_macs = {"front": {"mac": p.FRONT_MAC, "neighbors": {"192.0.2.254": p.ROUTER_MAC,
                                                              "2001:db8:1::fe": p.ROUTER_MAC}},
                  "back": {"mac": p.BACK_MAC}}
    settings = merged(model, {
        "limpetd": {"secret_file": "/nonexistent/secret"}, "limits": {"flows_max": 20000, "records_max": 20000},
        "ports": {port: given_macs[port] for port in model["ports"]}})
    scenario = r.Scenario(frames={port: [] for port in model["ports"]})
    for family, vip in ((4, r.VIP4), (6, r.VIP6)):
        for client in clients(count, family):
            scenario.front(p.from_client(client, 40000, vip, 80))
    outcome = r.replay(settings, scenario)
    assert outcome.drops == {} and len(outcome.back if "back" in model["ports"] else outcome.front) == 2 * count
    return model, outcome


def test_the_modes_are_there():
    assert {"nat", "dr", "full_nat", *TUNNELS} <= set(EXAMPLES)
    listed = re.findall(r"^\| `([a-z_]+)`(?: \(default\))? \|", PAGE.split("\n## ")[0], re.MULTILINE)
    assert listed == ["forwarding", *EXAMPLES]


def test_nat():
    model, outcome = run("nat")
    assert {p.network(packet).dst for packet in outcome.back} == set(addresses(model))
    assert {packet[p.TCP].dport for packet in outcome.back} == {8080}


def test_dr():
    _, outcome = run("dr")
    assert {p.network(packet).dst for packet in outcome.back} == {r.VIP4, r.VIP6}
    assert {packet.dst for packet in outcome.back} <= {f"02:00:00:00:00:{number:02x}" for number in range(0x20, 0x24)}
    assert all(p.vlans_of(packet) == [100] for packet in outcome.back)


def test_full_nat():
    model, outcome = run("full_nat")
    (local4, local6) = model["services"]["web"]["local_addresses"]
    seen = {(p.network(packet).dst, p.network(packet).src) for packet in outcome.front}
    assert {backend for backend, _ in seen} == set(addresses(model))
    assert {packet.dst for packet in outcome.front} == {f"02:00:00:00:00:{number:02x}" for number in range(0x20, 0x23)}
    locals4 = {str(address) for address in ipaddress.ip_network(local4)}
    assert {local for _, local in seen if "." in local} <= locals4
    assert {local for _, local in seen if ":" in local} == {local6}


def test_client_address():
    _, more = re.findall(r"^```toml\n(.*?)^```", SECTIONS["full_nat"], re.MULTILINE | re.DOTALL)
    _, outcome = run("full_nat", more=tomllib.loads(more))
    assert {packet[p.TCP].seq for packet in outcome.front} == {1000 - 28, 1000 - 52}


@pytest.mark.parametrize("title", TUNNELS)
def test_tunnels(title):
    model, outcome = run(title)
    seen = set()
    for packet in outcome.back:
        outer, inner = split(packet, title)
        assert inner.dst in (r.VIP4, r.VIP6)
        seen.add((outer.dst, inner.version))
        assert_right(packet, title)
    given = addresses(model)
    assert {address for address, _ in seen} == set(given)
    if title == "ipip":
        assert {inner for address, inner in seen if address == "198.51.100.11"} == {4}, "its own for IPv6"
        assert {inner for address, inner in seen if address == "203.0.113.12"} == {4, 6}
    else:
        assert seen == {(address, inner) for address in given for inner in (4, 6)}


def test_what_the_gre_tunnel_says():
    _, outcome = run("gre")
    outers = [split(packet, "gre")[0] for packet in outcome.back]
    assert {outer.src for outer in outers if outer.version == 4} == {"198.51.100.2", "198.51.100.3"}
    assert {outer.src for outer in outers if outer.version == 6} == {"2001:db8:2::1"}
    assert {outer.ttl if outer.version == 4 else outer.hlim for outer in outers} == {16}


@pytest.mark.parametrize("test", re.findall(r"`(tests/[a-z_/0-9]+\.py)`", PAGE))
def test_tests_exist(test):
    assert (ROOT / test).exists()
