"""MQTT clients known by their ids: each comes back to the broker that keeps its session, whatever address it comes
from. Real brokers and clients (mosquitto)."""

import pytest
from support.lab import VIP4, VIP6, Lab, client4, client6
from support.served import Served

PORT = 1883
BROKER = """
listener {port}
allow_anonymous true
persistence false
"""
PROFILES = {"device": {"type": "mqtt_client_id"}}
DEVICES = [f"device-{i}" for i in range(6)]


@pytest.fixture(scope="module")
def lab():
    with Lab(clients=4) as made:
        brokers = [broker(made, name) for name in made.names]
        try:
            for served in brokers:
                served.start()
            made.start_limpetd(made.config_in_turn(
                PORT, {"type": "tcp", "l4_port": PORT}, profiles=PROFILES,
                services={"web": {"listen": [f"{VIP4}:{PORT}/tcp", f"[{VIP6}]:{PORT}/tcp"], "persist": ["device"]}}))
            yield made
        finally:
            for served in brokers:
                served.stop()


def broker(lab, name: str) -> Served:
    folder = lab.folder / f"mosquitto-{name}"
    folder.mkdir()
    (folder / "mosquitto.conf").write_text(BROKER.format(port=PORT))
    return Served(lab.namespaces[name], ["mosquitto", "-c", folder / "mosquitto.conf"], folder / "log", PORT)


def hear(lab, device: str, source: str, *topics: str) -> str:
    """The first word that a device gets, which keeps its session and has told these topics, or did before."""
    host = VIP6 if ":" in source else VIP4
    words = [word for topic in topics for word in ("-t", topic)]
    return lab.namespaces["client"].run("mosquitto_sub", "-h", host, "-p", PORT, "-A", source, "-i", device, "-c", *words,
                                        "-q", "1", "-C", "1", "-W", "10", timeout_s=20).stdout.strip()


def say(lab, name: str, topic: str, word: str, *options):
    """At the broker itself."""
    lab.namespaces[name].run("mosquitto_pub", "-h", "127.0.0.1", "-t", topic, "-q", "1", "-m", word, *options)


def test_a_device_returns_to_the_broker_that_has_its_session(lab):
    """Each leaves a subscription behind, and gets what was said meanwhile: only the broker that it was at has that."""
    for name in lab.names:
        say(lab, name, "broker", name, "-r")
    clients = [address(i) for i in range(4) for address in (client4, client6)]
    where = {device: hear(lab, device, clients[i], "broker", f"news/{device}") for i, device in enumerate(DEVICES)}
    assert len(set(where.values())) > 1
    for turn in range(2):
        for number, device in enumerate(DEVICES):
            say(lab, where[device], f"news/{device}", f"news for {device}")
            # A client that hears one word and goes may not have confirmed the one before: the same comes again.
            assert hear(lab, device, clients[(number + 3 + turn) % len(clients)], f"news/{device}") == f"news for {device}"
    assert lab.limpetd.counters()["record_new"] == len(DEVICES)
    assert lab.limpetd.counters()["record_hit"] == 2 * len(DEVICES)
    assert lab.limpetd.moves() == []
