"""What a Remote Desktop client says first, a connection request with a cookie (MS-RDPBCGR, section 2.2.1.1): the token
that a connection broker gave out leads to the host it names, a user comes back to the host of the first time."""

import socket
import struct
import threading

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, client4, client6

PORT = 3389
CONFIRM = bytes.fromhex("0300000b06d00000123400")  # X.224: connection confirm
NEGOTIATION = bytes.fromhex("0100080003000000")    # TLS or CredSSP
PROFILES = {"token": {"type": "rdp_msts", "by": "route"}, "user": {"type": "rdp_mstshash"}}


def request(cookie: str) -> bytes:
    said = f"Cookie: {cookie}\r\n".encode() + NEGOTIATION
    return struct.pack(">BBHBBHHB", 3, 0, 11 + len(said), 6 + len(said), 0xe0, 0, 0, 0) + said


def token(backend: int) -> str:
    """As brokers write it: address and port as numbers, their bytes turned round."""
    address = int.from_bytes(socket.inet_aton(backend4(backend)), "little")
    return f"msts={address}.{socket.htons(PORT)}.0000"


def serve(namespace, name: str):
    """A host that confirms the connection and says its name."""
    def answer(listener: socket.socket):
        while True:
            connection, _ = listener.accept()
            with connection:
                head = connection.recv(4, socket.MSG_WAITALL)
                if len(head) == 4 and connection.recv(struct.unpack(">H", head[2:])[0] - 4, socket.MSG_WAITALL):
                    connection.sendall(CONFIRM + name.encode())

    with namespace.inside():
        listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    threading.Thread(target=answer, args=[listener], daemon=True).start()


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=8, **either_nat) as made:
        for name in made.names:
            serve(made.namespaces[name], name)
        made.start_limpetd(made.config_in_turn(
            PORT, {"type": "tcp", "l4_port": PORT}, profiles=PROFILES,
            services={"web": {"listen": [f"{VIP4}:{PORT}/tcp", f"[{VIP6}]:{PORT}/tcp"], "persist": ["token", "user"]}}))
        yield made


def connect(lab, source: str, cookie: str) -> str:
    with lab.namespaces["client"].inside():
        connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    with connection:
        connection.settimeout(20)
        connection.bind((source, 0))
        connection.connect((VIP6 if ":" in source else VIP4, PORT))
        connection.sendall(request(cookie))
        answer = b""
        while chunk := connection.recv(64):
            answer += chunk
    assert answer.startswith(CONFIRM), answer
    return answer[len(CONFIRM):].decode()


@pytest.mark.parametrize("client", [client4, client6])
def test_a_token_leads_to_the_host_it_names(lab, client):
    for i in range(8):
        assert connect(lab, client(i), token(i % 3)) == lab.names[i % 3]
    assert lab.limpetd.moves() == []


@pytest.mark.parametrize("client", [client4, client6])
def test_a_user_returns(lab, client):
    users = [f"{client.__name__}-user{i}" for i in range(6)]
    where = {user: connect(lab, client(0), f"mstshash={user}") for user in users}
    assert len(set(where.values())) > 1
    for i, user in enumerate(users):
        assert connect(lab, client(i + 2), f"mstshash={user.upper()}") == where[user]


def test_a_token_that_names_no_host_of_the_pool_leads_nowhere_else(lab):
    assert connect(lab, client4(0), token(77)) in lab.names
    assert lab.limpetd.counters()["token_hit"] > 0
