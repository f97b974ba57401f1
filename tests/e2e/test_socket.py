"""The control socket among hostile and many clients, and limpetctl's exit codes."""

import json

from support.programs import run, program

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"version"}\n'


def test_hostile_requests_get_errors_and_the_server_lives(limpetd):
    for bad, code in ((b"\n", -32700), (b"{\n", -32700), (b"\xff\xfe\x00\n", -32700), (b"[]\n", -32600),
                      (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}\n', -32601),
                      (b'{"jsonrpc":"2.0","id":1,"method":"why","params":{"clint":"x"}}\n', -32602),
                      (b'{"x":"' + b"a" * (1 << 20) + b'"}\n', -32006)):
        reply = limpetd.ask_raw(bad)
        assert reply["error"]["code"] == code, (bad[:40], reply)
    half = limpetd.ask_raw(REQUEST[:-5], end=True)
    assert half["error"]["code"] == -32700
    assert "result" in limpetd.ask_raw(REQUEST)


def test_64_clients_at_once(limpetd):
    peers = [limpetd.connect() for _ in range(64)]
    try:
        for peer in peers[::2]:
            peer.sendall(REQUEST[:20])  # half-sent requests hold nobody up
        for peer in peers[1::2]:
            peer.sendall(REQUEST)
        for peer in peers[1::2]:
            assert b'"result"' in peer.recv(65536)
        for peer in peers[::2]:
            peer.sendall(REQUEST[20:])
            assert b'"result"' in peer.recv(65536)
    finally:
        for peer in peers:
            peer.close()
    limpetd.wait_for(lambda: "result" in limpetd.ask_raw(REQUEST), "room for another client")


def test_exit_codes(limpetd):
    assert limpetd.ctl("version").returncode == 0
    refused = limpetd.ctl("backend", "drain", "web/nobody", check=False)
    assert refused.returncode == 1 and "nobody" in refused.stderr
    assert limpetd.ctl("show", "nothing", check=False).returncode == 2
    gone = run([program("limpetctl"), "--socket", limpetd.socket + ".not", "version"], check=False)
    assert gone.returncode == 3 and gone.stderr.count("\n") == 1


def test_interactive_mode(limpetd):
    result = run([program("limpetctl"), "--socket", limpetd.socket], input="show pools\nversion\nquit\n", check=False)
    assert result.returncode == 0 and "rendezvous" in result.stdout


def test_json_everywhere(limpetd):
    for words in (("version",), ("show", "pools"), ("config", "schema"), ("why", "--service", "web", "--client",
                                                                          "192.0.2.101")):
        assert json.loads(limpetd.ctl("--json", *words).stdout) is not None
