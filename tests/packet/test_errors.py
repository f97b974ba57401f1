"""What limpet-replay cannot do, it refuses: exit code 1 and lines on stderr that name the thing and what is wrong."""

import pytest
from scapy.utils import PcapWriter
from support import packets as p
from support import replay as r
from support import toml_text
from support.programs import program, run

GOOD = bytes(p.from_client("203.0.113.1", 40000, r.VIP4, 80))


@pytest.fixture
def folder(tmp_path):
    """A configuration and a capture that work; tests spoil one thing."""
    (tmp_path / "limpet.toml").write_text(toml_text.dump(r.config()))
    r.write_capture(tmp_path / "in.pcap", [(0, GOOD), (1000, GOOD)])
    return tmp_path


def launch(folder, *, config="limpet.toml", ins=("front=in.pcap",), outs=("back=out.pcap",), extra=()):
    words = [program("limpet-replay"), "--config", config, *extra]
    for option, values in (("--in", ins), ("--out", outs)):
        for value in values:
            words += [option, value]
    return run(words, check=False, cwd=folder)


def refused(result) -> str:
    """The one line of a refusal, without the program's name."""
    assert result.returncode == 1, f"exit code {result.returncode}\n{result.stdout}{result.stderr}"
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("limpet-replay: ")
    return line.removeprefix("limpet-replay: ")


def test_what_the_tests_spoil_works(folder):
    result = launch(folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert "forwarded_in" in result.stdout and "violations" in result.stdout


@pytest.mark.parametrize("ins, outs, word", [
    (["middle=in.pcap"], ["back=out.pcap"], "middle=in.pcap"),
    (["front=in.pcap"], ["middle=out.pcap"], "middle=out.pcap"),
    (["in.pcap"], ["back=out.pcap"], "in.pcap"),
    (["=in.pcap"], ["back=out.pcap"], "=in.pcap"),
])
def test_unknown_port(folder, ins, outs, word):
    assert refused(launch(folder, ins=ins, outs=outs)) == f"{word}: expected PORT=FILE with a port of the configuration"


@pytest.mark.parametrize("cut", [1, len(GOOD) + 3, 2 * len(GOOD) + 2 * 16 + 2],
                         ids=["in the last frame", "in a frame's header", "in the file's header"])
@pytest.mark.parametrize("extra", [[], ["--json"]], ids=["text", "json"])
def test_capture_cut_short(folder, cut, extra):
    """Nothing is reported, although the frames before were served."""
    whole = (folder / "in.pcap").read_bytes()
    (folder / "in.pcap").write_bytes(whole[:-cut])
    assert refused(launch(folder, extra=extra)).startswith("in.pcap: ")


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no capture at all\n" * 10], ids=["empty", "zeros", "text"])
def test_no_capture(folder, content):
    (folder / "in.pcap").write_bytes(content)
    assert refused(launch(folder)).startswith("in.pcap: cannot be read as a capture: ")


def test_capture_with_a_length_beyond_reason(folder):
    data = bytearray((folder / "in.pcap").read_bytes())
    data[24 + 8:24 + 12] = (0x7FFFFFFF).to_bytes(4, "little")
    (folder / "in.pcap").write_bytes(data)
    assert refused(launch(folder)).startswith("in.pcap: damaged: ")


def test_capture_of_another_link(folder):
    with PcapWriter(str(folder / "in.pcap"), linktype=101) as writer:
        writer.write_header(None)
        writer.write_packet(GOOD[14:], sec=1, usec=0)
    message = refused(launch(folder))
    assert message.startswith("in.pcap: has link type ") and message.endswith("expected Ethernet")


def test_capture_with_cut_frames(folder):
    with PcapWriter(str(folder / "in.pcap"), linktype=1) as writer:
        writer.write_header(None)
        writer.write_packet(GOOD[:40], sec=1, usec=0, caplen=40, wirelen=len(GOOD))
    assert refused(launch(folder)) == (f"in.pcap: a frame of {len(GOOD)} bytes was cut to 40; capture with a larger "
                                       "snapshot length")


def test_missing_files(folder):
    assert "none.pcap" in refused(launch(folder, ins=["front=none.pcap"]))
    assert "none.toml" in refused(launch(folder, config="none.toml"))
    assert "none/out.pcap" in refused(launch(folder, outs=["back=none/out.pcap"]))


@pytest.mark.parametrize("before, after, parts", [
    ("[ports.front]", "[ports.front", ["limpet.toml:", "expected"]),
    ("forwarding =", "fowarding =", ["limpet.toml:", "fowarding", "forwarding"]),
    ('"192.0.2.10:80/tcp"', '"192.0.2.10:80/sctp"', ["limpet.toml:", "192.0.2.10:80/sctp"]),
    ('pool = "web"', 'pool = "wob"', ["limpet.toml:", "wob", "web"]),
    ("192.0.2.1/24", "192.0.2.1/33", ["limpet.toml:", "192.0.2.1/33"]),
])
def test_bad_configuration(folder, before, after, parts):
    text = toml_text.dump(r.config())
    assert before in text
    (folder / "limpet.toml").write_text(text.replace(before, after))
    message = refused(launch(folder))
    assert all(part in message for part in parts), message


def test_all_problems_of_a_file_at_once(folder):
    text = toml_text.dump(r.config()).replace("fe\"", "zz\"").replace("forwarding", "fowarding")
    (folder / "limpet.toml").write_text(text)
    result = launch(folder)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if "limpet.toml:" in line]
    assert len(lines) >= 2 and len({line.split(":")[-1] for line in lines}) >= 2


@pytest.mark.parametrize("size", [0, 31, 33])
def test_secret_of_a_wrong_size(folder, size):
    (folder / "secret").write_bytes(b"\7" * size)
    (folder / "secret").chmod(0o600)
    settings = r.config(limpetd={"secret_file": str(folder / "secret")})
    (folder / "limpet.toml").write_text(toml_text.dump(settings))
    assert f"secret file {folder}/secret" in refused(launch(folder))


def test_usage(folder):
    for words in (["--workers", "0"], ["--workers", "65"], ["--workers", "two"], ["--nonsense"]):
        result = launch(folder, extra=words)
        assert result.returncode != 0 and words[0] in result.stderr
    assert run([program("limpet-replay")], check=False).returncode != 0
    assert "--config" in run([program("limpet-replay"), "--help"]).stdout
